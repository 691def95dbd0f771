"""Compares two states of recordings by meaning, and shows what changed. Reads only what it is given."""
