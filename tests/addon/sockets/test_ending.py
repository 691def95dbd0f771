"""Which sessions ended well."""

from __future__ import annotations

import pytest

from addon.judging.reasons import NotStored
from addon.sockets.ending import why_not_whole

CREATED, DONE = '{"type":"response.created"}', '{"type":"response.done","response":{"status":"completed"}}'
FAILED = '{"type":"response.done","response":{"status":"failed"}}'
ERROR = '{"type":"error","error":{"message":"no"}}'


@pytest.mark.parametrize(
    ("answers", "code", "by_client", "reason"),
    [
        (["hi"], 1000, True, None),
        (["hi"], 1001, False, None),
        (["hi"], 1005, True, None),
        (["hi"], 1006, True, NotStored.CLIENT_LEFT),
        (["hi"], 1006, False, NotStored.CUT_OFF),
        (["hi"], 1011, False, NotStored.CUT_OFF),
        ([], 1000, True, NotStored.EMPTY),
        ([CREATED, DONE], 1006, True, None),
        ([CREATED], 1000, True, NotStored.CLIENT_LEFT),
        ([CREATED, DONE, CREATED], 1000, False, NotStored.CUT_OFF),
        ([CREATED, FAILED], 1000, True, NotStored.FAILED),
        ([ERROR], 1000, True, NotStored.ERROR_IN_STREAM),
    ],
)
def test_a_session_is_kept_if_it_ended_well(
    answers: list[str], code: int, by_client: bool, reason: NotStored | None
) -> None:
    """By its close, or after the last response; never in the middle of one, nor with an error."""
    assert why_not_whole(answers, code, by_client=by_client) is reason


def test_expected_errors_are_kept() -> None:
    """Where the user has asked for it."""
    assert why_not_whole([ERROR], 1000, by_client=True, keeps_errors=True) is None
    assert why_not_whole([CREATED, FAILED], 1000, by_client=True, keeps_errors=True) is None
