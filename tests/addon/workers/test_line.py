"""A line between two processes."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from addon.workers import line as line_module
from addon.workers.line import Line, LineLost


async def _lines(hear_one: Callable[..., Any], hear_other: Callable[..., Any]) -> tuple[Line, Line]:
    ends = socket.socketpair()
    lines = []
    for end, hear in zip(ends, (hear_one, hear_other), strict=True):
        reader, writer = await asyncio.open_unix_connection(sock=end)
        lines.append(Line(reader, writer, hear))
    return lines[0], lines[1]


def _tell(story: Callable[[Line, Line], Awaitable[None]], hear: Callable[..., Any]) -> None:
    """Run a story with two lines; the second one hears with `hear`."""

    async def whole() -> None:
        one, other = await _lines(lambda *_: None, hear)
        running = [asyncio.create_task(line.run()) for line in (one, other)]
        async with asyncio.timeout(10):
            await story(one, other)
            one.close()
            await asyncio.gather(*running)

    asyncio.run(whole())


def test_questions_have_their_answers() -> None:
    """Each its own, whatever JSON can say, also where one that takes longer was asked before."""
    gate = asyncio.Event()

    async def slowly() -> str:
        await gate.wait()
        return "late"

    def hear(what: str, given: list[Any]) -> Any:
        return slowly() if what == "slow" else [what, *given]

    async def story(one: Line, _: Line) -> None:
        late = asyncio.create_task(one.ask("slow"))
        assert await one.ask("echo", 1, "ü", None) == ["echo", 1, "ü", None]
        assert not late.done()
        gate.set()
        assert await late == "late"

    _tell(story, hear)


def test_what_is_told_comes_in_order_and_before_a_later_answer() -> None:
    """An answer says that all that was told before has been heard."""
    heard: list[Any] = []

    def hear(what: str, given: list[Any]) -> Any:
        heard.append(given[0] if given else what)

    async def story(one: Line, _: Line) -> None:
        for n in range(100):
            one.tell("n", n)
        await one.ask("done")
        assert heard == [*range(100), "done"]

    _tell(story, hear)


def test_an_answer_is_made_use_of_before_the_next_frame() -> None:
    """`then` runs in the order of the frames, not when the asker wakes."""
    order: list[str] = []

    async def story() -> None:
        one, other = await _lines(lambda what, _: order.append(what), lambda *_: other.tell("after") or 1)
        running = [asyncio.create_task(line.run()) for line in (one, other)]
        real = other._take

        def take(number: int, what: str, given: Any) -> None:
            real(number, what, given)
            other.tell("news")

        other._take = take  # type: ignore[method-assign]
        assert await one.ask("x", then=lambda value: order.append("then") or value) == 1
        await asyncio.sleep(0.05)
        assert order == ["after", "then", "news"]
        one.close()
        await asyncio.gather(*running)

    asyncio.run(story())


def test_when_the_other_end_goes_questions_fail() -> None:
    """Those that wait and those to come; news are dropped."""

    async def forever() -> None:
        await asyncio.sleep(60)

    async def story(one: Line, other: Line) -> None:
        asked = asyncio.create_task(one.ask("x"))
        await asyncio.sleep(0.05)
        other.close()
        with pytest.raises(LineLost):
            await asked
        with pytest.raises(LineLost):
            await one.ask("y")
        one.tell("z")
        assert one.lost

    _tell(story, lambda *_: forever())


@pytest.mark.parametrize("frame", [
    b"\xff\xff\xff\xff", b"\0\0\0\2{]", b"\0\0\0\2[]", b"\0\0\0\x0e[-7,\"\",\"none\"]", b"\0\0\0\1",
])  # fmt: skip
def test_what_is_no_frame_ends_it(frame: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Too long, no JSON, not three members, an answer to no question, cut short: the line is closed."""

    async def story() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            line = Line(reader, writer, lambda *_: None)
            theirs.sendall(frame)
            theirs.shutdown(socket.SHUT_WR)
            await asyncio.wait_for(line.run(), 5)
            assert line.lost
            await asyncio.sleep(0.05)
            assert theirs.recv(10) == b""

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(story())


def test_a_frame_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """One within it is heard, a longer one ends the line before it is read."""
    monkeypatch.setattr(line_module, "LONGEST", 40)
    heard: list[Any] = []

    async def story(one: Line, other: Line) -> None:
        one.tell("a", "x" * 10)
        one.tell("b", "x" * 100)
        while not other.lost:
            await asyncio.sleep(0.01)

    _tell(story, lambda what, _: heard.append(what))
    assert heard == ["a"]


def test_frames_are_json() -> None:
    """Their length, then a list; nothing that could run code."""

    async def story() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            line = Line(reader, writer, lambda *_: None)
            line.tell("news", {"a": [1]})
            data = await asyncio.get_running_loop().run_in_executor(None, theirs.recv, 1000)
            assert int.from_bytes(data[:4], "big") == len(data) - 4
            assert json.loads(data[4:]) == [0, "news", [{"a": [1]}]]
            line.close()

    asyncio.run(story())
