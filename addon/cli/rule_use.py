"""`verify --rules`: what each volatile rule does to the recordings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from addon.accounting.figures import plural
from addon.cli.keys import short_key
from addon.cli.output import say
from addon.cli.progress import Progress
from addon.identity import IdentityRules
from addon.identity.keying import entry_under
from addon.identity.saved_form import key_of
from addon.identity.volatile_form import texts_of_saved, unbind_saved
from addon.volatile.breadth import Breadth
from addon.volatile.rebinding import neutral_body
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.store import Store

__all__ = ["RuleUse", "print_rule_use", "rule_use"]

_NAMED = 3


@dataclass(slots=True)
class RuleUse:
    """`entries` is how many entries each rule gave a value. `meeting` are the keys of entries that become equal
    though their answers differ, by group.
    """

    breadth: Breadth
    entries: Counter[str] = field(default_factory=Counter)
    meeting: list[list[str]] = field(default_factory=list)

    def as_dict(self, rules: IdentityRules) -> dict[str, Any]:
        """For JSON."""
        return {
            "texts": self.breadth.texts,
            "rules": [
                {
                    "name": rule.name,
                    "entries": self.entries[rule.name],
                    "texts": self.breadth.matched[rule.name],
                }
                for rule in rules.volatile.rules
            ],
            "too_broad": list(self.breadth.reasons()),
            "meeting": self.meeting,
        }


def rule_use(store: Store, rules: IdentityRules, shown: Progress) -> RuleUse:
    """What the volatile rules do to the recordings in `store`."""
    use = RuleUse(Breadth(rules.volatile))
    groups: dict[str, dict[str, bytes]] = {}
    for key in shown.over(store.keys(), "entries read"):
        try:
            entry = store.local.get(key)
            if entry is not None and entry.request_json != b"{}":
                _count(entry, rules, use, groups)
        except EntryError:
            continue
    use.meeting = [list(answers) for answers in groups.values() if len(set(answers.values())) > 1]
    return use


def _count(entry: Entry, rules: IdentityRules, use: RuleUse, groups: dict[str, dict[str, bytes]]) -> None:
    host, path, texts = texts_of_saved(unbind_saved(entry.request_json, entry.bindings) or entry.request_json)
    use.breadth.add(host, path, texts)
    entry = entry_under(entry, rules)
    use.entries.update({rule for rule, _, _ in entry.bindings})
    if "." not in entry.key and "@" not in entry.key:
        groups.setdefault(key_of(entry.request_json), {})[entry.key] = sha256(neutral_body(entry)).digest()


def print_rule_use(use: RuleUse, rules: IdentityRules) -> None:
    """One line for each rule, and one for each thing that is wrong."""
    if not rules.volatile:
        say("no volatile rules are set (docs/volatile.md)")
    for rule in rules.volatile.rules:
        count = use.entries[rule.name]
        say(f"{rule.name}: {plural(count, 'entry', 'entries')}" if count else f"{rule.name}: matches nothing")
    for name, why in use.breadth.reasons().items():
        say(f"{name}: {why}")
    for keys in use.meeting:
        more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
        named = ", ".join(map(short_key, keys[:_NAMED]))
        say(f"equal under these rules, with different answers: {named}{more}")
