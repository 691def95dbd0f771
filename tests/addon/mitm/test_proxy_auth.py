"""mitmproxy's `proxyauth` with clients' names."""

from __future__ import annotations

import pytest
from mitmproxy.test import taddons

from addon.mitm.proxy_auth import ScopedProxyAuth


@pytest.mark.parametrize(
    ("option", "user", "password", "accepted"),
    [
        ("u:p", "u", "p", True),
        ("u:p", "gw0+u", "p", True),
        ("u:p", "gw0+u", "no", False),
        ("any", "gw0", "x", True),
    ],
)
def test_the_option_keeps_its_meaning(option: str, user: str, password: str, *, accepted: bool) -> None:
    """And may be unset while the proxy runs."""
    addon = ScopedProxyAuth()
    with taddons.context(addon) as context:
        context.configure(addon, proxyauth=option)
        assert addon.validator is not None
        assert addon.validator(user, password) is accepted
        context.configure(addon, proxyauth=None)
        assert addon.validator is None
