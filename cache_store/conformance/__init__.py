"""Does a provider's own prompt cache work on a route, and do its numbers make sense?

`capabilities` says which routes cache (a table), `normalise` makes one shape of every provider's token counts,
`classify` puts a run into one bucket and runs into one verdict, `report` is what is written. `fixture` and
`entries` are the two sources of runs: a saved file, and recorded answers.

The behaviour is that of the published probe of harn (crate harn-vm, `llm::cache_conformance`, schema version
1).
"""

from cache_store.conformance.entries import NoSuchRoute, probe_entries
from cache_store.conformance.fixture import FixtureError, probe_fixture
from cache_store.conformance.report import Report

__all__ = ["FixtureError", "NoSuchRoute", "Report", "probe_entries", "probe_fixture"]
