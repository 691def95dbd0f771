"""What rules do to a take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from addon.identity import IdentityRules, identify
from addon.learning.asked import Asked
from addon.learning.proving import carried, keyed, meeting, plain_saved
from addon.volatile.rebinding import rebind
from cache_store.entry import Entry
from tests.addon.learning.requests_of_takes import RULES, UUIDS, asked, chat, wire

OLD, NEW = UUIDS
UUID_RULES = IdentityRules.parse(volatile="uuid")


def _recorded(text: str, rules: IdentityRules) -> Entry:
    identity = identify(wire(chat(text)), rules)
    return Entry(
        identity.key, 200, "OK", (), b"", 1.0, 1.0, "r", request_json=identity.request_json,
        bindings=identity.bindings,
    )  # fmt: skip


def _numbered(one: Asked, repeat: str, test: str = "") -> Asked:
    one.repeat, one.test, one.counter = repeat, test, test and f'["c","{test}",1]'
    return one


def test_two_requests_that_become_equal_meet() -> None:
    """Unless each has its own answer: in order, or of its test."""
    texts = (f"Run {OLD}", f"Run {NEW}")
    assert len(meeting([asked(text) for text in texts], RULES, UUID_RULES)) == 1
    assert meeting([asked(texts[0])] * 2, RULES, UUID_RULES) == []
    assert meeting([_numbered(asked(text), "sequence") for text in texts], RULES, UUID_RULES) == []
    pair = [_numbered(asked(text), "per-test", test) for text, test in zip(texts, "ab", strict=True)]
    assert meeting(pair, RULES, UUID_RULES) == []
    shared = [_numbered(asked(text), "sequence", test) for text, test in zip(texts, "ab", strict=True)]
    assert len(meeting(shared, RULES, UUID_RULES)) == 1


def test_keys_are_those_of_a_run() -> None:
    """From the request, or from its saved form; numbered like the run's, or as the recording was."""
    one = asked(f"Run {OLD}")
    of_run = identify(wire(chat(f"Run {NEW}")), UUID_RULES).key
    assert keyed([one], UUID_RULES)[0].key == of_run
    one.request, one.suffix = None, ".2"
    assert keyed([one], UUID_RULES)[0].key == f"{of_run}.2"
    twice = [_numbered(asked("Hi"), "sequence") for _ in range(2)]
    keys = [each.key for each in keyed(twice, RULES)]
    assert keys[1] == f"{keys[0]}.2"


@pytest.mark.parametrize("before", [RULES, UUID_RULES])
def test_a_recording_is_carried_over(before: IdentityRules) -> None:
    """With its values, whether or not it was made under other rules, and with other values."""
    after = IdentityRules.parse(volatile="uuid,tmp-path")
    recorded = f"Run {OLD} in /tmp/tmpab12cd_x"
    live = recorded if before is RULES else f"Run {NEW} in /tmp/tmpab12cd_x"
    one = asked(live)
    one.bindings = identify(wire(chat(live)), before).bindings
    (under,) = keyed([one], after)
    moved = carried(_recorded(recorded, before), under, after)
    assert (moved.key, moved.request_json) == (under.key, under.request_json)
    assert [value for *_, value in moved.bindings] == [OLD, "/tmp/tmpab12cd_x"]
    again = identify(wire(chat(f"Run {NEW} in /tmp/tmpzz99cd_y")), after)
    assert again.key == moved.key
    assert rebind(moved, again.bindings).entry.key == moved.key


def test_a_recording_shows_the_request_that_it_was_made_for() -> None:
    """With its values in the places of their stand-ins; None where that is not known."""
    for rules in (RULES, UUID_RULES):
        entry = _recorded(f"Run {OLD} and ⟦{NEW}⟧", rules)
        assert plain_saved(entry) == identify(wire(chat(f"Run {OLD} and ⟦{NEW}⟧")), RULES).request_json
    assert plain_saved(replace(entry, request_json=b"{}")) is None
    assert plain_saved(replace(entry, request_json=b"[")) is None
    assert plain_saved(replace(entry, bindings=(*entry.bindings, ("session", 9, "in a header")))) is None
