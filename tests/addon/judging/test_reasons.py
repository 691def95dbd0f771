"""The closed set of reasons."""

from __future__ import annotations

import re

import pytest

from addon.judging.reasons import IN_THE_ANSWER, NotStored, advice, named


def test_every_reason_is_a_token_of_a_structured_header():
    """A reason is sent unquoted in `cache-status; detail=` (RFC 8941, 3.3.4) and consists of words."""
    assert all(re.fullmatch(r"[a-z]+(?:-[a-z]+)*", reason) for reason in NotStored)


def test_a_reason_prints_as_its_token():
    """Reports and headers show the value, not Python's name for it."""
    assert f"{NotStored.NO_TERMINAL_EVENT}" == "no-terminal-event"


@pytest.mark.parametrize(
    ("reason", "status", "setting"),
    [
        (NotStored.STATUS, 404, "set PROVIDER_PROXY_STORE_ERRORS=404 "),
        (NotStored.FAILED, 200, "set PROVIDER_PROXY_STORE_ERRORS=in-band "),
        (NotStored.ERROR_IN_STREAM, 200, "set PROVIDER_PROXY_STORE_ERRORS=in-band "),
        (NotStored.NOT_FINISHED, 202, "set PROVIDER_PROXY_STORE_PENDING=true"),
        (NotStored.MEDIA, 200, "set PROVIDER_PROXY_STORE_MEDIA=true"),
        (NotStored.INCOMPLETE, 200, "set PROVIDER_PROXY_STORE_INCOMPLETE=true"),
        (NotStored.TOO_LARGE, 200, "raise PROVIDER_PROXY_MAX_BODY"),
    ],
)
def test_the_advice_names_the_setting_that_stores_such_answers(
    reason: NotStored, status: int, setting: str
) -> None:
    """And no setting where it was on already: recording again would not help."""
    assert setting in advice(reason, status)
    if reason not in (NotStored.INCOMPLETE, NotStored.TOO_LARGE):
        assert "PROVIDER_PROXY" not in advice(reason, status, allowed=True)
        assert "never stored" in advice(reason, status, allowed=True) or reason is NotStored.NOT_FINISHED


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_no_setting_is_named_for_an_error_that_passes(status: int) -> None:
    """A rate limit and an overloaded server cannot be stored by any setting."""
    assert "PROVIDER_PROXY" not in advice(NotStored.STATUS, status)
    assert "record again" in advice(NotStored.STATUS, status)


def test_every_reason_in_the_answer_has_advice_and_no_other() -> None:
    """Where a client left or the disk is full, recording again is all there is to do."""
    assert {reason for reason in NotStored if advice(reason, 404)} == IN_THE_ANSWER
    assert advice(NotStored.STATUS, 204)
    around = {"mode", "never-cached", "unreachable", "timed-out", "client-left", "newer-entry", "cut-off"}
    assert set(NotStored) - IN_THE_ANSWER == around | {"store-failed", "not-from-provider"}


def test_a_status_is_named_with_its_number() -> None:
    """`status 429`, and the bare reason where there is no number or it says nothing."""
    assert named(NotStored.STATUS, 429) == "status 429"
    assert named(NotStored.STATUS) == "status"
    assert named(NotStored.FAILED, 200) == "failed"
