"""The headers that say what the cache did."""

from __future__ import annotations

import re

import pytest

from addon.exchange.cache_status import CACHE_HEADER, STATUS_HEADER, bypass_status, hit_status, miss_status
from addon.judging.reasons import NotStored

TOKEN = re.compile(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*")  # RFC 8941, 3.3.4


def test_the_header_names() -> None:
    """Both names are what users look for."""
    assert (CACHE_HEADER, STATUS_HEADER) == ("x-provider-proxy-cache", "cache-status")


def test_a_hit() -> None:
    """As in the design."""
    assert hit_status("pp1-a") == 'provider-proxy; hit; key="pp1-a"'


def test_a_miss_that_was_stored() -> None:
    """As in the design."""
    assert miss_status("pp1-a", stored=True) == 'provider-proxy; fwd=miss; stored; key="pp1-a"'


def test_a_miss_that_was_not_stored_says_why() -> None:
    """Without a reason there is no detail."""
    assert miss_status("pp1-a", detail="status") == 'provider-proxy; fwd=miss; key="pp1-a"; detail=status'
    assert miss_status("pp1-a") == 'provider-proxy; fwd=miss; key="pp1-a"'


def test_a_bypass() -> None:
    """As in the design."""
    assert bypass_status("mode-off") == "provider-proxy; fwd=bypass; detail=mode-off"


@pytest.mark.parametrize("reason", NotStored)
def test_every_reason_is_a_token(reason: NotStored) -> None:
    """A detail without quotes must be a token of RFC 8941, or the header does not parse."""
    assert TOKEN.fullmatch(reason)
    assert miss_status("k", detail=reason).endswith(f"; detail={reason.value}")
