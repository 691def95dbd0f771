"""What an answer says that it cost."""

from __future__ import annotations

import gzip
import json

from addon.accounting.costs import Tally
from addon.accounting.live_costs import add_entry, add_live
from addon.identity import Identity
from addon.messages import LiveAnswer
from cache_store.entry import Entry

USAGE = {"prompt_tokens": 7, "completion_tokens": 2}
BODY = json.dumps({"model": "gpt-4.1-2025", "usage": USAGE}).encode()
TYPE = (b"content-type", b"application/json")


def tally(
    label: dict[str, str], status: int, body: bytes, *, whole: bool = True, coding: bytes = b""
) -> Tally:
    """The tally after one live answer."""
    found = Tally()
    headers = (TYPE, (b"content-encoding", coding)) if coding else (TYPE,)
    add_live(found, Identity("k", b"{}", label), LiveAnswer(status, "", headers, body), 10**6, whole=whole)
    return found


def test_a_live_answer() -> None:
    """The model is the one that was asked for, else the one that answered; a compressed body is read too."""
    asked = {"host": "api.openai.com", "model": "gpt-4.1"}
    assert tally(asked, 200, BODY).models["gpt-4.1"].input_tokens == 7
    assert tally({"host": "h"}, 200, BODY).models["gpt-4.1-2025"].output_tokens == 2
    assert tally(asked, 200, gzip.compress(BODY), coding=b"gzip").models["gpt-4.1"].input_tokens == 7


def test_what_is_not_known() -> None:
    """A body that was let go of, or that cannot be decoded, costs an unknown amount."""
    asked = {"host": "api.openai.com", "model": "gpt-4.1"}
    for found in (tally(asked, 200, BODY, whole=False), tally(asked, 200, b"\x1f\x8bbroken", coding=b"gzip")):
        found.settle()
        assert found.unknown == 1


def test_what_costs_nothing() -> None:
    """An error, and an answer that has neither a model nor a usage."""
    assert tally({"host": "h", "model": "m"}, 500, BODY).models == {}
    assert tally({"host": "h"}, 200, b'{"data": []}').models == {}


def test_an_entry_counts_for_each_hit() -> None:
    """What it stated when it was recorded, once for each time that it answered."""
    found = Tally()
    entry = Entry("pp1-k", 200, "OK", (TYPE,), BODY, 1.0, 1.0, "r", {"host": "h", "model": "m"})
    add_entry(found, entry, 3)
    add_entry(found, entry, 0)
    assert (found.models["m"].answers, found.models["m"].input_tokens) == (3, 21)
