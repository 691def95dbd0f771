"""The counts, costs, receipts and gates of a run.

It uses settings, identities and messages, and prints nothing.
"""
