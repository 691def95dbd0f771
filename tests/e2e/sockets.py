"""A provider's side of WebSockets for end-to-end tests: OpenAI's Responses and Realtime APIs, in text."""

from __future__ import annotations

import json
from typing import Any

from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, TextMessage

from addon.sockets.upgrade import accept_for
from tests.e2e.upstream import Exchange

__all__ = ["Socket", "openai"]


class Socket:
    """The socket of one upgrade."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._socket = Connection(ConnectionType.SERVER)
        exchange.close_connection = True
        accept = accept_for(exchange.headers["sec-websocket-key"])
        exchange.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            b"sec-websocket-accept: " + accept.encode() + b"\r\n\r\n"
        )

    def send(self, **frame: Any) -> None:
        """Send a frame."""
        self._write(TextMessage(json.dumps(frame)))

    def received(self) -> dict[str, Any] | None:
        """The next frame; None once the client has left."""
        text = ""
        while True:
            for event in self._socket.events():
                if isinstance(event, Message):
                    text += event.data
                    if event.message_finished:
                        frame: dict[str, Any] = json.loads(text)
                        return frame
                elif isinstance(event, Ping):
                    self._write(event.response())
                elif isinstance(event, CloseConnection):
                    self._write(event.response())
                    return None
            data = self._exchange.rfile.read1(65_536)  # type: ignore[attr-defined]  # a BufferedReader
            if not data:
                return None
            self._socket.receive_data(data)

    def _write(self, event: Any) -> None:
        self._exchange.wfile.write(self._socket.send(event))


def openai(exchange: Exchange) -> None:
    """Responses, at /v1/responses over a WebSocket and a POST, and Realtime; each text differs from the last."""
    if "upgrade" not in exchange.headers:
        events = _response(exchange.number, str(json.loads(exchange.body)["input"]))
        body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        exchange.answer(body, content_type="text/event-stream")
    elif exchange.path.startswith("/v1/responses"):
        _responses(Socket(exchange), exchange.number)
    else:
        _realtime(Socket(exchange), exchange.number)


def _responses(socket: Socket, number: int) -> None:
    turn = 0
    while (frame := socket.received()) is not None:
        turn += 1
        for event in _response(number * 100 + turn, str(frame["input"])):
            socket.send(**event)


def _response(number: int, question: str) -> list[dict[str, Any]]:
    response: dict[str, Any] = {
        "id": f"resp_{number}", "object": "response", "created_at": 1, "model": "m", "status": "in_progress",
        "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    }  # fmt: skip
    text = f"answer {number} to {question}"
    place = {"item_id": f"msg_{number}", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {
        "type": "message",
        "id": f"msg_{number}",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }
    return [
        {"type": "response.created", "sequence_number": 0, "response": response},
        {"type": "response.output_text.delta", "sequence_number": 1, **place, "delta": text, "logprobs": []},
        {
            "type": "response.completed",
            "sequence_number": 2,
            "response": response | {"status": "completed", "output": [item]},
        },
    ]


def _realtime(socket: Socket, number: int) -> None:
    said = ""
    socket.send(
        type="session.created",
        event_id=f"event_{number}",
        session={"id": f"sess_{number}", "type": "realtime"},
    )
    while (frame := socket.received()) is not None:
        if frame["type"] == "session.update":
            socket.send(type="session.updated", event_id=f"event_{number}_u", session={"type": "realtime"})
        elif frame["type"] == "conversation.item.create":
            said = frame["item"]["content"][0]["text"]
        elif frame["type"] == "response.create":
            place = {
                "response_id": f"resp_{number}",
                "item_id": "item",
                "output_index": 0,
                "content_index": 0,
            }
            response = {"id": f"resp_{number}", "object": "realtime.response", "output": []}
            socket.send(type="response.created", event_id="a", response=response | {"status": "in_progress"})
            for part in ("answer ", f"{number} to ", said):
                socket.send(type="response.output_text.delta", event_id="b", delta=part, **place)
            socket.send(type="response.done", event_id="c", response=response | {"status": "completed"})
