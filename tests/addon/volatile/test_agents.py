"""The rules for coding agents."""

from __future__ import annotations

import json
import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.volatile import agents
from addon.volatile.agents import agent_rules, folder_rules
from addon.volatile.rebinding import RebindRefused, rebind
from addon.volatile.rules import Place, parse_volatile
from cache_store.entry import Entry
from cache_store.errors import UsageError

TABLES = tomllib.loads((Path(agents.__file__).with_name("agents.toml")).read_text())["rule"]
MEMBERS = {
    "agent",
    "versions",
    "name",
    "hosts",
    "path",
    "pointers",
    "kind",
    "regex",
    "anchor",
    "noise",
    "hint",
}


def _key(text: str, folders: str = "cwd=/srv/checkout/alpha,home=/home/alice", **more: Any) -> str:
    body = {"model": "m", "system": [{"type": "text", "text": text}], **more}
    request = WireRequest("POST", "https", "api.anthropic.com", 443, "/v1/messages",
                          ((b"content-type", b"application/json"),), json.dumps(body).encode())  # fmt: skip
    return identify(request, IdentityRules.parse(profile="agents", folders=folders)).key


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["name"])
def test_each_rule_says_whose_it_is_and_is_narrow(table: dict[str, Any]) -> None:
    """It names agent and versions, a host, a path, a place, and text around the value; ordinary words do not match."""
    assert table.keys() <= MEMBERS
    assert {"agent", "versions", "name", "hosts", "path", "pointers", "anchor"} <= table.keys()
    assert ("kind" in table) != ("regex" in table)
    assert all("*" not in host for host in table["hosts"])
    before, gap, after = table["anchor"].partition("⟦…⟧")
    assert gap
    assert len((before + after).strip()) >= 3 or table["regex"].startswith("^")
    found = [rule for rule in agent_rules() if rule.name == table["name"]]
    assert len(found) == len(table["pointers"]) * len(table["hosts"])
    for rule in found:
        assert rule.place is not None
        assert not rule.place.is_fixed
        assert rule.hint
        assert not list(rule.spans(rule.place, "word another sentence 2026-11-28 12 seconds"))


def test_the_folders_of_a_run_stand_for_themselves() -> None:
    """In another checkout and for another user the key is the same; another file of the folder gives another one."""
    text = (
        "You work in {cwd}. Read {cwd}/notes.txt and {home}/.config; notes are in {home}/p/{dashed}/memory."
    )
    there = _key(text.format(cwd="/srv/checkout/alpha", home="/home/alice", dashed="-srv-checkout-alpha"))
    here = _key(
        text.format(cwd="/home/bob/alpha", home="/home/bob", dashed="-home-bob-alpha"),
        "cwd=/home/bob/alpha,home=/home/bob",
    )
    assert there == here
    assert there.startswith("pp2v-")
    other = text.replace("notes.txt", "other.txt")
    assert there != _key(
        other.format(cwd="/srv/checkout/alpha", home="/home/alice", dashed="-srv-checkout-alpha")
    )


@pytest.mark.parametrize(
    "text",
    ["see /srv/checkout/alphabet", "see /srv/checkout/alpha-2", "see /srv/checkout/alpha.old", "see /mnt/srv/checkout/alpha",
     "see srv/checkout/alpha", "https://x.example/srv/checkout/alpha"],
)  # fmt: skip
def test_another_folder_that_begins_alike_is_another(text: str) -> None:
    """Only the whole path counts, or what lies below it."""
    assert _key(text).startswith("pp2-")


def test_a_folder_that_also_stands_where_it_is_not_replaced_stays() -> None:
    """A request in which another member names it is not equal to one in which that names another folder."""
    text = "You work in /srv/checkout/alpha."
    assert _key(text).startswith("pp2v-")
    assert _key(text, metadata={"project": "/srv/checkout/alpha"}).startswith("pp2-")
    assert _key(text + " Not in srv_checkout_alpha.").startswith("pp2-")


@pytest.mark.parametrize("folders", ["", "cwd=/", "cwd=/root,home=/app"])
def test_a_path_of_one_segment_is_a_word(folders: str) -> None:
    """`/root` and `/app` mean something in prompts."""
    assert not list(folder_rules(folders))
    assert _key("You work in /root and /app.", folders).startswith("pp2-")


@pytest.mark.parametrize("folders", ["cwd", "cwd=", "cwd=a/b", "tmp=/a/b", "/a/b"])
def test_what_is_no_folder_is_refused(folders: str) -> None:
    """With the form that is right."""
    with pytest.raises(UsageError, match=r"FOLDERS: .* is not cwd=/path or home=/path"):
        IdentityRules.parse(profile="agents", folders=folders)


def test_folders_count_with_the_profile_only() -> None:
    """Without it nothing is volatile."""
    assert not IdentityRules.parse(folders="cwd=/srv/checkout/alpha").volatile


def test_the_rules_travel_to_other_processes() -> None:
    """With the folders."""
    rules = parse_volatile("uuid", "", "cwd=/srv/checkout/alpha")
    assert pickle.loads(pickle.dumps(rules)) is rules
    assert "/srv/checkout/alpha" in repr(rules)


def test_a_date_in_a_question_is_not_the_agents_date() -> None:
    """Only the date that the agent states as today's is replaced, and the same day wherever it stands."""
    today = "Today's date is {}"
    assert _key(today.format("2026-11-28")) == _key(today.format("2027-01-03"))
    question = "\nWhat weekday is {}?"
    asked = [_key(today.format("2026-11-28") + question.format(day)) for day in ("2027-01-03", "2027-01-04")]
    assert asked[0] != asked[1]


def test_our_folder_is_left_out_and_its_neighbours_are_not() -> None:
    """Where Gemini CLI lists it among the first entries, what is in it counts for nothing."""
    (rule,) = [rule for rule in agent_rules() if rule.name == "gemini-our-folder"]
    place = Place("pointer", pointer=("contents", "0", "parts", "0", "text"))
    tree = "/w/\n├───.provider-proxy/\n│   └───cache/\n│       └───cache.db\n└───notes.txt\n"
    ((start, end),) = rule.spans(place, tree)
    assert tree[start:end] == "\n│   └───cache/\n│       └───cache.db"
    within = "/w/\n└───tests/\n    ├───.provider-proxy/\n    │   └───cache/\n    └───notes.txt\n"
    assert not list(rule.spans(place, within))


def test_a_place_of_another_kind_is_not_searched() -> None:
    """A user's words may look like an agent's."""
    (rule, *_) = [rule for rule in agent_rules() if rule.name == "codex-wall-time"]
    text = "Wall time: 0.5 seconds"
    assert list(rule.spans(Place("pointer", pointer=("input", "3", "output")), text)) == [(11, 14)]
    assert not list(rule.spans(Place("pointer", pointer=("input", "3", "content")), text))


def _outputs(*seconds: str, text: str = "go on") -> tuple[str, tuple[tuple[str, int, str], ...]]:
    """The key and the values of a request with tool outputs that took so long."""
    outputs = [{"type": "function_call_output", "call_id": f"call_{n}", "output": f"Wall time: {s} seconds\nOutput:\nhi"}
               for n, s in enumerate(seconds)]  # fmt: skip
    body = {"model": "m", "input": [{"type": "message", "role": "user", "content": text}, *outputs]}
    request = WireRequest("POST", "https", "api.openai.com", 443, "/v1/responses",
                          ((b"content-type", b"application/json"),), json.dumps(body).encode())  # fmt: skip
    identity = identify(request, IdentityRules.parse(profile="agents"))
    return identity.key, identity.bindings


def test_durations_that_are_equal_by_chance_do_not_count() -> None:
    """Each is a value of its own, replaced where it stands and nowhere else."""
    assert _outputs("0.1", "0.1")[0] == _outputs("0.1", "0.2")[0]
    assert _outputs("0.1", "0.1")[1] == (("codex-wall-time", 1, "0.1"), ("codex-wall-time", 2, "0.1"))
    assert _outputs("0.1")[0] != _outputs("0.1", "0.2")[0]
    assert _outputs("0.1", text="version 0.1")[0] != _outputs("0.2", text="version 0.2")[0]
    assert (
        _outputs("0.1", text="⟦codex-wall-time#1⟧")[0]
        != _outputs("0.1", text="⟦literal⟧codex-wall-time#1⟧")[0]
    )


def test_an_answer_that_repeats_an_unclear_value_is_refused() -> None:
    """Where one recorded value stands for two of this run, nothing says which."""
    said = b'{"choices":[{"message":{"content":"it took 0.12345678 seconds"}}]}'
    entry = Entry("pp2v-a", 200, "OK", ((b"content-type", b"application/json"),), said, 1.0, 1.0, "run",
                  bindings=(("t", 1, "0.12345678"), ("t", 2, "0.12345678")))  # fmt: skip
    assert rebind(entry, entry.bindings).entry is entry
    both = rebind(entry, [("t", 1, "0.87654321"), ("t", 2, "0.87654321")]).entry.body
    assert both == said.replace(b"0.12345678", b"0.87654321")
    for live in (("0.12345678", "0.87654321"), ("0.87654321", "0.12345678"), ("0.1", "0.2")):
        with pytest.raises(RebindRefused, match="several"):
            rebind(entry, [("t", n, value) for n, value in enumerate(live, 1)])
