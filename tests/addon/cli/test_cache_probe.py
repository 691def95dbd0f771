"""`cache-probe`: exit statuses, output and errors."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from addon.cli.cache_probe import _CLASSES, _FIELDS, _REASONS, _VERDICTS, cache_probe
from cache_store.conformance import classify
from cache_store.conformance.classify import RunClass, Verdict
from cache_store.conformance.normalise import normalise

COLD = {"input_tokens": 4000, "output_tokens": 80, "cache_creation_input_tokens": 3800}
WARM = {"input_tokens": 4000, "output_tokens": 80, "cache_read_input_tokens": 3800}


def probe(*arguments: str) -> Result:
    result = CliRunner().invoke(cache_probe, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def fixture(tmp_path: Path) -> Any:
    """Writes a fixture and gives its path."""

    def write(content: Any) -> str:
        path = tmp_path / "usage.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    return write


@pytest.mark.parametrize(
    ("route", "runs", "status", "verdict"),
    [
        (("anthropic", "claude-x"), [COLD, WARM], 0, "cache_effective"),
        (("anthropic", "claude-x"), [COLD, COLD], 1, "cache_supported_miss"),
        (("anthropic", "claude-x"), [COLD], 0, "insufficient_runs"),
        (("anthropic", "claude-x"), [], 0, "insufficient_runs"),
        (("anthropic", "claude-x"), [{"input_tokens": -1}], 1, "provider_field_inconsistent"),
        (("anthropic", "claude-x"), ["text", 5], 0, "no_prompt_tokens"),
        (("ollama", "m"), [{"input_tokens": 5}, {"input_tokens": 5}], 0, "unsupported_zero"),
        (("auto", "m"), [{"input_tokens": 5}], 0, "support_unknown_zero"),
        (("anthropic", "claude-x"), [{"input_tokens": 2**64}], 0, "no_prompt_tokens"),
    ],
)
def test_a_fixture_s_verdict_and_exit_status(
    fixture: Any, route: tuple[str, str], runs: list[Any], status: int, verdict: str
) -> None:
    """JSON on stdout by default; a failure verdict exits 1, every other 0."""
    result = probe(route[0], "--model", route[1], "--usage-fixture", fixture(runs))
    assert (result.exit_code, result.stderr) == (status, "")
    assert json.loads(result.stdout)["verdict"] == verdict


def test_provider_and_model_may_come_from_the_fixture(fixture: Any) -> None:
    """Without arguments the fixture names its route."""
    path = fixture({"provider": "anthropic", "model": "claude-x", "runs": [COLD, WARM]})
    report = json.loads(probe("--usage-fixture", path).stdout)
    assert (report["provider"], report["model"], report["verdict"]) == (
        "anthropic",
        "claude-x",
        "cache_effective",
    )
    assert json.loads(probe("ollama", "--usage-fixture", path).stdout)["provider"] == "ollama"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "cannot parse"),
        (b"[NaN]", "cannot parse"),
        (b"7", "must be an array of runs or an object with `runs`"),
        (b'{"provider": "x"}', "must carry a `runs` array"),
        (b" " * 50_000_000, "larger than 16 MiB"),
        (b"[" * 1_000_000, "cannot parse"),
    ],
    ids=["cut", "nan", "number", "no-runs", "50-MB", "deep"],
)
def test_a_bad_fixture_exits_1_in_one_line(fixture: Any, content: bytes, words: str) -> None:
    """The error is one line on stderr, stdout stays empty, and there is no traceback."""
    result = probe("anthropic", "--model", "m", "--usage-fixture", fixture(content))
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("provider-proxy: ")


@pytest.mark.parametrize("path", ["missing.json", "", ".", "nul\0byte"])
def test_an_unreadable_fixture_exits_1(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not there, or no file, cannot be read."""
    monkeypatch.chdir(tmp_path)
    result = probe("anthropic", "--usage-fixture", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "cannot read the cache conformance fixture" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["anthropic"], ["a", "--from-cache", "--usage-fixture", "x"], ["--nope"]]
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    """No source of runs, two of them, or an unknown option."""
    result = probe(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_odd_text_in_a_fixture_is_printed(fixture: Any) -> None:
    """Lone surrogates, control codes and markup neither break the output nor reach the terminal raw."""
    path = fixture(b'{"provider": "\\ud800[red]", "model": "\\u001b[31m\\n", "runs": [{"note": "\\udfff"}]}')
    assert json.loads(probe("--usage-fixture", path).stdout)["provider"] == "\ud800[red]"
    result = probe("--table", "--usage-fixture", path)
    assert result.exit_code == 0
    assert "[red]" in result.stdout
    assert "\x1b" not in result.stdout


def test_the_table_for_people(fixture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says in plain words what was found and what to do; the exit status is that of JSON."""
    monkeypatch.setenv("COLUMNS", "200")
    short = {"input_tokens": 9, "output_tokens": 1}
    result = probe("anthropic", "--model", "claude-x", "--table", "--usage-fixture", fixture([short, COLD]))
    assert result.exit_code == 1
    for words in (
        "anthropic claude-x",
        "The prompt cache does not work: no repeated prompt was read from it. Keep the beginning",
        "prompts are cached from: 1,024 tokens",
        "the prompt is shorter than 1,024 tokens",
        "the answer does not report tokens read from the cache, tokens written to the cache",
        "3800",
        "not read from the cache",
    ):
        assert words in result.stdout
    assert re.search(r"[a-z]_[a-z]", result.stdout) is None  # the names of a program


@pytest.mark.parametrize("form", ["--table", "--json"])
def test_short_prompts_say_nothing(fixture: Any, form: str) -> None:
    """Prompts that are too short to be cached are named as the reason, and are not a failure."""
    short = {"input_tokens": 9, "output_tokens": 1}
    result = probe("anthropic", "--model", "claude-x", form, "--usage-fixture", fixture([short, short]))
    assert result.exit_code == 0
    assert "Every prompt was shorter than 1,024 tokens" in result.stdout


def test_every_verdict_has_words() -> None:
    """No verdict and no class of runs is without a sentence."""
    assert set(_VERDICTS) == set(Verdict)
    assert set(_CLASSES) == set(RunClass)
    assert set(asdict(normalise({}))) - {"missing_fields", "cache_supported"} <= set(_FIELDS)
    source = Path(classify.__file__).read_text("utf-8")
    assert set(re.findall(r'return "([^"]+)"', source)) == set(_REASONS)
