"""Decides whether an answer is whole and successful. Pure: it reads bytes and may import only `cache_store`."""

from __future__ import annotations

from addon.judging.judgement import Answer, Judgement, judge

__all__ = ["Answer", "Judgement", "judge"]
