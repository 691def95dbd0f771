"""The RPC channel between two processes of a run."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from addon.workers import rpc as rpc_module
from addon.workers.rpc import ChannelClosed, RpcChannel


async def _channels(
    hear_one: Callable[..., Any], hear_other: Callable[..., Any]
) -> tuple[RpcChannel, RpcChannel]:
    ends = socket.socketpair()
    channels = []
    for end, hear in zip(ends, (hear_one, hear_other), strict=True):
        reader, writer = await asyncio.open_unix_connection(sock=end)
        channels.append(RpcChannel(reader, writer, hear))
    return channels[0], channels[1]


def _tell(story: Callable[[RpcChannel, RpcChannel], Awaitable[None]], hear: Callable[..., Any]) -> None:
    """Run a story with both ends of a channel; `hear` handles what the second one receives."""

    async def whole() -> None:
        one, other = await _channels(lambda *_: None, hear)
        running = [asyncio.create_task(channel.run()) for channel in (one, other)]
        async with asyncio.timeout(10):
            await story(one, other)
            one.close()
            await asyncio.gather(*running)

    asyncio.run(whole())


def test_requests_get_their_results() -> None:
    """Each request gets its own result, any JSON value, even while an earlier request is still pending."""
    gate = asyncio.Event()

    async def slowly() -> str:
        await gate.wait()
        return "late"

    def hear(what: str, given: list[Any]) -> Any:
        return slowly() if what == "slow" else [what, *given]

    async def story(one: RpcChannel, _: RpcChannel) -> None:
        late = asyncio.create_task(one.ask("slow"))
        assert await one.ask("echo", 1, "ü", None) == ["echo", 1, "ü", None]
        assert not late.done()
        gate.set()
        assert await late == "late"

    _tell(story, hear)


def test_notifications_arrive_in_order_and_before_a_later_result() -> None:
    """A result says that every earlier notification has been handled."""
    heard: list[Any] = []

    def hear(what: str, given: list[Any]) -> Any:
        heard.append(given[0] if given else what)

    async def story(one: RpcChannel, _: RpcChannel) -> None:
        for n in range(100):
            one.tell("n", n)
        await one.ask("done")
        assert heard == [*range(100), "done"]

    _tell(story, hear)


def test_a_result_is_used_before_the_next_frame() -> None:
    """`then` runs in the order of the frames, not when the caller wakes."""
    order: list[str] = []

    async def story() -> None:
        one, other = await _channels(lambda what, _: order.append(what), lambda *_: other.tell("after") or 1)
        running = [asyncio.create_task(channel.run()) for channel in (one, other)]
        real = other._receive

        def take(number: int, what: str, given: Any) -> None:
            real(number, what, given)
            other.tell("news")

        other._receive = take  # type: ignore[method-assign]
        assert await one.ask("x", then=lambda value: order.append("then") or value) == 1
        await asyncio.sleep(0.05)
        assert order == ["after", "then", "news"]
        one.close()
        await asyncio.gather(*running)

    asyncio.run(story())


def test_requests_fail_once_the_other_end_is_gone() -> None:
    """Pending requests and later ones fail; notifications are dropped."""

    async def forever() -> None:
        await asyncio.sleep(60)

    async def story(one: RpcChannel, other: RpcChannel) -> None:
        asked = asyncio.create_task(one.ask("x"))
        await asyncio.sleep(0.05)
        other.close()
        with pytest.raises(ChannelClosed):
            await asked
        with pytest.raises(ChannelClosed):
            await one.ask("y")
        one.tell("z")
        assert one.closed

    _tell(story, lambda *_: forever())


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xff\xff\xff",
        b"\0\0\0\2{]",
        b"\0\0\0\2[]",
        b'\0\0\0\x0e[-7,"","none"]',
        b"\0\0\0\1",
    ],
)
def test_a_malformed_frame_closes_the_channel(frame: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Too long, not JSON, not three members, a result of no request, cut short."""

    async def story() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            channel = RpcChannel(reader, writer, lambda *_: None)
            theirs.sendall(frame)
            theirs.shutdown(socket.SHUT_WR)
            await asyncio.wait_for(channel.run(), 5)
            assert channel.closed
            await asyncio.sleep(0.05)
            assert theirs.recv(10) == b""

    with caplog.at_level(logging.CRITICAL):
        asyncio.run(story())


def test_a_frame_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame within it is handled, a longer one closes the channel before it is read."""
    monkeypatch.setattr(rpc_module, "_LONGEST_FRAME", 40)
    heard: list[Any] = []

    async def story(one: RpcChannel, other: RpcChannel) -> None:
        one.tell("a", "x" * 10)
        one.tell("b", "x" * 100)
        while not other.closed:
            await asyncio.sleep(0.01)

    _tell(story, lambda what, _: heard.append(what))
    assert heard == ["a"]


def test_frames_are_json() -> None:
    """A length, then a list; nothing that could run code."""

    async def story() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            channel = RpcChannel(reader, writer, lambda *_: None)
            channel.tell("news", {"a": [1]})
            data = await asyncio.get_running_loop().run_in_executor(None, theirs.recv, 1000)
            assert int.from_bytes(data[:4], "big") == len(data) - 4
            assert json.loads(data[4:]) == [0, "news", [{"a": [1]}]]
            channel.close()

    asyncio.run(story())
