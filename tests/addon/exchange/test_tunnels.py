"""Which connections to other hosts are refused."""

from __future__ import annotations

import pytest

from addon.exchange.tunnels import sends_nothing_to, tunnel_refusal
from addon.settings.modes import Mode
from addon.settings.settings import Settings

REPLAY, LIVE = Mode.REQUIRE_HIT, Mode.READ_WRITE


@pytest.mark.parametrize(
    "host",
    ["raw.githubusercontent.com", "browser.sentry.io", "iam.cloud.ibm.com", "metadata.google.internal"],
)
def test_hosts_of_the_table_are_refused_in_a_replay(host: str) -> None:
    """At once, and with a status line that says by whom and why."""
    answer = tunnel_refusal(host, REPLAY, Settings.parse({}))
    assert answer is not None
    assert answer.status == 403
    assert answer.reason.startswith("Refused by provider-proxy (")
    assert tunnel_refusal(host, LIVE, Settings.parse({})) is None


@pytest.mark.parametrize(
    "host", ["pypi.example", "github.com", "api.github.com", "www.googleapis.com", "s3.amazonaws.com"]
)
def test_other_hosts_pass(host: str) -> None:
    """A host that serves other things as well stays reachable."""
    for mode in (REPLAY, LIVE):
        assert tunnel_refusal(host, mode, Settings.parse({})) is None


@pytest.mark.parametrize("mode", [REPLAY, LIVE])
def test_every_tunnel_can_be_refused(mode: Mode) -> None:
    """`PROVIDER_PROXY_TUNNEL=refuse` leaves no other way out, in any mode, and says which setting it is."""
    answer = tunnel_refusal("pypi.example", mode, Settings.parse({"tunnel": "refuse"}))
    assert answer is not None
    assert "PROVIDER_PROXY_TUNNEL=refuse" in answer.body.decode()


def test_token_endpoints_can_be_passed() -> None:
    """With `token_endpoints=pass` a replaying run lets clients fetch their tokens themselves."""
    passing = Settings.parse({"token_endpoints": "pass"})
    assert tunnel_refusal("iam.cloud.ibm.com", REPLAY, passing) is None
    assert not sends_nothing_to("oauth2.googleapis.com", 443, REPLAY, passing)
    assert tunnel_refusal("browser.sentry.io", REPLAY, passing) is not None


def test_the_second_guard_covers_token_endpoints() -> None:
    """No connection is opened in a replay to a provider or to a token endpoint, whatever asks for it."""
    settings = Settings.parse({})
    for host in ("api.openai.com", "oauth2.googleapis.com", "sts.eu-west-1.amazonaws.com", "169.254.169.254"):
        assert sends_nothing_to(host, 443, REPLAY, settings)
        assert not sends_nothing_to(host, 443, LIVE, settings)
    assert not sends_nothing_to("api.smith.langchain.com", 443, REPLAY, settings)
