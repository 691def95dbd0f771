"""Decides whether an answer may be stored, and under which key. Pure: uses no store and no proxy."""
