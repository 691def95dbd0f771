"""Exceptions whose text is made up."""

from __future__ import annotations

import pytest

from cache_store.errors import MissingExtra


def test_a_missing_extra_says_how_this_installation_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """run-proxy.sh adds extras by itself; another installation is made again."""
    monkeypatch.delenv("RUN_PROXY_SH", raising=False)
    assert str(MissingExtra("buckets need", "buckets")) == (
        "buckets need the extra buckets; install provider-proxy[buckets] in its place"
    )
    monkeypatch.setenv("RUN_PROXY_SH", "my tools/run-proxy.sh")
    assert str(MissingExtra("buckets need", "buckets")) == (
        "buckets need the extra buckets; run `'my tools/run-proxy.sh' extras buckets`"
    )
