"""Imports recordings: other tools' formats become entries by the same rules as live answers."""
