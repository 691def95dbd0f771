"""Our addon manager does what mitmproxy's does."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import addonmanager, exceptions, hooks, http, master, options
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook
from mitmproxy.test import tflow

from addon.mitm.core.dispatch import LeanAddonManager


class _Addon:
    """Notes its calls in a list that the addons of a test share."""

    def __init__(self, name: str, calls: list[str], does: Callable[[], Any] | None = None) -> None:
        self.name = name
        self.calls = calls
        self.does = does
        self.addons: list[Any] = []

    def request(self, flow: http.HTTPFlow) -> Any:
        assert isinstance(flow, http.HTTPFlow)
        self.calls.append(self.name)
        return self.does() if self.does else None


def _halt() -> None:
    raise exceptions.AddonHalt


def _fail() -> None:
    raise ValueError("a fault of this addon")


def _manager(kind: Any = LeanAddonManager) -> Any:
    made = master.Master(options.Options())
    made.addons = kind(made)
    return made.addons


def _event() -> hooks.Hook:
    return HttpRequestHook(tflow.tflow())


BOTH = pytest.mark.parametrize("kind", [LeanAddonManager, addonmanager.AddonManager])


@BOTH
async def test_addons_are_called_in_order(kind: Any) -> None:
    """In the order of the chain, sub-addons right after their parent, twice the same."""
    manager = _manager(kind)
    calls: list[str] = []
    parent = _Addon("b", calls)
    parent.addons = [_Addon("b.1", calls), _Addon("b.2", calls)]
    manager.add(_Addon("a", calls), parent, _Addon("c", calls))
    for _ in range(2):
        await manager.trigger_event(_event())
    assert calls == ["a", "b", "b.1", "b.2", "c"] * 2


@BOTH
async def test_async_hooks_are_awaited(kind: Any) -> None:
    """The next addon is called when the one before has finished."""
    manager = _manager(kind)
    calls: list[str] = []

    async def slowly() -> None:
        await asyncio.sleep(0.01)
        calls.append("a, later")

    manager.add(_Addon("a", calls, slowly), _Addon("b", calls))
    await manager.trigger_event(_event())
    assert calls == ["a", "a, later", "b"]


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_halt_ends_the_event(kind: Any, asynchronous: bool) -> None:
    """AddonHalt keeps the event from the addons that follow, and nothing is logged."""

    async def later() -> None:
        _halt()

    manager = _manager(kind)
    calls: list[str] = []
    manager.add(_Addon("a", calls, later if asynchronous else _halt), _Addon("b", calls))
    await manager.trigger_event(_event())
    assert calls == ["a"]


@BOTH
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_fault_is_logged_and_the_next_addon_is_called(
    kind: Any, asynchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """One addon's exception is an error in the log with its traceback, as mitmproxy has it."""

    async def later() -> None:
        _fail()

    with caplog.at_level(logging.ERROR):
        manager = _manager(kind)
        calls: list[str] = []
        manager.add(_Addon("a", calls, later if asynchronous else _fail), _Addon("b", calls))
        await manager.trigger_event(_event())
        assert calls == ["a", "b"]
    assert len(caplog.records) == 1
    assert caplog.records[0].name == "mitmproxy.addonmanager"
    assert "Addon error: a fault of this addon" in caplog.text


@BOTH
async def test_addons_that_come_and_go_are_seen(kind: Any) -> None:
    """Hooks that were looked up once are looked up anew after add, register, remove and clear."""
    manager = _manager(kind)
    calls: list[str] = []

    async def called() -> list[str]:
        calls.clear()
        await manager.trigger_event(_event())
        return list(calls)

    assert await called() == []
    first, second = _Addon("a", calls), _Addon("b", calls)
    manager.add(first)
    assert await called() == ["a"]
    manager.add(second)
    assert await called() == ["a", "b"]
    child = _Addon("a.1", calls)
    first.addons.append(child)
    manager.register(child)
    assert await called() == ["a", "a.1", "b"]
    first.addons.remove(child)
    manager.remove(child)
    assert await called() == ["a", "b"]
    manager.remove(first)
    assert await called() == ["b"]
    manager.clear()
    assert await called() == []


@BOTH
async def test_an_addon_may_add_another_while_an_event_goes_round(kind: Any) -> None:
    """The new one gets the next event at the latest."""
    manager = _manager(kind)
    calls: list[str] = []

    def add() -> None:
        if "b" not in manager.lookup:
            manager.add(_Addon("b", calls))

    manager.add(_Addon("a", calls, add))
    await manager.trigger_event(_event())
    calls.clear()
    await manager.trigger_event(_event())
    assert calls == ["a", "b"]


@BOTH
async def test_flow_events_are_followed_by_an_update(kind: Any) -> None:
    """`handle_lifecycle` sends `update` after a flow's event, as tools that show flows rely on."""
    manager = _manager(kind)
    calls: list[str] = []

    class Shows:
        name = "shows"

        def update(self, flows: list[Any]) -> None:
            calls.append(f"update {len(flows)}")

    manager.add(_Addon("a", calls), Shows())
    await manager.handle_lifecycle(_event())
    assert calls == ["a", "update 1"]


# -- in place ------------------------------------------------------------------------


class _Updated:
    """Notes `update`, which follows every hook of a flow."""

    name = "updated"

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def update(self, flows: list[http.HTTPFlow]) -> None:
        assert len(flows) == 1
        self.calls.append("update")


async def _task() -> None:
    assert asyncio.current_task() is not None


@pytest.mark.parametrize("updates", [False, True])
@pytest.mark.parametrize(
    ("does", "follows"),
    [(None, True), (_task, True), (_halt, False), (_fail, True)],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
async def test_what_need_not_wait_is_through_at_once(
    does: Callable[[], Any] | None, *, follows: bool, updates: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """All hooks are called in order, then `update`; a halt ends the event and a fault is logged."""
    manager = _manager()
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    calls: list[str] = []
    manager.add(_Addon("a", calls, does), _Addon("b", calls))
    if updates:
        manager.add(_Updated(calls))
    event = _event()
    assert manager.begin(event, event.args()[0]) is True
    assert calls == ["a", *(["b"] if follows else []), *(["update"] if updates else [])]
    assert ("a fault of this addon" in caplog.text) == (does is _fail)


async def test_what_waits_is_finished_by_the_same_event() -> None:
    """Not through at once; `handle_lifecycle` waits for the rest, and nothing is called twice."""
    manager = _manager()
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    calls: list[str] = []

    async def slowly() -> None:
        await asyncio.sleep(0.01)
        calls.append("a, later")

    manager.add(_Addon("a", calls, slowly), _Addon("b", calls), _Updated(calls))
    event = _event()
    assert manager.begin(event, event.args()[0]) is False
    assert calls == ["a"]
    await manager.handle_lifecycle(event)
    assert calls == ["a", "a, later", "b", "update"]
    await manager.handle_lifecycle(event)  # begun no more: as any other
    assert calls[4:] == calls[:4]


async def test_an_intercepted_flow_is_not_through() -> None:
    """Whoever handles the hook must wait for its release, though every addon was called."""
    manager = _manager()
    calls: list[str] = []
    event = _event()
    flow = event.args()[0]
    manager.add(_Addon("a", calls, flow.intercept))
    assert manager.begin(event, flow) is False
    await manager.handle_lifecycle(event)
    assert calls == ["a"]
