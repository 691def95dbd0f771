"""The name of the account that makes a request."""

from __future__ import annotations

from addon.messages import WireRequest
from addon.policy.accounts import account_digest

KEY = (b"Authorization", b"Bearer sk-test-0123456789abcdefghij")


def _request(*headers: tuple[bytes, bytes]) -> WireRequest:
    return WireRequest("POST", "https", "api.openai.com", 443, "/v1/x", headers, b"{}")


def test_an_account_is_its_credentials_and_the_organisation_that_it_names() -> None:
    """Another key, and another organisation of the same key, are other accounts; other headers change nothing."""
    one = account_digest(_request(KEY))
    assert one == account_digest(_request((b"user-agent", b"x"), KEY))
    others = {
        account_digest(_request((b"authorization", b"Bearer sk-test-another-0123456789"))),
        account_digest(_request(KEY, (b"OpenAI-Organization", b"org-1"))),
        account_digest(_request(KEY, (b"openai-project", b"proj-1"))),
    }
    assert len(others | {one}) == 4
    assert len(one) == 32


def test_a_request_without_credentials_has_no_account() -> None:
    """Nothing can be said about who recorded it."""
    assert account_digest(_request((b"openai-organization", b"org-1"))) == ""
