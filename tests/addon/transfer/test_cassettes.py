"""Cassettes of vcrpy, in the ways in which its versions write them."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from addon.settings.settings import Settings
from addon.transfer.admit import Admission, Exchange, Refused
from addon.transfer.cassettes import read_cassette
from cache_store.errors import TransferError

URL = "https://api.openai.com/v1/models"


def _interaction(body: object = "ask", answer: object = None) -> dict[str, Any]:
    return {
        "request": {"method": "POST", "uri": URL, "headers": {"Accept": ["*/*"]}, "body": body},
        "response": {"status": {"code": 200, "message": "OK"}, "headers": {"X-A": ["1", "2"], "X-B": "3"},
                     "body": answer or {"string": "told"}},
    }  # fmt: skip


def _read(path: Path, *interactions: object, as_json: bool = False) -> list[Exchange | Refused]:
    whole = {"interactions": list(interactions), "version": 1}
    path.write_text(json.dumps(whole) if as_json else yaml.safe_dump(whole))
    return list(read_cassette(path))


@pytest.mark.parametrize("as_json", [True, False])
def test_an_interaction_is_an_exchange(tmp_path: Path, as_json: bool) -> None:
    """Headers with their repeats, and the file's time."""
    (found,) = _read(tmp_path / "a", _interaction(), as_json=as_json)
    assert isinstance(found, Exchange)
    assert (found.request.target, found.request.body, found.answer.body) == ("/v1/models", b"ask", b"told")
    assert set(found.answer.headers) == {(b"X-A", b"1"), (b"X-A", b"2"), (b"X-B", b"3")}
    assert found.recorded_at == (tmp_path / "a").stat().st_mtime


@pytest.mark.parametrize(
    ("body", "data"),
    [(None, b""), ("é", "é".encode()), (b"\xff", b"\xff"), ({"string": "x"}, b"x"),
     ({"base64_string": base64.b64encode(b"\xff").decode()}, b"\xff")],
)  # fmt: skip
def test_bodies_of_every_serializer(tmp_path: Path, body: object, data: bytes) -> None:
    """Text, bytes, and the forms of the JSON serializer."""
    (found,) = _read(tmp_path / "a.yaml", _interaction(body=body))
    assert isinstance(found, Exchange)
    assert found.request.body == data


@pytest.mark.parametrize(
    "broken", [None, 1, {}, {"request": {}}, _interaction(body=3), _interaction(answer={"x": 1})]
)
def test_an_incomplete_interaction_is_refused_alone(tmp_path: Path, broken: object) -> None:
    """The others are read; the message names it."""
    found = _read(tmp_path / "a.yaml", broken, _interaction())
    assert isinstance(found[0], Refused)
    assert "interaction 1" in found[0].what
    assert isinstance(found[1], Exchange)


FORMATS = {
    "older httpx": """
interactions:
- request: {method: POST, uri: URL, headers: {Accept: ['*/*']}, body: ask}
  response: {content: told, headers: {X-A: ['1']}, http_version: HTTP/1.1, status_code: 200}
""",
    "python tags": """
interactions:
- request:
    method: !!python/unicode 'POST'
    uri: URL
    headers: {Accept: ['*/*']}
    body: !!python/object/new:_io.BytesIO
      state: !!python/tuple [!!binary YXNr, 0, null]
  response: {body: {string: !!python/unicode 'told'}, headers: {X-A: ['1']}, status: {code: 200, message: OK}}
""",
    "go-vcr 1": """
version: 1
interactions:
- request: {body: ask, form: {}, headers: {Accept: ['*/*']}, url: URL, method: POST}
  response: {body: told, headers: {X-A: ['1']}, status: 200 OK, code: 200, duration: ''}
""",
    "go-vcr 4": """
version: 2
interactions:
- id: 0
  request: {proto: HTTP/1.1, host: h, body: ask, headers: {Accept: ['*/*']}, url: URL, method: POST}
  response: {proto: HTTP/2.0, body: told, headers: {X-A: ['1']}, status: 200 OK, code: 200, duration: 1.5s}
""",
    "VCR for Ruby": """
http_interactions:
- request: {method: post, uri: URL, body: {encoding: UTF-8, string: ask}, headers: {Accept: ['*/*']}}
  response:
    status: {code: 200, message: OK}
    headers: {X-A: ['1']}
    body: {encoding: ASCII-8BIT, base64_string: dG9sZA==}
  recorded_at: Tue, 01 Nov 2011 04:58:44 GMT
recorded_with: VCR 6.2.0
""",
    "LangChain": """
requests:
- {method: POST, uri: URL, headers: {Accept: ['*/*']}, body: ask}
responses:
- {status: {code: 200, message: OK}, headers: {X-A: ['1']}, body: {string: told}}
""",
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_cassettes_of_other_recorders(tmp_path: Path, name: str, packed: bool) -> None:
    """The same exchange in each of their forms, and gzipped."""
    data = FORMATS[name].replace("URL", URL).encode()
    path = tmp_path / ("a.yaml.gz" if packed else "a.yaml")
    path.write_bytes(gzip.compress(data) if packed else data)
    (found,) = read_cassette(path)
    assert isinstance(found, Exchange)
    request, answer = found.request, found.answer
    assert (request.method, request.target, request.headers, request.body) == (
        "POST", "/v1/models", ((b"Accept", b"*/*"),), b"ask"
    )  # fmt: skip
    assert (answer.status, answer.headers, answer.body) == (200, ((b"X-A", b"1"),), b"told")
    assert answer.reason in ("OK", "")
    at = 1320123524.0 if "Ruby" in name else path.stat().st_mtime
    assert found.recorded_at == at


def test_parsed_bodies_are_json(tmp_path: Path) -> None:
    """pydantic-ai writes JSON bodies as YAML."""
    interaction = _interaction()
    for side in ("request", "response"):
        del interaction[side]["body"]
        interaction[side]["parsed_body"] = {"model": "m", "é": [1.5, None]}
    (found,) = _read(tmp_path / "a.yaml", interaction)
    assert isinstance(found, Exchange)
    assert json.loads(found.request.body) == json.loads(found.answer.body) == {"model": "m", "é": [1.5, None]}


def test_a_large_gzip_is_refused(tmp_path: Path) -> None:
    """What it unpacks to is bounded."""
    (tmp_path / "a.yaml.gz").write_bytes(gzip.compress(bytes(2**20)) * 600)
    with pytest.raises(TransferError, match="cannot be unpacked"):
        list(read_cassette(tmp_path / "a.yaml.gz"))


def test_nested_aliases_in_a_text_are_not_expanded(tmp_path: Path) -> None:
    """A method, a URL or a header name must be text; a file with a few of them is refused as a whole."""
    lists = ["a0: &a0 lol"] + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 6)]
    (tmp_path / "a.yaml").write_text("\n".join([
        *lists, "interactions:", "- request: {method: *a5, uri: 'https://h/', headers: {}, body: ''}",
        "  response: {status: {code: 200, message: *a5}, headers: {}, body: {string: ''}}",
    ]))  # fmt: skip
    (found,) = read_cassette(tmp_path / "a.yaml")
    assert isinstance(found, Refused)
    assert "is not text" in found.what


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system ['true']", "a: [", "{", "- 1", "", "[" * 5000, "\t"]
)
def test_what_is_no_cassette_is_refused(tmp_path: Path, text: str) -> None:
    """As a whole, and nothing that it names is run."""
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(TransferError):
        list(read_cassette(tmp_path / "a.yaml"))
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(TransferError):
        list(read_cassette(tmp_path / "b.yaml"))


def test_messages_of_xais_grpc_sdk_stay_bytes(tmp_path: Path) -> None:
    """A whole answer and a stream, framed as gRPC does, judged by their transport; a broken one is named."""
    ask, said = b"\x0a\x01\xff", b"\x0a\x03a\xffb"
    found = _read(
        tmp_path / "a.yaml",
        {"request_sample": {"json": {"model": "m"}, "raw": ask}, "response_sample": {"raw": said}},
        {"request_stream": {"raw": ask + ask}, "response_stream": {"chunks_raw": [said, b""]}},
        {"request_sample": {"raw": ask}, "response_sample": {"json": {}}},
    )
    assert [isinstance(each, Exchange) for each in found] == [True, True, False]
    whole, stream = Admission(Settings.parse({}), "run").entries(found)
    assert (whole.label["host"], whole.label["path"]) == ("api.x.ai", "/xai_api.Chat/GetCompletion")
    assert stream.label["path"] == "/xai_api.Chat/GetCompletionChunk"
    assert whole.body == b"\0\0\0\0\x05" + said
    assert stream.body == b"\0\0\0\0\x05" + said + bytes(5)
    assert {whole.judged, stream.judged} == {"transport"}
    assert whole.account == ""
