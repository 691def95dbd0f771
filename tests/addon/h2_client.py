"""An HTTP/2 client that sends exactly what a test asks for, inside a tunnel through the proxy."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import h2.config
import h2.connection
import h2.events

__all__ = ["Answer", "H2Client"]

type Fields = list[tuple[str, str]]


@dataclass
class Answer:
    """The part of an answer that has come so far."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    trailers: dict[str, str] = field(default_factory=dict)
    ended: bool = False
    reset: bool = False


class H2Client:
    """One connection. With `window=False` it never opens the flow-control window of a stream."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        authority: str,
        *,
        window: bool = True,
    ) -> None:
        config = h2.config.H2Configuration(client_side=True, validate_outbound_headers=False)
        self._h2 = h2.connection.H2Connection(config)
        self._reader, self._writer, self._authority, self._window = reader, writer, authority, window
        self.answers: dict[int, Answer] = {}
        self._h2.initiate_connection()
        self._flush()

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Fields | None = None,
        trailers: Fields | None = None,
    ) -> int:
        """Send a whole request, with no `content-length` but the one in `headers`, and return its stream."""
        stream = int(self._h2.get_next_available_stream_id())
        pseudo = [(":method", method), (":scheme", "https"), (":authority", self._authority), (":path", path)]
        default = [("content-type", "application/json")]
        self._h2.send_headers(stream, [*pseudo, *(headers or default)], end_stream=not body and not trailers)
        for start in range(0, len(body), 16_384):
            last = start + 16_384 >= len(body)
            self._h2.send_data(stream, body[start : start + 16_384], end_stream=last and not trailers)
        if trailers:
            self._h2.send_headers(stream, trailers, end_stream=True)
        self._flush()
        self.answers[stream] = Answer()
        return stream

    async def answer(self, stream: int) -> Answer:
        """The answer, once its stream has ended or was reset, or the connection has."""
        answer = self.answers[stream]
        while not (answer.ended or answer.reset) and await self.read():
            pass
        return answer

    async def read(self) -> bool:
        """Take in what comes next; False at the connection's end."""
        data = await self._reader.read(65536)
        for event in self._h2.receive_data(data):
            self._take(event)
        self._flush()
        return bool(data)

    def open_window(self, stream: int, size: int) -> None:
        """Allow `size` more bytes on a stream and on the connection."""
        self._h2.increment_flow_control_window(size, stream)
        self._h2.increment_flow_control_window(size)
        self._flush()

    def open_connection(self, size: int) -> None:
        """Allow `size` more bytes on the connection alone."""
        self._h2.increment_flow_control_window(size)
        self._flush()

    def reset(self, stream: int) -> None:
        """Give up a stream."""
        self._h2.reset_stream(stream)
        self._flush()

    def _take(self, event: Any) -> None:
        answer = self.answers.get(getattr(event, "stream_id", None) or 0)
        if answer is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            answer.headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self._window:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = True

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())
