"""`verify --rules`: what each volatile rule does to the recordings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from addon.accounting.figures import plural
from addon.cli.keys import short_key
from addon.cli.output import say
from addon.cli.progress import Progress
from addon.identity import IdentityRules
from addon.identity.keying import rebind_saved, resave
from addon.identity.saved_form import key_of
from addon.identity.volatile_form import texts_of_saved
from addon.volatile.rebinding import neutral_body
from cache_store.entry import Entry
from cache_store.errors import EntryError
from cache_store.store import Store

__all__ = ["RuleUse", "print_rule_use", "rule_use"]

_NAMED = 3
_TOO_MANY = 0.25  # of all texts: such a rule does not name a value


@dataclass(slots=True)
class RuleUse:
    """`texts` is how many texts the recorded requests have, `matched` how many of them each rule matches, `entries`
    how many entries each rule gave a value. `meeting` are the keys of entries that become equal though their
    answers differ, by group.
    """

    texts: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    meeting: list[list[str]] = field(default_factory=list)

    def too_broad(self) -> list[str]:
        """The rules that match more than a quarter of all texts."""
        return [
            name for name, count in self.matched.items() if self.texts > 20 and count > self.texts * _TOO_MANY
        ]

    def as_dict(self, rules: IdentityRules) -> dict[str, Any]:
        """For JSON."""
        return {
            "texts": self.texts,
            "rules": [
                {"name": rule.name, "entries": self.entries[rule.name], "texts": self.matched[rule.name]}
                for rule in rules.volatile.rules
            ],
            "too_broad": self.too_broad(),
            "meeting": self.meeting,
        }


def rule_use(store: Store, rules: IdentityRules, shown: Progress) -> RuleUse:
    """What the volatile rules do to the recordings in `store`."""
    use = RuleUse()
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
    host, path, texts = texts_of_saved(entry.request_json)
    covering = rules.volatile.of(host, path)
    for place, text in texts:
        use.texts += 1
        for rule in covering.rules if covering else ():
            use.matched[rule.name] += next(rule.spans(place, text), None) is not None
    request_json, bindings = rebind_saved(resave(entry.request_json, rules), rules)
    entry = replace(entry, bindings=bindings or entry.bindings)
    use.entries.update({rule for rule, _, _ in entry.bindings})
    if "." not in entry.key and "@" not in entry.key:
        groups.setdefault(key_of(request_json), {})[entry.key] = sha256(neutral_body(entry)).digest()


def print_rule_use(use: RuleUse, rules: IdentityRules) -> None:
    """One line for each rule, and one for each thing that is wrong."""
    if not rules.volatile:
        say("no volatile rules are set (docs/volatile.md)")
    for rule in rules.volatile.rules:
        count = use.entries[rule.name]
        say(f"{rule.name}: {plural(count, 'entry', 'entries')}" if count else f"{rule.name}: matches nothing")
    for name in use.too_broad():
        say(
            f"{name}: matches {use.matched[name]} of {use.texts} texts, so it does not name a value; give it a "
            "host, a path, a pointer and an anchor"
        )
    for keys in use.meeting:
        more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
        named = ", ".join(map(short_key, keys[:_NAMED]))
        say(f"equal under these rules, with different answers: {named}{more}")
