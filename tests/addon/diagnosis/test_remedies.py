"""Advice for differences."""

from __future__ import annotations

import pytest

from addon.diagnosis.differences import Difference
from addon.diagnosis.kinds import Kind
from addon.diagnosis.remedies import remedy
from addon.identity import IdentityRules


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_one(kind: Kind) -> None:
    """One sentence in one line, which ends with the command that records."""
    text = remedy(Difference("/messages/0/content", kind, "a", "b"), "provider-proxy run -- pytest")
    assert text.isprintable()
    assert text.endswith(": provider-proxy run -- pytest")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("place", ["/messages/0/content", "header x-trace"])
def test_what_is_recorded_already_needs_no_recording(kind: Kind, place: str) -> None:
    """If the run records the answer itself, the advice does not say to record it, but how to keep a value the same."""
    text = remedy(Difference(place, kind, "a", "b"), "")
    assert "record it" not in text
    assert "record the" not in text
    assert text.isprintable()
    assert not text.endswith((":", ": "))
    assert ("Use a fixed UUID" in text) == (kind is Kind.UUID)


@pytest.mark.parametrize(
    ("place", "setting"),
    [
        ("/metadata/user_id", "PROVIDER_PROXY_IGNORE_FIELDS=/metadata/user_id"),
        ("header x-trace", "PROVIDER_PROXY_IGNORE_HEADERS=x-trace"),
        ("query t", "PROVIDER_PROXY_IGNORE_QUERY=t"),
    ],
)
def test_what_varies_may_be_ignored(place: str, setting: str) -> None:
    """The setting is one that the rules take as it is written."""
    assert f", or set {setting}, or " in remedy(Difference(place, Kind.UUID, "a", "b"))
    name, _, value = setting.removeprefix("PROVIDER_PROXY_").partition("=")
    IdentityRules.parse(**{name.lower(): value})


def test_a_credential_that_only_the_request_has_may_be_missing_from_an_import() -> None:
    """A request without one is another request; the import cannot help it."""
    assert "--unknown-headers authorization" in remedy(
        Difference("credential", Kind.CHANGED, "false", "true")
    )
    assert "import" not in remedy(Difference("credential", Kind.CHANGED, "true", "false"))
    assert remedy(Difference("credential", Kind.CHANGED, "false", "true"), "") == ""


def test_a_rule_is_named_with_the_command_that_brings_recordings_along() -> None:
    """Unless a setting leaves the place out anyway."""
    uuid = Difference("/messages/0/content", Kind.UUID, "a", "b")
    text = remedy(uuid, rule="PROVIDER_PROXY_VOLATILE=uuid")
    assert ", or set PROVIDER_PROXY_VOLATILE=uuid and run `" in text
    assert " rekey`, or record it again" in text
    elsewhere = Difference("/metadata/user_id", Kind.UUID, "a", "b")
    assert "VOLATILE" not in remedy(elsewhere, rule="PROVIDER_PROXY_VOLATILE=uuid")


CONTENT = [
    "/messages/1/content", "/messages/0/content/2/text", "/messages/3/tool_calls/0/function/arguments",
    "/messages/2/metadata/id", "/system", "/system/0/text", "/instructions", "/prompt", "/input", "/input/0/content",
    "/input/1/id", "/contents/0/parts/0/text", "/systemInstruction/parts/0/text", "/tools/0/function/description",
    "/tools/0/name", "/documents/0/text", "/documents/0/id", "/query", "/texts/3", "/inputs", "/text_prompts/0/text",
    "/messages/0/id", "/response_format/json_schema/name", "/response_format/json_schema/schema/properties/user_id",
    "/voice", "/n", "/x", "/metadata/question", "/metadata/topic", "/inputText", "/dimensions",
]  # fmt: skip


@pytest.mark.parametrize(
    "place",
    [
        *CONTENT, "/model", "/stream", "query alt", "path", "/a…b", "/a,b", "query q", "query page_token",
        "header anthropic-version", "header content-type", "header accept", "query api-version",
        "/metadata/$(reboot)_id", "/metadata/a;b_id", "header x y", "query a&b", "/metadata/a b_id",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Kind.UUID, Kind.DATE, Kind.CHANGED])
def test_what_must_not_or_cannot_be_ignored(place: str, kind: Kind) -> None:
    """Content is never recommended to be ignored, nor what selects the answer, nor a name that a shell would read."""
    assert "IGNORE" not in remedy(Difference(place, kind, "a", "b"))


def test_one_pattern_for_all_indices() -> None:
    """A setting that fits several places names them all, so that it is not recommended again for the next index."""
    places = [Difference(f"/requests/{at}/custom_id", Kind.UUID, "a", "b") for at in (0, 3, 7)]
    assert "IGNORE_FIELDS=/requests/*/custom_id," in remedy(places[0], others=tuple(places[1:]))
    assert "IGNORE_FIELDS=/requests/0/custom_id," in remedy(places[0])


def test_an_api_version_is_not_a_date() -> None:
    """A changed API version is not explained as a date."""
    text = remedy(Difference("header anthropic-version", Kind.API_VERSION, "2023-06-01", "2026-10-21"))
    assert "clock" not in text
    assert text.startswith("An upgrade of the SDK")
