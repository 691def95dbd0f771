"""Everything at rest: entries, tiers, transfer, and what is computed from entries alone."""

from cache_store.entry import Entry

__all__ = ["Entry"]
