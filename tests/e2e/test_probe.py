"""`probe` with a suite whose assertions are known: it finds what each test looks at, and nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.command import provider_proxy
from tests.e2e.suites import environment, suite
from tests.e2e.upstream import Exchange, Upstream

SUITE = Path(__file__).with_name("probed_suite.py")
DIALECTS = ("chat", "chat-stream", "messages", "messages-stream", "gemini")
PARSERS = (
    "test_parser_decodes_each_piece",
    "test_parser_takes_a_piece_for_events",
    "test_parser_drops_what_follows_the_last_event",
)
# What each test looks at, by the name of the test: the kinds whose alteration it must notice.
LOOKS_AT: dict[str, set[str]] = {
    **{f"test_a[{dialect}]": {"text", "empty"} for dialect in DIALECTS},
    **{f"test_b[{dialect}]": set() for dialect in DIALECTS},
    **{f"test_c[{dialect}]": {"length"} for dialect in DIALECTS},
    **{f"test_d[{dialect}]": {"usage", "empty"} for dialect in DIALECTS},
    **{f"test_tool_e[{dialect}]": {"city", "call"} for dialect in DIALECTS},
    **{f"test_tool_f[{dialect}]": set() for dialect in DIALECTS},
    "test_talk": {"call", "text", "empty"},
    "test_impatient": set(),
    **{parser: set() for parser in PARSERS},
    "<class>": {"text", "empty"},
}
WITHOUT_USAGE = ("tool g", "h", "shared")  # so that fewer runs do
TEXT, CALL = ["Paris, été: ", "cafés, ", "forêts, ", "théâtres, ", "çà et là."], {"city": "Paris", "days": 3}


def _events(*values: dict[str, Any]) -> str:
    return "".join(f"data: {json.dumps(value, ensure_ascii=False)}\n\n" for value in values)


def _answer(dialect: str, *, calls: bool, counts: bool) -> str:
    """An answer with a text or a call."""
    said = "" if calls else "".join(TEXT)
    given = json.dumps(CALL)
    if dialect == "chat":
        message: dict[str, Any] = {"role": "assistant", "content": said or None}
        if calls:
            message["tool_calls"] = [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": given}}
            ]
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
        usage = {"usage": {"prompt_tokens": 9, "total_tokens": 9}} if counts else {}
        return json.dumps({"id": "x", "choices": [choice], **usage})
    if dialect == "chat-stream":
        deltas: list[dict[str, Any]] = [{"content": part} for part in TEXT]
        if calls:
            pieces = [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": given[:9]}}]
            deltas = [
                {"tool_calls": pieces},
                {"tool_calls": [{"index": 0, "function": {"arguments": given[9:]}}]},
            ]
        chunks = [
            {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        end = {
            "id": "x",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}],
        }
        usage = {"id": "x", "choices": [], "usage": {"prompt_tokens": 9, "total_tokens": 9}}
        return _events(*chunks, end, usage) + "data: [DONE]\n\n"
    if dialect == "gemini":
        part = {"functionCall": {"name": "f", "args": CALL}} if calls else {"text": said}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
        return json.dumps({"candidates": [candidate], "usageMetadata": {"promptTokenCount": 9}})
    block = (
        {"type": "tool_use", "id": "t1", "name": "f", "input": CALL}
        if calls
        else {"type": "text", "text": said}
    )
    stop, usage = "tool_use" if calls else "end_turn", {"input_tokens": 9, "output_tokens": 2}
    if dialect == "messages":
        return json.dumps({"type": "message", "content": [block], "stop_reason": stop, "usage": usage})
    begun = block | ({"input": {}} if calls else {"text": ""})
    parts = [given[:9], given[9:]] if calls else TEXT
    kind, name = ("input_json_delta", "partial_json") if calls else ("text_delta", "text")
    return _events(
        {"type": "message_start", "message": {"type": "message", "content": [], "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": begun},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": kind, name: part}} for part in parts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    )


def _script(exchange: Exchange) -> None:
    asked = json.loads(exchange.body)
    first, last = asked["messages"][0]["content"], asked["messages"][-1]
    dialect = asked["dialect"]
    calls = last["role"] == "user" and last["content"].startswith("tool")
    body = _answer(dialect, calls=calls, counts=not first.endswith(WITHOUT_USAGE))
    exchange.answer(body, content_type="text/event-stream" if "stream" in dialect else "application/json")


def _files(folder: Path) -> dict[str, str]:
    """The digest of every file of the cache."""
    files = sorted(path for path in (folder / ".provider-proxy" / "cache").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _noticed(parts: list[dict[str, str]]) -> set[str]:
    """What a test depends on: the name of an argument, or the kind."""
    rows = (row for row in parts if row["finding"] == "depends")
    return {row["pointer"].rpartition("/")[2] if row["kind"] == "argument" else row["kind"] for row in rows}


def test_it_finds_what_each_test_looks_at(
    start_upstream: Callable[..., Upstream], environ: dict[str, str], tmp_path: Path
) -> None:
    """Precision and recall of “depends on” are at least 0.95; the cache stays byte for byte, and nothing is sent."""
    upstream = start_upstream(_script)
    environ = environment(environ, upstream, PROBE_COUNTER=str(tmp_path / "counter"))
    environ["_PROVIDER_PROXY_TESTS_SECONDS"] = "60"
    command = suite(tmp_path)
    shutil.copy(SUITE, tmp_path / "test_suite.py")
    recorded = provider_proxy("run", "--", *command, environ=environ, folder=tmp_path)
    assert "1 failed" in recorded.stdout, recorded.stdout
    before, sent = _files(tmp_path), upstream.count
    last_run = (tmp_path / ".provider-proxy" / "last-run.json").read_bytes()
    done = provider_proxy(
        "probe", "--json", "probe.json", "--min-depend", "0.95", "--", *command,
        environ=environ, folder=tmp_path, timeout=300,
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    assert (_files(tmp_path), upstream.count) == (before, sent)
    assert (tmp_path / ".provider-proxy" / "last-run.json").read_bytes() == last_run
    assert not (tmp_path / ".provider-proxy" / "probe.json").exists()
    found = json.loads((tmp_path / "probe.json").read_text())
    assert found["complete"] is True
    answers = {row["test"].rpartition("::")[2]: row["answers"] for row in found["tests"]}
    noticed = {test: set().union(*(_noticed(one["parts"]) for one in each)) for test, each in answers.items()}
    expected = {(test, part) for test, parts in LOOKS_AT.items() for part in parts}
    got = {(test, part) for test, parts in noticed.items() if test in LOOKS_AT for part in parts}
    assert len(LOOKS_AT) >= 30
    assert answers.keys() >= LOOKS_AT.keys()
    assert len(got & expected) / len(got) >= 0.95, got - expected
    assert len(got & expected) / len(expected) >= 0.95, expected - got
    # The answer that decides what comes next is neither depended on nor blind.
    first = next(
        one for one in answers["test_forwards"] if any(row["finding"] == "forwarded" for row in one["parts"])
    )
    assert not first["blind"]
    assert {row["finding"] for row in first["parts"] if row["kind"] == "text"} == {"forwarded"}
    blind = {test for test, each in answers.items() for one in each if one["blind"]}
    assert blind >= {f"test_b[{dialect}]" for dialect in DIALECTS} | {"test_impatient"}
    # Three parsers with planted bugs, and a client that gives up.
    assert found["fragile"] == {
        "test_suite.py::test_impatient": ["a 429 before each answer"],
        **{f"test_suite.py::{parser}": ["other chunks"] for parser in PARSERS},
    }
    assert found["left_out"]["test_suite.py::test_unstable"] == "unstable"
    assert found["left_out"]["test_suite.py::test_red"] == "fails untouched"
    page = (Path(__file__).parents[2] / "docs" / "probe.md").read_text(encoding="utf-8")
    for line in ("Blind answers, which no test looks at:", "Fragile tests, which notice what no test should notice:",
                 "depends on  /choices/0/message/content  text, empty"):  # fmt: skip
        assert line in done.stdout
        assert line in page
