"""A provider that refuses an id from the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from addon.exchange.answer_ids import AskedId
from addon.exchange.decisions import Hit, OwnAnswer
from addon.exchange.stale_ids import Blame, blamed
from addon.messages import LiveAnswer, WireRequest
from cache_store.disk.disk_store import DiskStore
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.exchange.conftest import HOST, Run

KEY, OTHER_KEY = "sk-test-0123456789abcdefghij", "sk-test-zyxwvutsrq9876543210"
FILES, JOBS = "/v1/files", "/v1/fine_tuning/jobs"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[DiskStore]:
    """An open store on disk."""
    store = DiskStore(tmp_path / "cache")
    store.open()
    yield store
    store.close()


def post(target: str, *, key: str = KEY, method: str = "POST", **members: object) -> WireRequest:
    """A request of an account."""
    headers = ((b"Authorization", f"Bearer {key}".encode()), (b"Content-Type", b"application/json"))
    return WireRequest(
        method, "https", HOST, 443, target, headers, json.dumps(members).encode() if members else b""
    )


def answer(**members: object) -> LiveAnswer:
    """A JSON answer."""
    return LiveAnswer(200, "", ((b"content-type", b"application/json"),), json.dumps(members).encode())


async def tell(run: Run, request: WireRequest, live: LiveAnswer) -> None:
    """Let the provider answer a request that must miss."""
    await run.answering.keep(await run.forward(request), live)


async def served(run: Run, request: WireRequest) -> None:
    """The request must be a hit."""
    assert isinstance(await run.ask(request), Hit)


async def first_run(store: DiskStore | MemoryStore) -> None:
    """A run that records an upload, a job that uses it, and a question about something else."""
    run = Run(store, "first")
    await tell(run, post(FILES, name="a"), answer(id="file-1", object="file", status="processed"))
    job = answer(id="ftjob-2", object="fine_tuning.job", training_file="file-1", status="queued")
    await tell(run, post(JOBS, training_file="file-1"), job)
    await tell(run, post(JOBS, training_file="file-7"), answer(id="ftjob-22", object="fine_tuning.job"))


async def second_run(store: DiskStore | MemoryStore, status: int, body: bytes, **settings: str) -> Run:
    """A run whose upload and job are hits, and whose next request is new; the provider refuses that one."""
    run = Run(store, "second", **settings)
    await served(run, post(FILES, name="a"))
    await served(run, post(JOBS, training_file="file-1"))
    request = post(f"{JOBS}/ftjob-2/events", method="GET")
    await tell(run, request, LiveAnswer(status, "", (), body))
    return run


def aside(store: DiskStore) -> list[str]:
    """The answers that were set aside, by their ids."""
    return sorted(json.loads(entry.body)["id"] for entry in store.entries_aside())


NOT_FOUND = b'{"error": {"message": "No such job: ftjob-2"}}'


@pytest.mark.parametrize("status", [404, 400, 403])
async def test_a_refused_id_sets_its_recording_aside(disk: DiskStore, status: int) -> None:
    """The job's recording goes, and the upload's, which nothing else uses; a similar id's stays. All are told."""
    await first_run(disk)
    run = await second_run(disk, status, NOT_FOUND)
    assert aside(disk) == ["file-1", "ftjob-2"]
    assert [json.loads(entry.body)["id"] for entry in disk.iterate()] == ["ftjob-22"]
    (line,) = run.counts.as_dict()["stale_ids"]
    assert "`ftjob-2` comes from entry pp2-" in line
    assert "; the provider no longer knows it. 2 entries were set aside" in line
    assert "`provider-proxy restore`" in line
    third = Run(disk, "third")
    await third.forward(post(FILES, name="a"))
    await third.forward(post(JOBS, training_file="file-1"))


async def test_a_recording_that_others_use_stays(disk: DiskStore) -> None:
    """The upload serves another test, and the provider has not said that it is gone."""
    await first_run(disk)
    other = post("/v1/batches", input_file_id="file-1")
    await tell(Run(disk, "first"), other, answer(id="batch_3", object="batch", status="validating"))
    await second_run(disk, 404, NOT_FOUND)
    assert aside(disk) == ["ftjob-2"]


@pytest.mark.parametrize(
    ("status", "body", "settings", "why"),
    [
        (403, b'{"error": "forbidden"}', {}, "as the answer does not name the id"),
        (400, b'{"error": "bad"}', {}, "as the answer does not name the id"),
        (404, NOT_FOUND, {"cache_mode": "read-only"}, "as mode read-only stores nothing"),
    ],
)
async def test_nothing_is_set_aside_without_evidence(
    disk: DiskStore, status: int, body: bytes, settings: dict[str, str], why: str
) -> None:
    """A 400 or 403 that does not name the id, and a mode that stores nothing, are only reported."""
    await first_run(disk)
    run = await second_run(disk, status, body, **settings)
    assert aside(disk) == []
    assert why in run.counts.as_dict()["stale_ids"][0]


async def test_another_accounts_recordings_stay(disk: DiskStore) -> None:
    """A colleague's key gets a 404 for an id that is not its own; so does an entry without an account."""
    await first_run(disk)
    run = Run(disk, "second")
    await served(run, post(JOBS, training_file="file-1"))
    request = post(f"{JOBS}/ftjob-2/events", method="GET", key=OTHER_KEY)
    await tell(run, request, LiveAnswer(404, "", (), NOT_FOUND))
    assert aside(disk) == []
    assert "another account recorded the entry" in run.counts.as_dict()["stale_ids"][0]


async def test_an_id_of_this_run_is_the_tests_own_affair(disk: DiskStore) -> None:
    """What the provider minted a moment ago and refuses now is no matter of the cache."""
    run = Run(disk, "first")
    await tell(run, post(JOBS, training_file="file-1"), answer(id="ftjob-2", object="fine_tuning.job"))
    await tell(run, post(f"{JOBS}/ftjob-2/events", method="GET"), LiveAnswer(404, "", (), NOT_FOUND))
    assert run.counts.stale_ids == {}
    assert aside(disk) == []


async def test_a_store_in_memory_is_only_reported_on(memory: MemoryStore) -> None:
    """It ends with the process, so nothing has to be set aside."""
    await first_run(memory)
    run = await second_run(memory, 404, NOT_FOUND)
    assert "the cache cannot be changed" in run.counts.as_dict()["stale_ids"][0]
    assert len(list(memory.iterate())) == 3


async def test_a_later_miss_says_that_the_recording_was_set_aside(disk: DiskStore) -> None:
    """A replay is told why the request that it had is a miss now, and what brings it back."""
    await first_run(disk)
    await second_run(disk, 404, NOT_FOUND)
    replay = Run(disk, "replay", cache_mode="read-only-require-hit")
    missed = await replay.ask(post(JOBS, training_file="file-1"))
    assert isinstance(missed, OwnAnswer)
    message = json.loads(missed.body)["error"]["message"]
    assert "set aside on" in message
    assert "the provider no longer knows ftjob-2" in message
    assert "`provider-proxy restore`" in message


async def test_a_refusal_after_the_end_is_passed_on(disk: DiskStore) -> None:
    """The run is over, so nothing is looked up; the client gets its answer."""
    await first_run(disk)
    run = Run(disk, "second")
    await served(run, post(JOBS, training_file="file-1"))
    forward = await run.forward(post(f"{JOBS}/ftjob-2/events", method="GET"))
    run.answering._stale_ids.close()
    await run.answering._stale_ids.look_into(forward, LiveAnswer(404, "", (), NOT_FOUND))
    assert run.counts.stale_ids == {}


ASKED = [AskedId("thread_1", True), AskedId("asst_2", False), AskedId("file-3", False)]
KNOWN = {"thread_1", "asst_2"}


@pytest.mark.parametrize(
    ("status", "body", "known", "expected"),
    [
        (404, b"No assistant asst_2", KNOWN, Blame(("asst_2",), True)),
        (404, b"not found", KNOWN, Blame(("thread_1",), True)),
        (404, b"not found", {"asst_2"}, Blame(("asst_2",), True)),
        (404, b"not found", {"asst_2", "file-3"}, Blame(("asst_2", "file-3"), False)),
        (404, b"No such file: file-3", KNOWN, Blame((), False)),
        (404, b"The model gpt-9 does not exist", KNOWN, Blame((), False)),
        (400, b"asst_2 is bad", KNOWN, Blame(("asst_2",), True)),
        (400, b"bad request", {"asst_2"}, Blame(("asst_2",), False)),
        (403, b"thread_12 is not yours", {"thread_1"}, Blame(("thread_1",), False)),
    ],
)
def test_what_an_answer_is_about(status: int, body: bytes, known: set[str], expected: Blame) -> None:
    """About the ids that it names; a 404 else about the path or the only id; never if it names something else."""
    assert blamed(status, body, ASKED, known, "gpt-9") == expected


def test_gemini_names_only_the_kind() -> None:
    """`CachedContent not found (or permission denied)` is about the cached content."""
    asked = [AskedId("cachedContents/c1", False)]
    body = b'{"error": {"code": 403, "message": "CachedContent not found (or permission denied)"}}'
    assert blamed(403, body, asked, {"cachedContents/c1"}, "g") == Blame(("cachedContents/c1",), True)
