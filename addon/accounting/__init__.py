"""Counts, costs, receipts and gates of a run. Knows settings, identities and messages; prints nothing."""
