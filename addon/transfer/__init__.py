"""Reads what other tools recorded and turns it into entries, by the same rules as live answers."""
