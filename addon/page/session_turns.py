"""Reads a recorded WebSocket session as turns: what each side said until the other one spoke."""

from __future__ import annotations

from addon.page.blocks import Part, Turn
from addon.sockets.reading import frames_in
from addon.sockets.transcript import CONTENT_TYPE, Transcript
from cache_store.answers.media import essence_of
from cache_store.entry import Entry
from cache_store.errors import EntryError

__all__ = ["turns_of_session"]


def turns_of_session(entry: Entry) -> list[Turn] | None:
    """The turns of a session, each frame a part under its type; None if the entry holds none, or a damaged one."""
    if essence_of(entry.headers) != CONTENT_TYPE:
        return None
    try:
        transcript = Transcript.decode(entry.body)
    except EntryError:
        return None
    turns: list[Turn] = []
    for side, kind, said in frames_in(transcript):
        if not turns or turns[-1].role != side:
            turns.append(Turn(side))
        turns[-1].parts.append(Part("text", said, kind) if said else Part("note", kind))
    return turns
