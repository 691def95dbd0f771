"""The answers that provider-proxy gives itself."""

from __future__ import annotations

import json

import pytest

from addon.exchange.own_answers import error_body, miss_message, unreachable_message


def test_an_error_has_the_shape_that_sdks_read() -> None:
    """Type and code are the kind; more fields lie beside the message, null ones too."""
    assert json.loads(error_body("provider_proxy_cache_miss", "why", key="pp1-a", nearest=None)) == {
        "type": "error",
        "error": {
            "type": "provider_proxy_cache_miss",
            "code": "provider_proxy_cache_miss",
            "message": "why",
            "key": "pp1-a",
            "nearest": None,
        },
    }


def test_a_message_may_hold_anything() -> None:
    """Quotes, line ends and other scripts come through; a byte that is no text does not break the answer."""
    assert json.loads(error_body("k", 'a"b\n\u2192'))["error"]["message"] == 'a"b\n\u2192'
    assert json.loads(error_body("k", "/v1/\udcff"))["error"]["message"] == "/v1/?"


def test_a_miss_names_the_request_the_mode_and_the_way_out() -> None:
    """One line that reads well in an exception."""
    message = miss_message("POST api.openai.com/v1/chat", "mode read-only-require-hit", "")
    for part in ("POST api.openai.com/v1/chat", "read-only-require-hit", "PROVIDER_PROXY_CACHE_MODE="):
        assert part in message
    assert "\n" not in message


def test_a_miss_says_what_explains_it() -> None:
    """The diagnosis takes the place of the general advice."""
    message = miss_message("POST h/v1", "the budget is spent", "nearest recorded: pp1-1.")
    assert message == (
        "provider-proxy: no recorded answer for POST h/v1 (the budget is spent, nothing was sent). "
        "Nearest recorded: pp1-1."
    )


def test_an_unreachable_provider_is_named_with_the_reason() -> None:
    """The host and what went wrong."""
    assert unreachable_message("h.example", "refused") == "provider-proxy: h.example did not answer: refused"


@pytest.mark.parametrize(
    "reason",
    [
        "unable to get local issuer certificate",
        "self-signed certificate in certificate chain",
        "self-signed certificate",
    ],
)
def test_an_unknown_root_says_where_to_name_it(reason: str) -> None:
    """Where a company's own CA is named; another fault of a certificate is none that a root mends."""
    message = unreachable_message("h.example", f"Certificate verify failed: {reason}")
    assert f"{reason}; if a company's own CA signs for it, name that in NODE_EXTRA_CA_CERTS" in message
    assert "CA_CERTS" not in unreachable_message("h", "Certificate verify failed: certificate has expired")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Cannot parse HTTP response: Invalid header line: b'x-echo SECRET'", "Cannot parse HTTP response: Invalid header line"),
        ('Cannot parse HTTP response: Bad HTTP response line: b"it\'s SECRET"', "Cannot parse HTTP response: Bad HTTP response line"),
        ("unexpected server response: b'HTTP/1.1 200 OK\\r\\nx-echo: SECRET'", "unexpected server response"),
        ("multiple content-length headers: ['SECRET', '1']", "multiple content-length headers"),
        ("unexpected HTTP transfer-encoding 'SECRET' for HTTP/1.0", "unexpected HTTP transfer-encoding"),
        ("[Errno 111] Connect call failed ('127.0.0.1', 1)", "[Errno 111] Connect call failed ('127.0.0.1', 1)"),
    ],
)  # fmt: skip
def test_nothing_that_a_provider_sent_is_repeated(reason: str, said: str) -> None:
    """What mitmproxy quotes may be a credential that came back; addresses of ours stay."""
    assert unreachable_message("h.example", reason) == f"provider-proxy: h.example did not answer: {said}"


def test_a_secret_in_a_path_is_not_said() -> None:
    """A key in a path has its usual place-holder."""
    key = "sk-proj-Zq8Xk2Lm9Tn4Vb7Rw1Yc6Pd3Gf5Hj0KsQaZw"
    message = miss_message(f"GET h.example/v1/{key}/x", "mode read-only-require-hit", "")
    assert "GET h.example/v1/<redacted:sk-key:" in message
    assert key not in message
