"""Parsers of answers. They read bodies and decide nothing. May import `entry` and `errors` only."""
