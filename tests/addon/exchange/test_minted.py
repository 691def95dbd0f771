"""Ids that providers mint."""

from __future__ import annotations

from addon.exchange import minted
from addon.exchange.minted import Answered, Minted, digest_of, uploads_in

KEY, OLD = f"pp2-{1:064x}", f"pp2-{2:064x}"


def test_an_id_is_found_with_the_answer_that_minted_it() -> None:
    """The latest note counts, and an id that was never noted is unknown."""
    ids = Minted()
    assert ids.find("file-1") is None
    ids.note("file-1", KEY, digest_of(b"one"))
    ids.note("file-1", OLD, digest_of(b"two"))
    assert ids.find("file-1") == (OLD, digest_of(b"two"))
    assert len(digest_of(b"one")) == 32


def test_the_number_of_ids_is_bounded() -> None:
    """The oldest go first."""
    ids = Minted()
    for number in range(minted._MOST + 10):
        ids.note(str(number), KEY, "")
    assert ids.find("9") is None
    assert ids.find("10") == (KEY, "")


def test_the_uploads_of_an_answer() -> None:
    """Every upload URL in the headers counts; a stand-in names the request that started the upload itself."""
    live = b"https://h/upload?upload_id=A%2Fb&upload_protocol=resumable"
    stored = f"https://h/upload?upload_id=%E2%9F%A6minted:{OLD}%E2%9F%A7".encode()
    headers = (
        (b"X-Goog-Upload-URL", live),
        (b"Location", stored),
        (b"x-other", live),
        (b"content-type", b"text/plain"),
    )
    assert list(uploads_in(headers, KEY)) == [("A/b", KEY), (f"⟦minted:{OLD}⟧", OLD)]


def test_answers_are_listed_from_a_place_on() -> None:
    """A second note of an answer changes nothing; the oldest go first."""
    answered = Answered()
    for key in ("a", "b", "a", "c"):
        answered.note(key)
    assert answered.since(0) == (3, ["a", "b", "c"])
    assert answered.since(2) == (3, ["c"])
    assert answered.since(3) == (3, [])
    for number in range(minted._MOST_ANSWERS):
        answered.note(str(number))
    place, keys = answered.since(0)
    assert place == minted._MOST_ANSWERS + 3
    assert (len(keys), keys[0]) == (minted._MOST_ANSWERS, "0")
