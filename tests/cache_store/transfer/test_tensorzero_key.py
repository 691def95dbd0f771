"""TensorZero's key algorithm."""

from __future__ import annotations

from cache_store.transfer.tensorzero_key import tensorzero_key


def test_the_published_vector() -> None:
    """From tensorzero/tensorzero crates/provider-proxy/tests/e2e/tests.rs (Apache-2.0)."""
    headers = [("accept", "*/*"), ("host", "127.0.0.1:99"), ("content-length", "44")]
    body = b'{"test": "different body causes cache miss"}'
    key = tensorzero_key("POST", "http://127.0.0.1:99/timestamp-good", headers, body)
    assert key == "956f127f4ff98a5480c095dba545cef89dda20a6a3f4b9fd147abdee5d7db4ff"


def test_order_and_repeats_count() -> None:
    """It depends on every header and on their order."""
    one = tensorzero_key("GET", "http://h/", [("a", "1"), ("b", "2")], b"")
    assert one != tensorzero_key("GET", "http://h/", [("b", "2"), ("a", "1")], b"")
    assert tensorzero_key("GET", "http://h/", [("a", "1"), ("a", "2")], b"") != tensorzero_key(
        "GET", "http://h/", [("a", "2")], b""
    )
