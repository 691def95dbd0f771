"""A line between two processes of a run: questions, answers and news, as JSON in frames with their length.

A frame is 4 bytes of length (big-endian) and `[number, what, given]`. A number above 0 asks, 0 tells, one below 0
answers the question of that number. Frames keep their order, and a question that can be answered at once is.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["LONGEST", "Line", "LineLost"]

logger = logging.getLogger(__name__)

LONGEST = 256 * 1024 * 1024
"""Bytes of a frame: what a run of millions of entries has used is a long list."""


class LineLost(Exception):
    """The other process is gone."""


type Hear = Callable[[str, list[Any]], Any]


class Line:
    """One end. `hear(what, given)` is called for all that is asked and told; what it returns, or what that
    comes to where it can be awaited, is the answer.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Hear) -> None:
        self._reader = reader
        self._writer = writer
        self._hear = hear
        self._numbers = itertools.count(1)
        self._asked: dict[int, tuple[asyncio.Future[Any], Callable[[Any], Any] | None]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self.lost = False

    async def ask(self, what: str, *given: Any, then: Callable[[Any], Any] | None = None) -> Any:
        """The answer. `then` makes it what is returned, before the next frame is looked at. Raises LineLost."""
        if self.lost:
            raise LineLost(what)
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[number] = future, then
        self._send([number, what, given])
        return await future

    def tell(self, what: str, *given: Any) -> None:
        """Send news; nothing where nobody is left to hear them."""
        if not self.lost:
            self._send([0, what, given])

    async def run(self) -> None:
        """Hear the other end until it is gone, or says what cannot be understood."""
        try:
            while True:
                size = int.from_bytes(await self._reader.readexactly(4), "big")
                if size > LONGEST:
                    break
                self._take(*json.loads(await self._reader.readexactly(size)))
        except (asyncio.IncompleteReadError, OSError):
            pass  # gone
        except Exception:
            logger.exception("a process of the run says what the other does not understand")
        finally:
            self.close()

    def close(self) -> None:
        """End it, unsent news included; what was asked has no answer."""
        self.lost = True
        self._writer.transport.abort()
        asked, self._asked = self._asked, {}
        for future, _ in asked.values():
            if not future.done():
                future.set_exception(LineLost("the other process of this run is gone"))
                future.exception()  # whoever asked may be gone as well

    def _send(self, frame: list[Any]) -> None:
        data = json.dumps(frame, separators=(",", ":")).encode()
        self._writer.write(len(data).to_bytes(4, "big") + data)

    def _take(self, number: int, what: str, given: Any) -> None:
        if number < 0:
            future, then = self._asked.pop(-number)
            value = then(given) if then is not None else given
            if not future.done():  # else whoever asked was cancelled
                future.set_result(value)
            return
        answer = self._hear(what, given)
        if isinstance(answer, Awaitable):
            task = asyncio.ensure_future(self._answer_later(number, answer))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif number:
            self._send([-number, what, answer])

    async def _answer_later(self, number: int, answer: Awaitable[Any]) -> None:
        value = await answer
        if number and not self.lost:
            self._send([-number, "", value])
