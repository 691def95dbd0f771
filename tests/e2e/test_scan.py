"""`scan` over a real cache."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from tests.e2e.clients import session
from tests.e2e.command import COMMAND, provider_proxy
from tests.e2e.conftest import ROOT, Proxy
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
            client.post("https://api.openai.com/v1/x", json={}, timeout=120)
        proxy.stop()
        done = provider_proxy("scan", "--json", environ=proxy.environ, folder=tmp_path)
        assert done.returncode == status, done.stdout
        assert len(json.loads(done.stdout)) == status
        assert KEY not in done.stdout
    (tmp_path / "export.json").write_text(json.dumps({"x": KEY}))
    found = provider_proxy("scan", "export.json", environ=proxy.environ, folder=tmp_path)
    assert (found.returncode, found.stderr) == (1, "1 secret found\n")
    assert provider_proxy("scan", "no-such-file", environ=proxy.environ, folder=tmp_path).returncode == 2


def test_exports_are_scanned_by_the_same_rules(environ: dict[str, str], tmp_path: Path) -> None:
    """What `scan` finds in a cache it finds in its pack, compressed, and in its directory, base64 or not."""
    json_type = (b"content-type", b"application/json")
    answers = [
        ((json_type,), b'{"ok": 1}'),
        ((json_type,), b'{"text": "%b"}' % KEY.encode()),
        ((), b"\xff\x00 " + KEY.encode()),
        ((json_type, (b"set-cookie", b"a=b")), b"{}"),
        ((json_type,), b'{"access_token": "abc"}'),
        ((json_type,), b'{"url": "https://h/a?sig=abc"}'),
    ]
    store = DiskStore(tmp_path / "cache")
    store.put_newer(
        Entry(f"pp1-{n:064x}", 200, "OK", headers, body, 1000.0, 0.1, "run")
        for n, (headers, body) in enumerate(answers)
    )
    store.close()
    found = []
    for path in ("all.ppack", "fixtures"):
        provider_proxy("export", path, "--cache-dir", "cache", environ=environ, folder=tmp_path)
    for path in ("cache", "all.ppack", "fixtures"):
        done = provider_proxy("scan", "--json", path, environ=environ, folder=tmp_path)
        assert done.returncode == 1, done.stderr
        found.append(sorted((row["kind"], row["part"], row["note"]) for row in json.loads(done.stdout)))
    assert found[0] == found[1] == found[2]
    assert [kind for kind, _, _ in found[0]] == ["access-token", "header", "signed-url", "sk-key", "sk-key"]
    (tmp_path / "cut.ppack").write_bytes((tmp_path / "all.ppack").read_bytes()[:-9])
    assert provider_proxy("scan", "cut.ppack", environ=environ, folder=tmp_path).returncode == 1


def test_the_hook_of_pre_commit(environ: dict[str, str], tmp_path: Path) -> None:
    """It is run on exports, packs, cassettes and HAR files alone, and fails if one of them has a secret."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    names = ["recordings/a b.json", "x.ppack", "tests/cassettes/a.yaml", "a.har", "main.py", "README.md"]
    assert [name for name in names if re.search(hook["files"], name)] == names[:4]
    (tmp_path / "clean.json").write_text("{}")
    (tmp_path / "a secret.yaml").write_text(f"key: {KEY}")
    command = [*COMMAND, *shlex.split(hook["entry"])[1:]]
    for files, status in ((["clean.json"], 0), (["clean.json", "a secret.yaml"], 1)):
        done = subprocess.run([*command, *files], env=environ, cwd=tmp_path, capture_output=True, timeout=120)
        assert done.returncode == status
