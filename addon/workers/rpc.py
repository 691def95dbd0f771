"""An RPC channel between two processes of a run: requests, results and notifications as JSON frames.

A frame is 4 bytes of length (big-endian) and `[number, method, args]`. A positive number is a request, 0 a
notification, a negative one the result of the request with that number. Frames keep their order, and a request
whose result is at hand is answered before the next frame is read.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["ChannelClosed", "RpcChannel"]

logger = logging.getLogger(__name__)

# In bytes. A run of millions of entries reports a long list of those that it used.
_LONGEST_FRAME = 256 * 1024 * 1024


class ChannelClosed(Exception):
    """The other process is gone."""


type Handler = Callable[[str, list[Any]], Any]
"""Called with method and arguments; what it returns, awaited if that is possible, is the result."""


class RpcChannel:
    """One end of the channel; `handler` gets every request and notification of the other end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
        self._reader = reader
        self._writer = writer
        self._handler = handler
        self._numbers = itertools.count(1)
        self._pending: dict[int, tuple[asyncio.Future[Any], Callable[[Any], Any] | None]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.closed = False

    async def ask(self, method: str, *args: Any, then: Callable[[Any], Any] | None = None) -> Any:
        """The result of a request, passed through `then` before the next frame is read. Raises ChannelClosed."""
        if self.closed:
            raise ChannelClosed(method)
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = future, then
        self._send([number, method, args])
        return await future

    def tell(self, method: str, *args: Any) -> None:
        """Send a notification; it is dropped once the channel is closed."""
        if not self.closed:
            self._send([0, method, args])

    def confirm(self, method: str, *args: Any) -> Awaitable[Any] | None:
        """Send a request whose result, once awaited, says that it was handled."""
        return self.ask(method, *args)

    async def run(self) -> None:
        """Handle frames until the other end is gone or sends one that is malformed."""
        try:
            while True:
                size = int.from_bytes(await self._reader.readexactly(4), "big")
                if size > _LONGEST_FRAME:
                    break
                self._receive(*json.loads(await self._reader.readexactly(size)))
        except (asyncio.IncompleteReadError, OSError):
            pass  # the other end is gone
        except Exception:
            logger.exception(
                "a process of this run sent a message that cannot be understood; it is disconnected"
            )
        finally:
            self.close()

    def close(self) -> None:
        """Close the channel; notifications that are not sent yet are lost, and pending requests fail."""
        self.closed = True
        self._writer.transport.abort()
        pending, self._pending = self._pending, {}
        for future, _ in pending.values():
            if not future.done():
                future.set_exception(ChannelClosed("the other process of this run is gone"))
                future.exception()  # the caller may be gone as well

    def _send(self, frame: list[Any]) -> None:
        data = json.dumps(frame, separators=(",", ":")).encode()
        self._writer.write(len(data).to_bytes(4, "big") + data)

    def _receive(self, number: int, method: str, args: Any) -> None:
        if number < 0:
            future, then = self._pending.pop(-number)
            value = then(args) if then is not None else args
            if not future.done():  # the caller was cancelled
                future.set_result(value)
            return
        result = self._handler(method, args)
        if isinstance(result, Awaitable):
            task = asyncio.ensure_future(self._answer_later(number, result))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif number:
            self._send([-number, method, result])

    async def _answer_later(self, number: int, result: Awaitable[Any]) -> None:
        value = await result
        if number and not self.closed:
            self._send([-number, "", value])
