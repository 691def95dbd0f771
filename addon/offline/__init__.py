"""Answers that a run which sends nothing gives itself: dummy credentials for token endpoints and instance metadata,
and a receipt for telemetry.
"""
