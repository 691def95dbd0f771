"""`ls`, `show`, `stats`, `prune`, `verify`, `rm` and `rekey` over a real cache."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addon.accounting.receipts import read_receipt, receipt_text
from addon.accounting.run_end import UsedEntry
from addon.identity import IdentityRules, identify
from addon.identity.old_keys import old_key_of_saved
from addon.messages import WireRequest
from cache_store.disk.disk_store import DiskStore
from cache_store.disk.last_used import note_used, read_last_used
from cache_store.entry import Entry
from tests.e2e.clients import ask, cached
from tests.e2e.command import COMMAND
from tests.e2e.conftest import Proxy, clean_environ
from tests.e2e.upstream import Upstream, chat_answer, chat_events, message_events

type Command = Callable[..., subprocess.CompletedProcess[str]]

DAY = 86400

OLD_REQUESTS = Path(__file__).parents[1] / "addon" / "identity" / "old_saved_requests.json"


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Runs the command in the test's folder."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environ = clean_environ(
            **{f"PROVIDER_PROXY_{name.upper()}": value for name, value in settings.items()}
        )
        return subprocess.run(
            [*COMMAND, *arguments],
            env=environ | {"XDG_DATA_HOME": str(tmp_path / "data")},
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The default cache directory."""
    return tmp_path / ".provider-proxy" / "cache"


def _entry(
    content: str, *, host: str = "api.openai.com", model: str = "gpt-4.1", age: float = 0.0,
    body: bytes = b"", media_type: str = "application/json", **more: Any,
) -> Entry:  # fmt: skip
    sent = json.dumps({"model": model, "messages": [{"role": "user", "content": content}], **more}).encode()
    headers = ((b"content-type", b"application/json"), (b"authorization", b"Bearer test"))
    request = WireRequest("POST", "https", host, 443, "/v1/chat/completions", headers, sent)
    identity = identify(request, IdentityRules())
    body = body or json.dumps(chat_answer(f"re: {content}")).encode()
    return Entry(
        identity.key, 200, "OK", ((b"content-type", media_type.encode()), (b"x-id", b"7")), body,
        time.time() - age, 0.5, "run", identity.label, "chat", identity.request_json,
    )  # fmt: skip


def _fill(cache: Path, *entries: Entry) -> None:
    with closing(DiskStore(cache)) as store:
        store.open()
        for entry in entries:
            store.put(entry)


def _keys(command: Command, *arguments: str) -> list[str]:
    return [item["key"] for item in json.loads(command("ls", "--json", *arguments).stdout)]


def test_ls_filters_and_sorts(command: Command, cache: Path) -> None:
    """By host, path, model, age, size and text."""
    old = _entry("old", age=40 * DAY)
    other = _entry("Grüße", host="api.mistral.ai", model="mistral-large", age=3 * DAY)
    large = _entry("large", body=json.dumps(chat_answer("x" * 5000)).encode())
    _fill(cache, old, other, large)
    assert _keys(command) == [old.key, other.key, large.key]
    assert _keys(command, "--host", "*.MISTRAL.ai") == [other.key]
    assert _keys(command, "--model", "gpt-*") == [old.key, large.key]
    assert _keys(command, "--path", "/v1/embeddings") == []
    assert _keys(command, "--older-than", "30d") == [old.key]
    assert _keys(command, "--newer-than", "4d") == [other.key, large.key]
    assert _keys(command, "--larger-than", "4kB") == [large.key]
    assert _keys(command, "--smaller-than", "4kB", "--newer-than", "1w") == [other.key]
    assert _keys(command, "--text", "re: GR") == [other.key]
    assert _keys(command, "--sort", "size") == [large.key, other.key, old.key]
    assert (
        _keys(command, "--sort", "host")[0] == other.key or _keys(command, "--sort", "host")[2] == other.key
    )
    assert "3 entries" in command("ls").stderr
    for wrong in (("--older-than", "soon"), ("--larger-than", "much"), ("--sort", "colour")):
        assert command("ls", *wrong).returncode == 2


def test_show_reads_as_a_person_does(command: Command, cache: Path) -> None:
    """A stream is put together, tool calls and usage are told, control characters do nothing."""
    stream = _entry("s", body=b"".join(chat_events(["Hello", " wor", "ld"])), media_type="text/event-stream")
    call = {"index": 0, "id": "c", "function": {"name": "weather", "arguments": '{"city"'}}
    events = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]},
              {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": ': "Bern"}'}}]}}]},
              {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]  # fmt: skip
    tools = _entry(
        "t",
        body="".join(f"data: {json.dumps(e)}\n\n" for e in events).encode(),
        media_type="text/event-stream",
    )
    message = _entry(
        "m",
        host="api.anthropic.com",
        body=b"".join(message_events(["Sal", "ut"])),
        media_type="text/event-stream",
    )
    evil = _entry("evil", body=json.dumps(chat_answer("\x1b]0;owned\x07")).encode())
    _fill(cache, stream, tools, message, evil)
    shown = command("show", stream.key[:16]).stdout
    assert "Hello world" in shown
    assert '"content": "s"' in shown
    assert "x-id" not in shown
    assert "x-id: 7" in command("show", stream.key, "--headers").stdout
    assert '-> weather({"city": "Bern"})' in command("show", tools.key).stdout
    said = json.loads(command("show", tools.key, "--json").stdout)["said"]
    assert said["calls"] == [{"name": "weather", "arguments": '{"city": "Bern"}'}]
    told = command("show", message.key).stdout
    assert "Salut" in told
    assert '"output_tokens": 2' in told
    assert "\x1b" not in command("show", evil.key).stdout
    assert command("show", stream.key, "--raw").stdout.encode() == stream.body
    assert json.loads(command("show", stream.key, "--json").stdout)["request"]["host"] == "api.openai.com"
    assert command("show", "ffff").returncode == 2


def test_stats_tells_what_there_is(command: Command, cache: Path) -> None:
    """Entries, hosts, models and ages; a second tier with its state and without its password."""
    _fill(cache, _entry("a", age=DAY), _entry("b"), _entry("c", host="api.groq.com", model="llama"))
    found = json.loads(command("stats", "--json").stdout)
    assert found["entries"] == 3
    assert found["hosts"] == {"api.groq.com": 1, "api.openai.com": 2}
    assert found["models"] == {"gpt-4.1": 2, "llama": 1}
    assert found["oldest"] < found["newest"]
    assert found["tiers"] is None
    told = command("stats", redis_url="redis://:p4ssw0rd@127.0.0.1:1/0")
    assert "redis://127.0.0.1:1/0" in told.stdout
    assert "cannot be reached" in told.stdout
    assert "p4ssw0rd" not in told.stdout + told.stderr


def test_prune_by_age_host_and_use(command: Command, cache: Path) -> None:
    """All conditions must hold; a dry run removes nothing."""
    old, used = _entry("old", age=40 * DAY), _entry("used", age=40 * DAY)
    other, new = _entry("other", host="api.groq.com", age=40 * DAY), _entry("new")
    _fill(cache, old, used, other, new)
    note_used(cache, [used.key], time.time() - 2 * DAY)
    dry = command("prune", "--older-than", "30d", "--dry-run")
    assert "would remove 3 entries" in dry.stderr
    assert len(_keys(command)) == 4
    assert json.loads(command("prune", "--unused-since", "7d", "--dry-run", "--json").stdout)["keys"] == [
        old.key,
        other.key,
    ]
    assert command("prune", "--older-than", "30d", "--host", "api.groq.com").stderr.startswith(
        "removed 1 entry"
    )
    assert command("prune", "--unused-since", "7d").stderr.startswith("removed 1 entry")
    assert _keys(command) == [used.key, new.key]
    assert command("prune", "--older-than", "30d").returncode == 0
    assert (_keys(command), read_last_used(cache)) == ([new.key], {})
    assert command("prune").returncode == 2


def test_prune_to_a_size_takes_the_least_recently_used(command: Command, cache: Path) -> None:
    """Until the answers take no more than that."""
    entries = [
        _entry(f"{n}", age=(10 - n) * DAY, body=json.dumps(chat_answer("x" * 1000)).encode())
        for n in range(5)
    ]
    _fill(cache, *entries)
    note_used(cache, [entries[0].key], time.time())
    most = 2 * entries[0].size
    assert "removed 3 entries" in command("prune", "--max-size", str(most)).stderr
    assert _keys(command) == [entries[0].key, entries[4].key]


def test_a_run_writes_what_it_used(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, cache: Path
) -> None:
    """At its end, a run marks the entries that it served as used."""
    old = _entry("hello", age=40 * DAY)
    never = _entry("never", age=40 * DAY)
    _fill(cache, old, never)
    proxy = start_proxy(upstream, mode="read-only")
    assert cached(ask(proxy)) == "true"
    proxy.stop()
    assert json.loads(command("prune", "--unused-since", "1d", "--dry-run", "--json").stdout)["keys"] == [
        never.key
    ]


def test_prune_by_lock_files(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, cache: Path, tmp_path: Path
) -> None:
    """Entries that no lock file names are removed."""
    kept, gone = _entry("kept"), _entry("gone")
    _fill(cache, kept, gone)
    digest = kept.encode()[-32:].hex()
    lock = f"# provider-proxy receipt 1\nupstream: none\n{kept.key}  sha256:{digest}  2026-01-02T03:04:05Z  POST x\n"
    (tmp_path / "a.lock").write_text(lock)
    done = command("prune", "--unused-by", "a.lock")
    assert done.returncode == 0, done.stderr
    assert _keys(command) == [kept.key]
    misspelled = command("prune", "--unused-by", "b.lock")
    assert misspelled.returncode == 2
    assert _keys(command) == [kept.key]


def test_verify_finds_and_moves_what_is_bad(command: Command, cache: Path) -> None:
    """A flipped byte, another schema and a foreign key are told; repaired, the cache is whole."""
    good, flipped, schema, foreign = (_entry(name) for name in ("good", "flipped", "schema", "foreign"))
    _fill(cache, good, flipped, schema, replace(foreign, key=f"pp2-{1:064x}"))
    with closing(sqlite3.connect(cache / "cache.db")) as database:
        data = bytearray(flipped.encode())
        data[-40] ^= 1
        database.execute("UPDATE Cache SET value = ? WHERE key = ?", (bytes(data), flipped.key))
        data = bytearray(schema.encode())
        data[3] = 99
        database.execute("UPDATE Cache SET value = ? WHERE key = ?", (bytes(data), schema.key))
        database.commit()
    found = command("verify", "--json")
    assert found.returncode == 1
    bad = {item["key"]: item["why"] for item in json.loads(found.stdout)["bad"]}
    assert set(bad) == {flipped.key, schema.key, f"pp2-{1:064x}"}
    assert "checksum" in bad[flipped.key]
    assert "schema" in bad[schema.key]
    assert "does not match" in bad[f"pp2-{1:064x}"]
    assert command("verify", "--repair").returncode == 0
    assert _keys(command) == [good.key]
    assert len(list((cache / "aside").iterdir())) == 3
    assert command("verify").stderr.strip() == "1 entry, 0 bad"


def test_verify_finds_a_value_whose_file_is_gone(command: Command, cache: Path) -> None:
    """A large answer lies in a file of its own."""
    large = _entry("large", body=b'{"choices": [], "x": "' + b"y" * 2**21 + b'"}')
    _fill(cache, large, _entry("small"))
    next(cache.rglob("*.val")).unlink()
    assert "file is gone" in command("verify").stdout
    assert command("verify", "--repair").returncode == 0
    assert len(_keys(command)) == 1


def test_verify_finds_what_a_killed_process_left(command: Command, cache: Path) -> None:
    """A file that no entry names is reported without failing, and removed with --repair."""
    _fill(cache, _entry("hello"))
    left = cache / "ab" / "cd" / f"{0:028x}.val"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x" * 1_500_000)
    os.utime(left, (1.0, 1.0))
    told = command("verify")
    assert (told.returncode, left.exists()) == (0, True)
    assert "1.5 MB in 1 file that no entry names: --repair removes it" in told.stderr
    assert "removed" in command("verify", "--repair").stderr
    assert not left.exists()
    assert command("verify").stderr.strip() == "1 entry, 0 bad"


def test_rekey_follows_the_settings(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, cache: Path
) -> None:
    """After a new ignore rule and rekey, requests hit without a new recording; a second rekey changes nothing."""
    _fill(cache, _entry("hello", user="alice"), _entry("else", user="bob"))
    dry = command("rekey", "--dry-run", ignore_fields="/user")
    assert (dry.returncode, dry.stderr.split(",")[0]) == (0, "2 entries: 2 would change")
    before = _keys(command)
    assert command("rekey", ignore_fields="/user").returncode == 0
    assert set(_keys(command)).isdisjoint(before)
    assert command("verify").returncode == 0
    assert "2 entries: 0 changed" in command("rekey", ignore_fields="/user").stderr
    proxy = start_proxy(upstream, mode="read-only-require-hit", ignore_fields="/user")
    assert cached(ask(proxy)) == "false"  # without the field is another question than with any value of it
    with_user = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "user": "carol"}
    from tests.e2e.clients import CHAT_URL, session

    with session(proxy) as client:
        answer = client.post(CHAT_URL, json=with_user, headers={"authorization": "Bearer t"})
    assert cached(answer) == "true"


OLD = {row["name"]: row for row in json.loads(OLD_REQUESTS.read_text("utf-8"))}


def _old_entry(name: str) -> Entry:
    """An entry as key version 1 stored it, with the answer to "hello"."""
    row = OLD[name]
    return replace(_entry("hello"), key=row["key"], request_json=row["request"].encode())


def test_rekey_moves_what_another_version_of_the_key_recorded(
    command: Command, start_proxy: Callable[..., Proxy], cache: Path
) -> None:
    """An entry of version 1 misses, which the start and the miss explain, and hits after `rekey`."""
    ours = _entry("hello")
    old = replace(ours, key=old_key_of_saved(ours.request_json))
    _fill(cache, old)
    proxy = start_proxy(None, mode="read-only-require-hit")
    missed = ask(proxy)
    assert cached(missed) == "false"
    note = "1 entry was recorded by an earlier version and is never found: run `provider-proxy rekey`"
    assert note in missed.json()["error"]["message"]
    printed = proxy.stop()
    assert printed.count(f"{note}\n") == 1
    assert command("verify").stderr.startswith("1 entry, 0 bad")
    assert old.key[4:12] in command("ls").stdout
    assert command("rekey").stderr.startswith("1 entry: 1 changed")
    assert _keys(command) == [ours.key]
    proxy = start_proxy(None, mode="read-only-require-hit")
    assert cached(ask(proxy)) == "true"
    assert "earlier version" not in proxy.stop()


def test_rekey_lists_what_cannot_get_a_new_key(command: Command, cache: Path, tmp_path: Path) -> None:
    """Each entry is moved on its own: those of which too little is saved stay, are never found, and are named."""
    names = ("chat", "secret in a prompt", "unknown header", "gateway")
    _fill(cache, *map(_old_entry, names))
    told = command("rekey")
    assert told.returncode == 0
    assert told.stderr.startswith("4 entries: 1 changed, 0 collide, 3 cannot get a new key")
    for name in names[1:]:
        assert f"{OLD[name]['key'][:16]}  cannot get a new key: " in told.stdout
    keys = _keys(command)
    assert {OLD[name]["key"] for name in names[1:]} < set(keys)
    assert len([key for key in keys if key.startswith("pp2-")]) == 1


def test_rekey_keeps_what_was_recorded_again(command: Command, cache: Path) -> None:
    """If the same request has a newer answer under its new key, that one stays, and the old entry is named."""
    ours = _entry("hello")
    old = replace(
        ours, key=old_key_of_saved(ours.request_json), body=json.dumps(chat_answer("another")).encode()
    )
    _fill(cache, ours, old)
    told = command("rekey")
    assert (told.returncode, "has been recorded again" in told.stdout) == (0, True)
    assert sorted(_keys(command)) == sorted([ours.key, old.key])


def test_rekey_rewrites_a_lock_file(
    command: Command, start_proxy: Callable[..., Proxy], cache: Path, tmp_path: Path
) -> None:
    """A lock file of the old keys names the new ones afterwards, with the digests of the entries as they are stored."""
    ours = _entry("hello")
    old = replace(ours, key=old_key_of_saved(ours.request_json))
    _fill(cache, old)
    lock = tmp_path / "tests.lock"
    used = UsedEntry(
        old.key, old.encode()[-32:].hex(), old.recorded_at, "POST api.openai.com/v1/chat/completions m"
    )
    lock.write_text(receipt_text([used], upstream=False))
    assert command("rekey", "--dry-run", "--lock", str(lock)).returncode == 0
    assert old.key in lock.read_text()
    assert command("rekey", "--lock", str(lock)).returncode == 0
    store = DiskStore(cache)
    store.open()
    entry = store.get(ours.key)
    store.close()
    assert entry is not None
    assert read_receipt(lock).digests == {ours.key: entry.encode()[-32:].hex()}
    lock.write_text("no lock file\n")
    assert command("rekey", "--lock", str(lock)).returncode == 2


def test_rekey_moves_no_entries_that_collide(command: Command, cache: Path) -> None:
    """Two different answers never become one entry's; all other entries are moved."""
    one, two, other = _entry("hello", user="alice"), _entry("hello", user="bob"), _entry("else", user="eve")
    two = replace(two, body=json.dumps(chat_answer("another")).encode())
    _fill(cache, one, two, other)
    refused = command("rekey", ignore_fields="/user")
    assert refused.returncode == 1
    assert "different answers" in refused.stdout
    keys = _keys(command)
    assert {one.key, two.key} < set(keys)
    assert other.key not in keys
    assert len(keys) == 3
    dry = json.loads(command("rekey", "--dry-run", "--json", ignore_fields="/user").stdout)
    assert len(dry["collisions"]) == 1


def test_rm_takes_short_keys_and_all(command: Command, cache: Path) -> None:
    """Keys may be shortened as git's are."""
    _fill(cache, _entry("a"), _entry("b"), _entry("c"))
    key = _keys(command)[0]
    assert command("rm", key[4:16]).stderr.strip() == "removed 1"
    assert command("rm", "--all").stderr.strip() == "removed 2"
    assert command("rm").returncode == 2
