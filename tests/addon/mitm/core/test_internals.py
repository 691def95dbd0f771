"""What we rely on inside mitmproxy is there."""

from __future__ import annotations

import pytest

from addon.mitm.core import internals
from addon.mitm.core.internals import Relied, changed


@pytest.mark.parametrize("relied", [*internals.HTTP, *internals.DISPATCH], ids=lambda one: one.name)
def test_mitmproxy_is_as_we_know_it(relied: Relied) -> None:
    """A release that changes one of these makes hits slower and closes the base-URL door: it is noticed here."""
    assert changed((relied,)) == []


@pytest.mark.parametrize(
    ("relied", "how"),
    [
        (Relied("mitmproxy.proxy.no_such_module", "X"), "is gone"),
        (Relied("mitmproxy.proxy.layer", "Layer.no_such_method"), "is gone"),
        (Relied("mitmproxy.proxy.layer", "NoSuchLayer.handle_event", ("self", "event")), "is gone"),
        (
            Relied("mitmproxy.proxy.layer", "Layer.handle_event", ("self", "message")),
            "takes other parameters",
        ),
        (Relied("mitmproxy.proxy.layer", "Layer.handle_event", ("self",)), "takes other parameters"),
        (Relied("mitmproxy.proxy.layer", "Layer._paused", ("self",)), "takes other parameters"),
    ],
)
def test_a_change_is_named(relied: Relied, how: str) -> None:
    """Where it is, and whether it is gone or takes other parameters."""
    assert changed((relied,)) == [f"{relied.module}.{relied.name} {how}"]
