"""Errors that a test expects."""

from __future__ import annotations

import pytest

from addon.judging.expected_errors import expected_at, is_provider_error, may_be_stored, parse_store_errors
from cache_store.errors import UsageError


def test_a_list_of_statuses_is_read():
    """Spaces and empty parts do not matter."""
    assert frozenset({400, 401, 404}) == parse_store_errors(" 400,401 , 404,")
    assert frozenset() == parse_store_errors("")


@pytest.mark.parametrize(
    "text",
    [
        "408",
        "409",
        "425",
        "429",
        "500",
        "503",
        "529",
        "200",
        "204",
        "307",
        "99",
        "4000",
        "abc",
        "-400",
        "4²0",
        "400;401",
        "0400",
        "4" * 5000,
    ],
)
def test_what_may_not_be_kept_is_refused_in_one_line(text):
    """Temporary errors, successes and non-numbers stop the start with a message that says what is allowed."""
    with pytest.raises(
        UsageError, match="use `in-band` and 4xx statuses other than 408, 409, 425 and 429"
    ) as caught:
        parse_store_errors(f"400,{text}")

    assert "\n" not in str(caught.value)
    assert text[:20] in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_part_may_be_for_some_hosts_only():
    """By a glob; the others are for every host."""
    parsed = parse_store_errors("404, 400@api.openai.com,IN-BAND@*.Azure.com ")
    assert expected_at(parsed, "h.example") == {404}
    assert expected_at(parsed, "API.openai.com") == {404, 400}
    assert expected_at(parsed, "a.b.azure.com") == {404, "in-band"}


@pytest.mark.parametrize("text", ["400@", "400@a b", "@h", "404@h@i", "429@api.openai.com", "404@h/v1"])
def test_a_wrong_part_for_a_host_is_refused(text):
    """The same statuses may be stored, and a host is a name or a glob."""
    with pytest.raises(UsageError) as caught:
        parse_store_errors(text)
    assert repr(text) in str(caught.value)


def test_the_range_of_statuses():
    """Only lasting 4xx statuses may be stored."""
    assert set(range(400, 500)) - {408, 409, 425, 429} == {
        status for status in range(100, 600) if may_be_stored(status)
    }


@pytest.mark.parametrize(
    "value",
    [
        {"error": {"message": "bad key", "type": "invalid_request_error", "code": "invalid_api_key"}},
        {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}},
        {"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT"}},
        [{"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}],
        {"message": "invalid api token"},
        {"error": "model 'x' not found"},
        {"object": "error", "message": "bad", "type": "invalid_request", "code": 1500},
        {"detail": [{"loc": ["body", "model"], "msg": "Field required", "type": "missing"}]},
    ],
)
def test_errors_of_providers_are_known(value):
    """The error object of each provider."""
    assert is_provider_error(value)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        None,
        "Unauthorized",
        {"error": {}},
        {"error": True},
        {"ok": False},
        {"message": ""},
        {"error": {"type": "rate_limit_error", "message": "slow down"}},
        {"error": {"type": "overloaded_error", "message": "busy"}},
        {"error": {"code": 400, "status": "RESOURCE_EXHAUSTED", "message": "quota"}},
        {"error": {"code": "insufficient_quota", "message": "pay"}},
        {"__type": "ThrottlingException", "message": "Too many requests"},
    ],
)
def test_other_bodies_and_passing_errors_are_not(value):
    """Bodies without an error, and temporary errors under any status, are not stored."""
    assert not is_provider_error(value)
