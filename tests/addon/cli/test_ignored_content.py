"""Ignore rules that give one test the answer of another are refused, or at least warned of."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from addon.cli.ignored_content import check_ignored_content, covers_content
from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.settings.settings import Settings
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import UsageError


def fill(folder: Path, *answers: tuple[str, bytes]) -> list[str]:
    """Record these prompts with these answers; their short keys."""
    keys = []
    with closing(DiskStore(folder)) as store:
        store.open()
        for prompt, answer in answers:
            body = json.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]}).encode()
            head = ((b"content-type", b"application/json"),)
            request = WireRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", head, body)
            found = identify(request, IdentityRules())
            store.put(
                Entry(
                    found.key,
                    200,
                    "OK",
                    (),
                    answer,
                    time.time(),
                    0.1,
                    "r",
                    found.label,
                    "chat",
                    found.request_json,
                )
            )
            keys.append(found.key[4:12])
    return keys


def settings(folder: Path, fields: str) -> Settings:
    """The settings with these ignored fields."""
    return Settings.parse({"cache_dir": str(folder), "ignore_fields": fields})


@pytest.mark.parametrize(
    ("fields", "covers"),
    [
        ("/messages/*/content", True),
        ("/messages/1", True),
        ("/system", True),
        ("/prompt", True),
        ("/contents/0/parts/*/text", True),
        ("/tools/*/function/description", True),
        ("/*/0/content", True),
        ("/metadata/user_id", False),
        ("/input/*/id", False),
        ("/messages/*/tool_calls/*/id", False),
        ("/prompt_cache_key", False),
    ],
)
def test_what_is_content(fields: str, covers: bool) -> None:
    """Messages, prompts and tools are content; the ids in them and members beside them are not."""
    (pointer,) = IdentityRules.parse(ignore_fields=fields).ignore_fields
    assert covers_content(pointer) == covers


def test_different_answers_that_would_meet_stop_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The entries are named; --force starts with a warning, and a rule that covers no content says nothing."""
    keys = fill(tmp_path, ("one", b"1"), ("two", b"2"))
    rules = settings(tmp_path, "/messages/0/content,/user")
    with pytest.raises(UsageError, match="would make recorded requests equal whose answers differ") as raised:
        check_ignored_content(rules, force=False)
    assert all(key in str(raised.value) for key in keys)
    check_ignored_content(rules, force=True)
    warning = capsys.readouterr().err
    assert warning.startswith(
        "provider-proxy: warning: PROVIDER_PROXY_IGNORE_FIELDS=/messages/0/content leaves out"
    )
    assert "1 group of recorded requests with different answers" in warning
    check_ignored_content(settings(tmp_path, "/user"), force=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("cached", [True, False])
def test_a_rule_that_covers_content_is_warned_of(
    cached: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without recordings that would meet, or without a cache, the start goes on."""
    if cached:
        fill(tmp_path / "cache", ("one", b"1"), ("two", b"1"))
    check_ignored_content(settings(tmp_path / "cache", "/messages/0/content"), force=False)
    assert "those that differ only there get the same answer\n" in capsys.readouterr().err
