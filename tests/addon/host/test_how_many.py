"""How many processes a run may have."""

from __future__ import annotations

import sys

import pytest

from addon.host import how_many as how_many_module
from addon.host.how_many import how_many, processors, shares_ports
from addon.settings.settings import Settings


def _many(raw: dict[str, str], **changes: bool | int) -> tuple[int, str]:
    given: dict[str, bool | int] = {"arguments": False, "shares": True, "usable": True, "cpus": 4} | changes
    return how_many(Settings.parse(raw), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("workers", "count"), [("1", 1), ("2", 2), ("64", 64), ("auto", 4), ("AUTO", 4)])
def test_as_many_as_asked_for(workers: str, count: int) -> None:
    """`auto` is one per processor."""
    assert _many({"workers": workers}) == (count, "")


@pytest.mark.parametrize("workers", ["2", "auto"])
@pytest.mark.parametrize(
    ("raw", "changes", "why"),
    [
        ({"cache_dir": ":memory:"}, {}, "a cache in memory"),
        ({}, {"arguments": True}, "scripts and files"),
        ({}, {"shares": False}, "on Linux only"),
        ({}, {"usable": False}, "this release of mitmproxy"),
    ],
)
def test_reasons_for_a_single_process(
    workers: str, raw: dict[str, str], changes: dict[str, bool], why: str
) -> None:
    """One line says why; none is printed if one was asked for, or `auto` finds one processor."""
    count, line = _many({"workers": workers} | raw, **changes)
    assert count == 1
    assert line.startswith(f"PROVIDER_PROXY_WORKERS={workers} is 1 here: ")
    assert why in line
    assert "\n" not in line
    assert _many({"workers": "1"} | raw, **changes) == (1, "")
    assert _many({"workers": "auto"} | raw, cpus=1, **changes) == (1, "")


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is at least one processor; ports are shared on Linux only."""
    assert processors() >= 1
    assert shares_ports() == (sys.platform == "linux")
    monkeypatch.setattr(how_many_module.sys, "platform", "darwin")
    assert not shares_ports()
