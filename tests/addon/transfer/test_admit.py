"""What others recorded becomes entries, or is counted."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from addon.identity import identify
from addon.messages import LiveAnswer, WireRequest
from addon.policy.variants import REJECTION_PREFIX, credential_digest, rejection_key
from addon.settings.settings import Settings
from addon.transfer.admit import Admission, Exchange, Refused, why_unreadable
from addon.transfer.key_check import check_key

OK = json.dumps({"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]}).encode()
SECRET = b"a-secret-that-has-no-shape"


def _exchange(
    body: bytes = OK, status: int = 200, host: str = "api.openai.com", path: str = "/v1/chat/completions"
) -> Exchange:
    headers = ((b"content-type", b"application/json"), (b"authorization", b"Bearer " + SECRET))
    return Exchange(
        WireRequest("POST", "https", host, 443, path, headers, b'{"model": "m"}'),
        LiveAnswer(status, "OK", ((b"content-type", b"application/json"),), body),
        1000.0,
        2.0,
    )


def test_a_whole_answer_becomes_an_entry() -> None:
    """With its own time, the import's run, and nothing of the credential."""
    admission = Admission(Settings.parse({}), "the-run")
    (entry,) = admission.entries([_exchange()])
    assert (entry.recorded_at, entry.elapsed, entry.run, entry.body) == (1000.0, 2.0, "the-run", OK)
    assert SECRET not in entry.encode()
    assert not admission.skipped


def test_what_stays_out_is_counted_by_reason() -> None:
    """Errors, cut answers, echoed credentials, token endpoints, and what is no exchange."""
    admission = Admission(Settings.parse({}), "run")
    found = [
        _exchange(status=500), _exchange(OK[:-3]), _exchange(OK.replace(b'"x"', b'"' + SECRET + b'"')),
        _exchange(host="auth.openai.com", path="/token"), Refused("unreadable", "file: why"), Refused("not-http"),
    ]  # fmt: skip
    assert list(admission.entries(found)) == []
    assert admission.skipped == {
        "status": 1, "bad-json": 1, "secret": 1, "never-cached": 1, "unreadable": 1, "not-http": 1
    }  # fmt: skip
    assert admission.named == ["file: why"]


def test_what_is_not_intercepted_stays_out() -> None:
    """It would never be served; the setting that lets it in is named."""
    found = [_exchange(host="cdn.example.com"), _exchange(host="localhost")]
    admission = Admission(Settings.parse({}), "run")
    assert list(admission.entries(found)) == []
    assert admission.skipped == {"not-in-PROVIDER_PROXY_HOSTS": 2}
    wider = Admission(Settings.parse({"hosts": "+http://localhost"}), "run")
    assert [entry.label["host"] for entry in wider.entries(found)] == ["localhost"]


def test_equal_requests_are_a_sequence_where_asked_for() -> None:
    """Else they have one key."""
    single = Admission(Settings.parse({}), "run")
    assert len({entry.key for entry in single.entries([_exchange(), _exchange()])}) == 1
    sequence = Admission(Settings.parse({"repeat": "sequence"}), "run")
    one, two = (entry.key for entry in sequence.entries([_exchange(), _exchange()]))
    assert two == f"{one}.2"


def test_what_is_not_kept_leaves_no_hole_in_a_sequence() -> None:
    """As in a run: a test that was refused once, and asked again, asks only once when it is replayed."""
    sequence = Admission(Settings.parse({}), "run", test="t")
    found = [_exchange(status=429), _exchange(), _exchange(OK[:-3]), _exchange()]
    one, two = (entry.key for entry in sequence.entries(found))
    assert "." not in one
    assert two == f"{one}.2"


def test_a_leftover_content_encoding_is_dropped() -> None:
    """Recorders that save the decoded body leave the header; a body that is encoded is decoded."""
    for body, coding in ((OK, b"gzip"), (gzip.compress(OK), b"gzip"), (OK, b"br")):
        exchange = _exchange(body)
        headers = (*exchange.answer.headers, (b"content-encoding", coding))
        exchange = replace(exchange, answer=replace(exchange.answer, headers=headers))
        (entry,) = Admission(Settings.parse({}), "run").entries([exchange])
        assert entry.body == OK
        assert b"content-encoding" not in dict(entry.headers)


def test_why_a_recording_cannot_be_read() -> None:
    """In words, whatever reading it raised."""
    assert why_unreadable(KeyError("uri")) == "'uri' is missing"
    assert why_unreadable(TypeError("a status is not a number")) == "a status is not a number"
    assert "form of a recording" in why_unreadable(TypeError("'int' object is not subscriptable"))
    assert "form of a recording" in why_unreadable(AttributeError("no attribute"))


@pytest.mark.parametrize("unknown", [frozenset(), frozenset({"authorization"}), frozenset({"*"})])
@pytest.mark.parametrize("status", [401, 403])
def test_a_rejection_answers_its_own_credential_only(status: int, unknown: frozenset[str]) -> None:
    """An imported one lies under the key that one of a run has, whatever else is unknown of its request."""
    settings = Settings.parse({"store_errors": "401,403"})
    error = json.dumps({"error": {"message": "m", "type": "t", "code": None, "param": None}}).encode()
    there = _exchange(error, status)
    without = replace(there, request=replace(there.request, headers=there.request.headers[:1]))
    one, two = Admission(settings, "run", unknown).entries([there, without])
    plain = identify(there.request, settings.identity).key
    assert one.key == rejection_key(plain, credential_digest(there.request))
    assert two.key.startswith(REJECTION_PREFIX)
    assert one.key != two.key
    check_key(one)
    check_key(two)
