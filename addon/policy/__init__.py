"""Decides whether an answer may be kept, and under which key. Pure: no store, no clock of its own, no proxy."""
