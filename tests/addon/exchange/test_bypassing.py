"""Requests for which the cache is not asked."""

from __future__ import annotations

import json

import pytest

from addon.exchange.bypassing import bypassed
from addon.exchange.decisions import Forward, Own
from addon.messages import WireRequest
from addon.settings.modes import Mode
from addon.settings.settings import Settings

REQUEST = WireRequest("GET", "https", "api.openai.com", 443, "/v1/realtime", (), b"")


@pytest.mark.parametrize("detail", ["websocket", "not-whole"])
@pytest.mark.parametrize("mode", [mode for mode in Mode if mode.forwards])
def test_it_goes_on_where_the_mode_forwards(mode: Mode, detail: str) -> None:
    """Without an identity: nothing of it is stored."""
    decision = bypassed(REQUEST, mode, detail, Settings.parse({}))
    assert isinstance(decision, Forward)
    assert (decision.identity, decision.stores) == (None, False)
    assert decision.cache_status == f"provider-proxy; fwd=bypass; detail={detail}"


@pytest.mark.parametrize(("mode", "detail", "raw", "status", "words"), [
    (Mode.REQUIRE_HIT, "not-whole", {"miss_status": "418"}, 418, "mode read-only-require-hit sends nothing"),
    (Mode.REQUIRE_HIT, "websocket", {}, 426, "WebSocket upgrades are refused"),
    (Mode.READ_WRITE, "websocket", {"websocket": "refuse"}, 426, "WebSocket upgrades are refused"),
])  # fmt: skip
def test_it_is_refused(mode: Mode, detail: str, raw: dict[str, str], status: int, words: str) -> None:
    """In a mode that sends nothing, and an upgrade where these are refused."""
    decision = bypassed(REQUEST, mode, detail, Settings.parse(raw))
    assert isinstance(decision, Own)
    assert decision.status == status
    assert words in json.loads(decision.body)["error"]["message"]
    assert decision.cache_status.endswith(f"detail={detail}")
