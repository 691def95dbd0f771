"""Replays a transcript: which of its frames may go out now, and whether it fits what has been said so far."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter

from addon.sockets.frames import kind_of, says_same
from addon.sockets.transcript import ClientFrame, Frame, ProviderFrame, Transcript

__all__ = ["Playback", "in_causal_order"]

# What a provider says by itself when a session begins. In a recording it may come after the client's first frame,
# by chance. Source: OpenAI's Realtime guide, "session lifecycle events".
_UNASKED = frozenset({"session.created", "transcription_session.created"})


class Playback:
    """One replay. `told` are the provider's frames that the client has been sent."""

    def __init__(self, transcript: Transcript, told: Sequence[str] = ()) -> None:
        self.transcript = transcript
        self.told = list(told)

    def fits(self, digests: Sequence[str]) -> bool:
        """Whether the recorded session began with these frames of the client, and with what has been told."""
        transcript = self.transcript
        return transcript.digests[: len(digests)] == list(digests) and self._has_told()

    def goes_on(self, place: int, digest: str) -> bool:
        """Whether the recorded session has this frame of the client in this place, from 0."""
        digests = self.transcript.digests
        return place < len(digests) and digests[place] == digest

    def _has_told(self) -> bool:
        answers = self.transcript.answers
        return len(self.told) <= len(answers) and all(
            says_same(told, text) for told, (_, text) in zip(self.told, answers, strict=False)
        )

    def due(self, said: int) -> list[str]:
        """The frames that may go out after `said` frames of the client; they count as told."""
        answers, told = self.transcript.answers, len(self.told)
        due = [text for _, text in answers[told : bisect_right(answers, said, told, key=itemgetter(0))]]
        self.told += due
        return due

    def so_far(self, client: Sequence[ClientFrame]) -> list[Frame]:
        """The frames of this replay in order: what the client has said, and where it was told what."""
        frames: list[Frame] = []
        needed = [needs for needs, _ in self.transcript.answers[: len(self.told)]]
        told = 0
        for said in range(len(client) + 1):
            while told < len(self.told) and needed[told] <= said:
                frames.append(ProviderFrame(self.told[told]))
                told += 1
            frames += client[said : said + 1]
        return frames

    def is_over(self, said: int) -> bool:
        """Whether everything is said, and it is the provider that closes."""
        transcript = self.transcript
        return (
            not transcript.closed_by_client
            and said >= len(transcript.digests)
            and len(self.told) >= len(transcript.answers)
        )


def in_causal_order(frames: Sequence[Frame]) -> list[Frame]:
    """The frames of a session with what the provider says unasked in the first place."""
    at = next((n for n, frame in enumerate(frames) if isinstance(frame, ProviderFrame)), 0)
    first = frames[at] if frames else None
    if not isinstance(first, ProviderFrame) or kind_of(first.text) not in _UNASKED:
        return list(frames)
    return [first, *frames[:at], *frames[at + 1 :]]
