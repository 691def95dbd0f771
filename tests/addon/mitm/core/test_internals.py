"""The private names of mitmproxy that we use are as we know them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from addon.mitm.core import internals
from addon.mitm.core.internals import FEATURES, Feature, Name, changed

PAGE = Path(__file__).resolve().parents[4] / "docs" / "mitmproxy-internals.md"


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.title)
def test_mitmproxy_is_as_we_know_it(feature: Feature) -> None:
    """A mitmproxy release that changes one of these names is noticed here first."""
    assert changed(feature) == []


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (Name("mitmproxy.proxy.no_such_module", "X"), "is gone"),
        (Name("mitmproxy.proxy.layer", "Layer.no_such_method"), "is gone"),
        (Name("mitmproxy.proxy.layer", "NoSuchLayer.handle_event", ("self", "event")), "is gone"),
        (Name("mitmproxy.proxy.layer", "Layer.handle_event", ("self", "message")), "takes other parameters"),
        (Name("mitmproxy.proxy.layer", "Layer.handle_event", ("self",)), "takes other parameters"),
        (Name("mitmproxy.proxy.layer", "Layer._paused", ("self",)), "takes other parameters"),
        (
            Name("mitmproxy.master", "Master.run", mentions=("errorcheck", "no_such_name")),
            "lacks 'no_such_name'",
        ),
        (Name("mitmproxy.proxy.layer", "Layer._paused", mentions=("x",)), "lacks 'x'"),
    ],
)
def test_a_change_is_named(name: Name, how: str) -> None:
    """The message says where it is, and whether it is gone, takes other parameters or lacks something."""
    assert changed(Feature("", "", (name,))) == [f"{name.module}.{name.name} {how}"]


def test_each_lost_feature_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the first change and what a user loses; features that are usable are not mentioned."""
    gone = Feature("A feature", "something is slower", (Name("mitmproxy.master", "Master.gone"),))
    monkeypatch.setattr(internals, "FEATURES", (*FEATURES, gone))
    with caplog.at_level(logging.WARNING):
        internals.warn_of_changes()
    (record,) = caplog.records
    assert "(mitmproxy.master.Master.gone is gone), so something is slower" in record.getMessage()


def test_the_page_is_current() -> None:
    """`docs/mitmproxy-internals.md` ends with the list as the code has it."""
    assert PAGE.read_text(encoding="utf-8").endswith("\n".join(map(_section, FEATURES)))


def _section(feature: Feature) -> str:
    lines = "\n".join(map(_line, feature.needs))
    return f"### {feature.title}\n\nWithout it {feature.without}.\n\n{lines}\n"


def _line(name: Name) -> str:
    parameters = f"({', '.join(name.parameters)})" if name.parameters is not None else ""
    texts = (part.strip() if isinstance(part, str) else repr(part) for part in name.mentions)
    mentions = ", ".join(f"`{text}`" for text in texts)
    return f"- `{name.module}.{name.name}{parameters}`" + (f" with {mentions}" if mentions else "")
