"""What to do about a difference."""

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
    """Where the run records the answer itself, nobody is told to record it; what keeps a value still is said."""
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
    assert f", or {setting}, or " in remedy(Difference(place, Kind.UUID, "a", "b"))
    name, _, value = setting.removeprefix("PROVIDER_PROXY_").partition("=")
    IdentityRules.parse(**{name.lower(): value})


@pytest.mark.parametrize("place", ["/model", "/stream", "query alt", "path", "/a…b", "/a,b"])
def test_what_must_not_or_cannot_be_ignored(place: str) -> None:
    """A setting that the rules refuse, or that would not be this place, is not recommended."""
    assert "IGNORE" not in remedy(Difference(place, Kind.UUID, "a", "b"))
