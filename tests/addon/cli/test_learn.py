"""How `learn` is called wrongly."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from addon.cli.learn import learn
from cache_store.errors import UsageError


def _refused(*arguments: str) -> str:
    with pytest.raises((UsageError, click.UsageError)) as caught:
        learn.main(list(arguments), standalone_mode=False)
    message = str(caught.value) or caught.value.args[0]
    assert "\n" not in message
    return message


def test_wrong_use_is_refused_before_a_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mode that records nothing, no disk, a wrong limit, rules that the file could not change or hold."""
    monkeypatch.chdir(tmp_path)
    assert "no command" in _refused()
    with monkeypatch.context() as patch:
        patch.setenv("PROVIDER_PROXY_CACHE_MODE", "read-only")
        assert "--with CACHE" in _refused("--", "true")
    assert "on disk" in _refused("--cache-dir", ":memory:", "--", "true")
    assert "MAX_LIVE" in _refused("--max-live", "some", "--", "true")
    with monkeypatch.context() as patch:
        patch.setenv("PROVIDER_PROXY_VOLATILE_RULES", "[]")
        assert "unset it" in _refused("--write", "--", "true")
    (tmp_path / "provider-proxy.toml").write_text('volatile = "uuid"\n')
    assert "move that to PROVIDER_PROXY_VOLATILE" in _refused("--write", "--", "true")


def test_the_folders_count_as_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise `run` would not find what was proved, with the profile `agents`."""

    def first(raw: dict[str, str], *_: object) -> None:
        raise UsageError(raw["folders"])

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"{learn.callback.__module__}._first", first)
    assert f"cwd={tmp_path}" in _refused("--", "true")
