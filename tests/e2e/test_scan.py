"""`scan` over a real cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.e2e.clients import session
from tests.e2e.command import provider_proxy
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Upstream

KEY = "sk-proj-" + "Ab1" * 40


def test_scan_fails_on_a_secret_and_passes_without(
    start_proxy: Callable[..., Proxy], start_upstream: Callable[..., Upstream], tmp_path: Path
) -> None:
    """An answer with a key in it is not stored; stored by permission, `scan` finds it and exits 1."""
    upstream = start_upstream(lambda e: e.json({"text": f"your key is {KEY}"}))
    for allow, status in (("false", 0), ("true", 1)):
        proxy = start_proxy(upstream, "read-write", allow_secrets_in_responses=allow)
        with session(proxy) as client:
            client.post("https://api.openai.com/v1/x", json={}, timeout=30)
        proxy.stop()
        done = provider_proxy("scan", "--json", environ=proxy.environ, folder=tmp_path)
        assert done.returncode == status, done.stdout
        assert len(json.loads(done.stdout)) == status
        assert KEY not in done.stdout
    (tmp_path / "export.json").write_text(json.dumps({"x": KEY}))
    assert provider_proxy("scan", "export.json", environ=proxy.environ, folder=tmp_path).returncode == 1
    assert provider_proxy("scan", "no-such-file", environ=proxy.environ, folder=tmp_path).returncode == 2
