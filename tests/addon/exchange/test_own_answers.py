"""The answers that provider-proxy gives itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from addon.exchange import own_answers
from addon.exchange.decisions import Forward, OwnAnswer
from addon.messages import WireRequest
from addon.settings.modes import Mode
from addon.settings.settings import Settings
from cache_store.errors import StoreUnavailable, UsageError

REQUEST = WireRequest("GET", "https", "api.openai.com", 443, "/v1/realtime", (), b"")


def _miss(
    place: str = "POST h/v1", why: str = "mode read-only-require-hit", diagnosis: str = ""
) -> OwnAnswer:
    return own_answers.miss("pp1-a", place, why, diagnosis, None, 502)


def _error(answer: OwnAnswer) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer.body)["error"]
    return error


def _unreachable(error: str) -> str:
    message: str = _error(own_answers.unreachable("h.example", error))["message"]
    return message.removeprefix("provider-proxy: h.example did not answer: ")


def test_an_error_has_the_shape_that_sdks_read() -> None:
    """Type and code are the kind; other fields lie beside the message, null ones too; AWS reads the outer message."""
    body = json.loads(_miss().body)
    message = body["error"].pop("message")
    assert message == body.pop("message")
    assert message.startswith("provider-proxy: no recorded answer for POST h/v1 (mode read-only-require-hit")
    assert body == {
        "type": "error",
        "error": {
            "type": "provider_proxy_cache_miss",
            "code": "provider_proxy_cache_miss",
            "key": "pp1-a",
            "nearest": None,
        },
    }


def test_an_own_answer_is_marked() -> None:
    """Its headers say that it is not from the cache, why, and that a retry cannot help."""
    assert _miss().headers == {
        "content-type": "application/json",
        "x-amzn-errortype": "provider_proxy_cache_miss",
        "x-should-retry": "false",
        "x-provider-proxy-cache": "false",
        "cache-status": 'provider-proxy; fwd=miss; key="pp1-a"',
    }


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        (own_answers.unreachable("h.example", "server closed connection"), True),
        (own_answers.cache_unavailable(StoreUnavailable("locked"), 502), True),
        (own_answers.fault(Mode.REQUIRE_HIT, None), True),
        (own_answers.bad_mode(UsageError("no such mode")), False),
        (own_answers.NO_SUCH_PAGE, False),
        (own_answers.FOREIGN_SITE, False),
    ],
)
def test_only_misses_and_refusals_say_that_a_retry_cannot_help(answer: OwnAnswer, retryable: bool) -> None:
    """An SDK retries where the next try may succeed: one connection failure must not become final."""
    assert ("x-should-retry" not in answer.headers) is retryable
    assert answer.headers["x-provider-proxy-cache"] == "false"


def test_a_message_may_hold_anything() -> None:
    """Quotes, line ends and other scripts come through; a byte that is not text does not break the answer."""
    assert 'a"b\n\u2192' in _error(_miss('a"b\n\u2192'))["message"]
    assert "/v1/? (" in _error(_miss("/v1/\udcff"))["message"]


def test_a_miss_says_how_to_record() -> None:
    """One line that reads well in an exception."""
    message = _error(_miss("POST api.openai.com/v1/chat"))["message"]
    for part in ("POST api.openai.com/v1/chat", "read-only-require-hit", "PROVIDER_PROXY_CACHE_MODE="):
        assert part in message
    assert "\n" not in message


def test_a_miss_says_what_explains_it() -> None:
    """The diagnosis takes the place of the general advice."""
    assert _error(_miss(why="the budget is spent", diagnosis="nearest recorded: pp1-1."))["message"] == (
        "provider-proxy: no recorded answer for POST h/v1 (the budget is spent, nothing was sent). "
        "Nearest recorded: pp1-1."
    )


def test_a_secret_in_a_path_is_not_said() -> None:
    """A key in a path has its usual placeholder."""
    key = "sk-proj-Zq8Xk2Lm9Tn4Vb7Rw1Yc6Pd3Gf5Hj0KsQaZw"
    message = _error(_miss(f"GET h.example/v1/{key}/x"))["message"]
    assert "GET h.example/v1/<redacted:sk-key:" in message
    assert key not in message


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("[Errno 111] Connect call failed ('127.0.0.1', 1)", "Connection refused"),
        ("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), [Errno 111]", "Connection refused"),
        ("[Errno -2] Name or service not known", "its name cannot be resolved"),
        ("[Errno -3] Temporary failure in name resolution", "its name cannot be resolved"),
        ("Certificate verify failed: certificate has expired", "its certificate has expired"),
        ("server closed connection", "it closed the connection before it answered"),
        ("Upstream proxy 10.0.0.1:8080 refused HTTP CONNECT request: 407 SECRET", "the upstream proxy refused the connection"),
        ("Cannot parse HTTP response: Invalid header line: b'x-echo SECRET'", "its answer is not valid HTTP"),
        ('Cannot parse HTTP response: Bad HTTP response line: b"it\'s SECRET"', "its answer is not valid HTTP"),
        ("unexpected server response: b'HTTP/1.1 200 OK\\r\\nx-echo: SECRET'", "its answer is not valid HTTP"),
        ("Received multiple content-length headers: ['SECRET', '1'] from server, refusing to prevent request smuggling attacks.", "its answer has invalid headers"),
        ("SECRET, in words that a later mitmproxy may use", "the connection failed"),
    ],
)  # fmt: skip
def test_an_unreachable_provider_is_named_with_a_cause_in_our_words(error: str, cause: str) -> None:
    """mitmproxy's messages quote what a provider sent, maybe a credential; none of that is repeated."""
    assert _unreachable(error) == cause


@pytest.mark.parametrize(
    "reason",
    [
        "unable to get local issuer certificate",
        "self-signed certificate in certificate chain",
        "self-signed certificate",
    ],
)
def test_an_unknown_root_says_where_to_name_it(reason: str) -> None:
    """The message says where a company's own CA is named; for other certificate faults it does not."""
    assert "name that in NODE_EXTRA_CA_CERTS" in _unreachable(f"Certificate verify failed: {reason}")
    assert "CA_CERTS" not in _unreachable("Certificate verify failed: certificate has expired")


@pytest.mark.parametrize("detail", ["websocket", "not-whole"])
@pytest.mark.parametrize("mode", [mode for mode in Mode if mode.forwards])
def test_a_bypass_is_forwarded_where_the_mode_forwards(mode: Mode, detail: str) -> None:
    """It has no identity, so nothing of it is stored."""
    decision = own_answers.bypassed(Forward(REQUEST, mode, ""), detail, Settings.parse({}))
    assert isinstance(decision, Forward)
    assert (decision.identity, decision.stores) == (None, False)
    assert decision.cache_status == f"provider-proxy; fwd=bypass; detail={detail}"


@pytest.mark.parametrize(
    ("mode", "detail", "raw", "status", "words"),
    [
        (Mode.REQUIRE_HIT, "not-whole", {"miss_status": "418"}, 418, "require-hit sends nothing"),
        (Mode.REQUIRE_HIT, "mcp-stream", {}, 405, "no messages of an MCP server"),
        (Mode.REQUIRE_HIT, "websocket", {}, 426, "WebSocket upgrades are refused"),
        (Mode.READ_WRITE, "websocket", {"websocket": "refuse"}, 426, "WebSocket upgrades are refused"),
    ],
)
def test_a_bypass_is_refused(mode: Mode, detail: str, raw: dict[str, str], status: int, words: str) -> None:
    """Modes that send nothing refuse it, and an upgrade is refused where the settings say so."""
    decision = own_answers.bypassed(Forward(REQUEST, mode, ""), detail, Settings.parse(raw))
    assert isinstance(decision, OwnAnswer)
    assert decision.status == status
    assert words in _error(decision)["message"]
    assert decision.cache_status.endswith(f"detail={detail}")


@pytest.mark.parametrize(
    ("mode", "asked", "is_answered"),
    [
        (Mode.READ_WRITE, None, False),
        (Mode.READ_WRITE, "read-only", False),
        (Mode.READ_WRITE, "read-only-require-hit", True),
        (Mode.READ_WRITE, "sometimes", True),
        (Mode.REQUIRE_HIT, None, True),
        (Mode.REQUIRE_HIT, "read-write", True),
    ],
)
def test_a_fault_of_ours_is_answered_where_nothing_may_be_sent(
    mode: Mode, asked: str | None, is_answered: bool
) -> None:
    """In every other mode the request goes to the provider."""
    answer = own_answers.fault(mode, asked)
    assert (answer is not None) is is_answered
    if answer is not None:
        assert (answer.status, _error(answer)["code"]) == (502, "provider_proxy_fault")


def test_an_unreadable_cache_has_an_error_of_its_own() -> None:
    """It is not a miss: recording again would not help."""
    answer = own_answers.cache_unavailable(StoreUnavailable("the cache is locked"), 418)
    assert (answer.status, _error(answer)["code"]) == (418, "provider_proxy_cache_unavailable")
    assert "the cache is locked" in _error(answer)["message"]


def test_a_path_that_is_not_a_page_says_how_the_proxy_is_used() -> None:
    """One line for a client that took the proxy for a server."""
    error = _error(own_answers.NO_SUCH_PAGE)
    assert error["code"] == "provider_proxy_no_such_page"
    assert "HTTPS_PROXY" in error["message"]
