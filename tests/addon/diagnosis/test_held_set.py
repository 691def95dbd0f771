"""Two hundred recorded requests, each asked again after an edit, and fifty that resemble none (issue 19)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from addon.diagnosis import diagnose
from addon.identity import Identity
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.diagnosis.conftest import entry, identity

_RECORDED, _UNRELATED = Path(__file__).with_name("held_set.txt").read_text("utf-8").split("---\n")
_SYSTEM = "You are a helpful assistant. Answer concisely and truthfully. If you are unsure, say so."
_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
_STYLES = 7


def _request(style: int, question: str, before: str = "", **more: Any) -> Identity:
    """A request in one of seven styles. `before` is an earlier turn, where the style has turns."""
    turns = (
        [{"role": "user", "content": before}, {"role": "assistant", "content": "Noted."}] if before else []
    )
    user = [*turns, {"role": "user", "content": question}]
    system = {"role": "system", "content": _SYSTEM}
    bodies: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("api.openai.com", "/v1/chat/completions", {"model": "gpt-4.1", "messages": user}),
        ("api.openai.com", "/v1/chat/completions", {"model": "gpt-4.1", "messages": [system, *user]}),
        ("api.openai.com", "/v1/chat/completions", {"model": "o4", "tools": [_TOOL], "messages": [system, *user]}),
        ("api.openai.com", "/v1/responses", {"model": "gpt-5", "input": question, "instructions": _SYSTEM}),
        ("api.anthropic.com", "/v1/messages", {"model": "claude-sonnet-4", "system": _SYSTEM, "messages": user}),
        ("generativelanguage.googleapis.com", "/v1beta/models/gemini-2.5-flash:generateContent",
         {"contents": [{"role": "user", "parts": [{"text": question}]}]}),
        ("api.openai.com", "/v1/embeddings", {"model": "text-embedding-3-small", "input": question}),
    )  # fmt: skip
    host, path, body = bodies[style % _STYLES]
    return identity(body | more, path, host)


def _pairs() -> Iterator[tuple[Identity, Identity]]:
    """Each recorded request with its edited one: once with the question edited, once with something else."""
    for number, line in enumerate(_RECORDED.splitlines()[1:]):
        old, new = (part.strip() for part in line.split("|"))
        yield _request(number, old), _request(number, new)
        style, kind = number + 3, number % 5
        if kind == 0:
            yield (
                _request(style, f"{old} Context: {new[::-1]}"),
                _request(style, f"{old} Context: {new[::-1]} {number}"),
            )
        elif kind == 1:
            style = (0, 1, 4)[number % 3]
            yield (
                _request(style, old, f"Earlier: {new}"),
                _request(style, f"{old} Please.", f"Earlier: {new}"),
            )
        elif kind == 2:
            yield _request(style, f"{old} (long)"), _request(style, f"{old} (long)", model="other", seed=1)
        elif kind == 3:
            text = f"Document 7: {new.upper()} {old.title()}"
            yield _request(style, text), _request(style, text.replace("7", "8"))
        else:
            yield _request(style, old.upper()), _request(style, f"{old.upper()} 2026-11-28", user="u-9")


def test_the_right_neighbour_is_named_and_only_then_one() -> None:
    """In 95 % of the cases the edited request finds its recording; 95 % of the others hear that nothing is similar."""
    pairs = list(_pairs())
    store = MemoryStore()
    for recorded, _ in sorted(pairs, key=lambda pair: pair[0].key):  # in no order that means anything
        store.put(entry(recorded))
    assert (len(pairs), store.stats().entries) == (200, 200)

    def nearest(request: Identity) -> str:
        return diagnose(request.key, request.request_json, request.label, store).nearest

    wrong = [recorded.key for recorded, edited in pairs if nearest(edited) != recorded.key]
    assert len(wrong) <= 10
    unrelated = [_request(number, text) for number, text in enumerate(_UNRELATED.splitlines())]
    assert len(unrelated) == 50
    assert sum(1 for request in unrelated if nearest(request)) <= 2
