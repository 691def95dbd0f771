"""Ids that answers name and that requests use."""

from __future__ import annotations

import gzip
import json

import pytest

from addon.exchange.answer_ids import AskedId, asked_by, asked_ids, minted_ids, names
from addon.messages import WireRequest
from cache_store.entry import Entry, Headers


def _entry(body: bytes, request: object = None, headers: Headers = ()) -> Entry:
    return Entry("pp2-a", 200, "OK", headers, body, 1.0, 0.1, "r", {}, "", json.dumps(request or {}).encode())


def _request(target: str, body: bytes = b"", headers: Headers = ()) -> WireRequest:
    return WireRequest("POST", "https", "h", 443, target, headers, body)


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"id": "asst_12", "object": "assistant", "name": "bot 7"}', ["asst_12"]),
        (b'{"data": [{"id": "file-1"}, {"id": "file-2"}], "first_id": "file-1"}', ["file-1", "file-2"]),
        (b'{"file_ids": ["file-3"], "fileId": "file-4", "vectorStoreIDs": ["vs_5"]}', ["file-3", "file-4", "vs_5"]),
        (b'{"name": "cachedContents/c1", "model": "models/g2"}', ["cachedContents/c1"]),
        (b'{"name": "projects/p1/cachedContents/77"}', ["projects/p1/cachedContents/77", "cachedContents/77"]),
        (b'event: x\ndata: {"response": {"id": "resp_9"}}\n\ndata: [DONE]\n\n', ["resp_9"]),
        (b'{"id": "one-1"}\n{"id": "two-2"}\n', ["one-1", "two-2"]),
    ],
)  # fmt: skip
def test_values_of_id_members_are_ids(body: bytes, ids: list[str]) -> None:
    """In objects and lists, by each spelling, in streams and lines; so is the name of a resource."""
    assert minted_ids(_entry(body)) == ids


@pytest.mark.parametrize(
    "body",
    [
        b'{"custom_id": "request-1", "user_id": "u-12345", "tool_call_id": "call_1", "org_id": "org-12"}',
        b'{"data": [{"id": "gpt-4o", "object": "model"}]}',
        b'{"text": "asst_12", "id": 12, "status": "file-1"}',
        b'{"id": "default", "x_id": "two words 1", "name": "models/gemini-2"}',
        b"\xff\xfe not JSON",
        b'{"id": ',
    ],
)
def test_other_values_are_not_ids(body: bytes) -> None:
    """Those that the client or the model chose, those of a list of models, and what only looks like one."""
    assert minted_ids(_entry(body)) == []


def test_an_id_that_the_request_named_was_not_minted_by_its_answer() -> None:
    """A poll repeats the id of its job; one that only begins alike is another."""
    body = b'{"id": "batch_1", "output_file_id": "file-9"}'
    assert minted_ids(_entry(body, {"path": "/v1/batches/batch_1"})) == ["file-9"]
    assert minted_ids(_entry(body, {"path": "/v1/batches/batch_12"})) == ["batch_1", "file-9"]


def test_an_operation_in_a_header_is_an_id() -> None:
    """Azure names a job by the URL of its polls."""
    url = (b"Operation-Location", b"https://h/documentintelligence/operations/31a0-77?api-version=2024-11-30")
    assert minted_ids(_entry(b"", headers=(url,)))[:1] == ["31a0-77"]


def test_ids_of_a_request() -> None:
    """From path and query, from members and URLs of its body, compressed too; a model is none."""
    body = json.dumps(
        {
            "model": "gpt-4o-mini",
            "assistant_id": "asst_12",
            "input": "tell me about asst_99",
            "parts": [{"fileData": {"fileUri": "https://h/v1beta/files/abc1"}}],
        }
    ).encode()
    target = "/v1/threads/thread_1/runs/run_2:cancel?after=item_3"
    request = _request(target, gzip.compress(body), ((b"content-encoding", b"gzip"),))
    found = asked_ids(request, "gpt-4o-mini")
    assert [one.value for one in found if one.in_path] == [
        "thread_1", "threads/thread_1", "run_2", "runs/run_2", "item_3",
    ]  # fmt: skip
    in_body = {one.value for one in found if not one.in_path}
    assert in_body >= {"asst_12", "abc1", "files/abc1"}
    assert not {"gpt-4o-mini", "tell me about asst_99", "asst_99"} & in_body


def test_a_model_in_a_path_is_not_an_id() -> None:
    """Nor is a deployment of Azure."""
    assert asked_ids(_request("/v1beta/models/gemini-2.5-pro:generateContent"), "") == []
    assert asked_ids(_request("/openai/deployments/gpt-4o/chat/completions"), "") == []


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 5000, b'{"a": ' * 300], ids=str)
def test_a_hostile_body_has_no_ids(body: bytes) -> None:
    """It is passed over, in requests and in answers."""
    assert asked_ids(_request("/", body[:20]), "") == []
    assert minted_ids(_entry(body)) == []


def test_a_saved_request_is_read_in_the_same_way() -> None:
    """What a recording asked for leads to the recordings before it."""
    saved = {
        "path": "/v1/threads/thread_1/runs",
        "body": {"kind": "json", "value": {"assistant_id": "asst_12"}},
    }
    assert AskedId("thread_1", True) in asked_by(_entry(b"", saved))
    assert AskedId("asst_12", False) in asked_by(_entry(b"", saved))
    assert asked_by(_entry(b"", [])) == []


def test_ids_are_whole_words() -> None:
    """`file-1` is not in `file-12`, nor in `my-file-1`."""
    assert names(b'{"id": "file-1"}', "file-1")
    assert names(b"No such File object: file-1.", "file-1")
    assert not names(b"file-12 my-file-1", "file-1")
