"""Cassettes of vcrpy, in the ways in which its versions write them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from addon.transfer.admit import Exchange, Refused
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
