"""Checks whether a provider's own prompt cache works on a route, and whether its numbers make sense.

Behaves like the published probe of harn (crate harn-vm, `llm::cache_conformance`, schema version 1). Uses entries
and the parsers of `cache_store.answers`, and no store.
"""

from cache_store.conformance.entries import NoSuchRoute, probe_entries
from cache_store.conformance.fixture import FixtureError, probe_fixture
from cache_store.conformance.report import Report

__all__ = ["FixtureError", "NoSuchRoute", "Report", "probe_entries", "probe_fixture"]
