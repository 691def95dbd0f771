"""Decides whether an answer is whole and successful. Pure: it reads bytes; of `addon` it imports nothing."""

from __future__ import annotations

from addon.judging.judgement import Answer, Judgement, judge

__all__ = ["Answer", "Judgement", "judge"]
