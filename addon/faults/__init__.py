"""Faults on demand: which requests get one, what it is, and how an answer is broken. Pure."""
