"""`drift`: a provider is asked again, by the installed command, for what a real client recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from addon.report.drift_verdicts import read_verdicts
from tests.e2e.command import provider_proxy
from tests.e2e.suites import contents, environment
from tests.e2e.upstream import Exchange, Upstream, chat_answer

KEY = "canary/of-drift+0123456789"


def _answer(finish: str = "stop", status: int = 200, **headers: str) -> Callable[[Exchange], None]:
    def script(exchange: Exchange) -> None:
        value: dict[str, Any] = chat_answer("Paris")
        value["choices"][0]["finish_reason"] = finish
        exchange.json(value, status, **headers)

    return script


@pytest.fixture
def recorded(upstream: Upstream, environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """One recorded answer, and the environment of a user whose variable names the endpoint."""
    upstream.script = _answer()
    env = environment(environ, upstream)
    client = [
        sys.executable,
        "-c",
        "from tests.e2e.suite_client import ask; ask('Name the capital of France')",
    ]
    done = provider_proxy("run", "--", *client, environ=env, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    upstream.seen.clear()
    upstream.headers.clear()
    return env | {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"https://localhost:{upstream.port}/v1"}


def _files(folder: Path) -> dict[str, bytes]:
    cache = folder / ".provider-proxy" / "cache"
    return {str(path): path.read_bytes() for path in cache.rglob("*") if path.is_file()}


def test_a_provider_that_changes(upstream: Upstream, recorded: dict[str, str], tmp_path: Path) -> None:
    """Exit 0 while it answers the same, 3 once it ends for another reason; the cache is not touched until --refresh."""
    before = _files(tmp_path)
    same = provider_proxy("drift", "--json", environ=recorded, folder=tmp_path)
    assert same.returncode == 0, same.stderr
    report = json.loads(same.stdout)
    assert (report["asked"], report["same"]) == (1, 1)
    ((_, _, _, body),) = upstream.seen
    assert json.loads(body)["messages"][0]["content"] == "Name the capital of France"
    assert ("authorization", f"Bearer {KEY}") in upstream.headers[0]
    upstream.script = _answer("length", deprecation="@1767225600")
    changed = provider_proxy("drift", environ=recorded, folder=tmp_path)
    assert changed.returncode == 3
    assert "other finish reason at /choices/0/finish_reason: stop / length" in changed.stdout
    assert "a deprecation header at header deprecation: @1767225600" in changed.stdout
    assert changed.stdout.splitlines()[-1].startswith("1 request asked again: 0 same, 0 benign, 1 changed")
    assert _files(tmp_path) == before
    (verdict,) = read_verdicts(tmp_path / ".provider-proxy").values()
    assert verdict.verdict == "changed"
    assert "other finish reason at /choices/0/finish_reason: stop / length" in verdict.reasons
    refreshed = provider_proxy(
        "drift", "--refresh", "--format", "markdown", environ=recorded, folder=tmp_path
    )
    assert refreshed.returncode == 3
    assert "| changed | " in refreshed.stdout
    (entry,) = contents(tmp_path).values()
    assert b'"finish_reason": "length"' in entry
    assert KEY.encode() not in b"".join(_files(tmp_path).values())


def test_an_error_that_repeats_the_key(
    upstream: Upstream, recorded: dict[str, str], start_upstream: Callable[..., Upstream], tmp_path: Path
) -> None:
    """The key is in no form of the report; a redirect is not followed, so the next host does not get it."""
    elsewhere = start_upstream()

    def script(exchange: Exchange) -> None:
        location = f"https://localhost:{elsewhere.port}/"
        exchange.json({"error": {"message": f"no model for {KEY}"}}, 307, location=location)

    upstream.script = script
    for form in ("table", "json"):
        done = provider_proxy("drift", "--format", form, environ=recorded, folder=tmp_path)
        assert done.returncode == 3
        assert "a redirect" in done.stdout
        assert KEY not in done.stdout + done.stderr
    assert not elsewhere.seen


def test_a_host_that_no_variable_names_is_not_asked(
    upstream: Upstream, recorded: dict[str, str], tmp_path: Path
) -> None:
    """It gets neither a key nor a request; where nothing could be compared the exit status is 2."""
    recorded["OPENAI_BASE_URL"] = "https://gateway.example/v1"
    done = provider_proxy("drift", environ=recorded, folder=tmp_path)
    assert done.returncode == 2
    assert f"https://localhost:{upstream.port} is neither a provider's own host nor named" in done.stdout
    assert not upstream.seen
