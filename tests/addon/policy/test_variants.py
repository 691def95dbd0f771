"""Digests of credentials that were rejected."""

from __future__ import annotations

from addon.messages import WireRequest
from addon.policy.variants import apart_key, credential_digest, mark_entry, mark_key


def request(*headers: tuple[bytes, bytes], target: str = "/v1/x") -> WireRequest:
    """A request with these headers."""
    return WireRequest("POST", "https", "api.openai.com", 443, target, headers, b"{}")


def test_the_digest_is_the_credentials_alone() -> None:
    """The same key has the same digest in any header's spelling; another key has another; cookies do not count."""
    key = (b"Authorization", b"Bearer key-0123456789")
    one = credential_digest(request(key))
    assert one == credential_digest(
        request((b"authorization", b"Bearer key-0123456789"), (b"cookie", b"a=b"), (b"x", b"y"))
    )
    assert one != credential_digest(request((b"authorization", b"Bearer key-other-6789")))
    assert credential_digest(request((b"x-api-key", b"short"))) != credential_digest(
        request((b"x-api-key", b"other"))
    )
    assert credential_digest(request(target="/v1/x?key=abc")) != credential_digest(
        request(target="/v1/x?key=abd")
    )
    assert credential_digest(request()) == ""


def test_keys_do_not_meet() -> None:
    """Answer and mark, hosts and credentials have keys of their own, in the form of every key."""
    keys = {
        apart_key("pp1-a", "d"),
        apart_key("pp1-ad", ""),
        mark_key("pp1-a", "d"),
        mark_key("h", "d"),
        mark_key("hd", ""),
    }
    assert len(keys) == 5
    assert all(key.startswith("pp1-") and len(key) == 68 for key in keys)


def test_a_mark_holds_no_credential() -> None:
    """What is stored of a rejected credential is a digest, the host and the time."""
    secret = request((b"authorization", b"Bearer key-0123456789"))
    entry = mark_entry("api.openai.com", credential_digest(secret), "run")
    assert b"key-0123456789" not in entry.encode()
    assert entry.key == mark_key("api.openai.com", credential_digest(secret))
