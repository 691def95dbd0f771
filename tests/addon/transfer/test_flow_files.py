"""mitmproxy's flow files and HAR."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import flow as flows
from mitmproxy import io
from mitmproxy.test import tflow

from addon.transfer.admit import Exchange, Refused
from addon.transfer.flow_files import read_flows, read_har
from cache_store.errors import TransferError


def _har(path: Path, *entries: object) -> list[Exchange | Refused]:
    path.write_text(json.dumps({"log": {"entries": entries}}))
    return list(read_har(path))


def _entry(text: str | None = "x", **content: str) -> dict[str, Any]:
    held = {"mimeType": "text/event-stream"} | ({"text": text} if text is not None else {}) | content
    return {
        "startedDateTime": "2026-01-02T03:04:05Z", "time": 1500,
        "request": {"method": "GET", "url": "https://api.openai.com/v1/x?a=1", "httpVersion": "h2",
                    "headers": [{"name": ":path", "value": "/"}, {"name": "A", "value": "b"}]},
        "response": {"status": 200, "httpVersion": "h2", "content": held,
                     "headers": [{"name": "content-type", "value": "text/event-stream"}]},
    }  # fmt: skip


def test_flows_are_exchanges_and_the_rest_is_told(tmp_path: Path) -> None:
    """A whole flow, one that failed, one without an answer, and a TCP flow."""
    failed = tflow.tflow(resp=True, err=True)
    with (tmp_path / "a.flow").open("wb") as file:
        writer = io.FlowWriter(file)
        found: list[flows.Flow] = [tflow.tflow(resp=True), failed, tflow.tflow(), tflow.ttcpflow()]
        for flow in found:
            writer.add(flow)
    whole, *refused = read_flows(tmp_path / "a.flow")
    assert isinstance(whole, Exchange)
    assert (whole.request.method, whole.request.host, whole.answer.body) == ("GET", "address", b"message")
    assert [item.reason for item in refused if isinstance(item, Refused)] == [
        "cut-off",
        "cut-off",
        "not-http",
    ]


def test_text_of_a_stream_is_utf8(tmp_path: Path) -> None:
    """Whatever letters it holds; HTTP/2's own names are left out, and times are taken over."""
    (found,) = _har(tmp_path / "a.har", _entry("naïve"))
    assert isinstance(found, Exchange)
    assert found.answer.body == "naïve".encode()
    assert not any(name.startswith(b":") for name, _ in found.request.headers)
    assert (found.request.target, found.elapsed) == ("/v1/x?a=1", 1.5)
    assert found.recorded_at == pytest.approx(1767323046.5)


def test_a_browsers_own_pages_are_no_http(tmp_path: Path) -> None:
    """An extension's file is in its HAR too."""
    own = _entry()
    own["request"]["url"] = "chrome-extension://abc/x.js"
    (found,) = _har(tmp_path / "a.har", own)
    assert isinstance(found, Refused)
    assert found.reason == "not-http"


def test_base64_is_undone(tmp_path: Path) -> None:
    """As HAR has it for what is no text."""
    (found,) = _har(tmp_path / "a.har", _entry("/wA=", encoding="base64"))
    assert isinstance(found, Exchange)
    assert found.answer.body == b"\xff\x00"


@pytest.mark.parametrize(
    "broken", [None, 1, {}, {"request": 1}, {**_entry(), "time": "x"}, {**_entry(), "response": {}}]
)
def test_an_incomplete_entry_is_refused_alone(tmp_path: Path, broken: object) -> None:
    """The others are read."""
    one, two = _har(tmp_path / "a.har", broken, _entry())
    assert isinstance(one, Refused)
    assert isinstance(two, Exchange)


@pytest.mark.parametrize("text", ["", "{}", '{"log": {"entries": 1}}', "[" * 100_000, "12:abc", "5:hello,"])
def test_what_is_neither_is_refused(tmp_path: Path, text: str) -> None:
    """A clear line each; an empty flow file has no flows."""
    (tmp_path / "a").write_text(text)
    with pytest.raises(TransferError):
        list(read_har(tmp_path / "a"))
    if text:
        with pytest.raises(TransferError):
            list(read_flows(tmp_path / "a"))
    for read in (read_har, read_flows):
        with pytest.raises(TransferError):
            list(read(tmp_path / "none"))


@pytest.mark.parametrize("encoding", ["base64", "hex"])
def test_chunks_of_polly_are_joined(tmp_path: Path, encoding: str) -> None:
    """Polly.js writes a compressed answer as a JSON list of encoded chunks, with the answer's own coding."""
    packed = gzip.compress(b"data: told\n\n")
    encode = base64.b64encode if encoding == "base64" else bytes.hex
    chunks = [encode(part) for part in (packed[:7], packed[7:])]
    text = json.dumps([chunk if isinstance(chunk, str) else chunk.decode() for chunk in chunks])
    entry = _entry(text, encoding=encoding)
    entry["response"]["headers"].append({"name": "content-encoding", "value": "gzip"})
    (found,) = _har(tmp_path / "recording.har", entry)
    assert isinstance(found, Exchange)
    assert found.answer.body == packed


def test_an_odd_entry_is_skipped_with_its_number(tmp_path: Path) -> None:
    """The others are read."""
    found = _har(tmp_path / "a.har", 1, _entry(), {"request": {}})
    assert [type(item) for item in found] == [Refused, Exchange, Refused]
    assert isinstance(found[0], Refused)
    assert "entry 1 cannot be read: it does not have the form of a recording" in found[0].what


@pytest.mark.parametrize("error", [MemoryError, OverflowError, KeyError, RecursionError, ZeroDivisionError])
def test_whatever_the_reader_raises_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """mitmproxy's reader may raise anything on hostile bytes; it becomes a TransferError that names the file."""

    def stream(_: object) -> None:
        raise error

    (tmp_path / "a.flow").write_bytes(b"x")
    monkeypatch.setattr(io.FlowReader, "stream", stream)
    with pytest.raises(TransferError, match=r"a\.flow is not a flow file"):
        list(read_flows(tmp_path / "a.flow"))
