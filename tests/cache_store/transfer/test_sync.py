"""`push` and `pull` against a directory and a real S3 server on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from cache_store.errors import CorruptEntry, TransferError
from cache_store.transfer.ledger import Ledger
from cache_store.transfer.remote import Remote
from cache_store.transfer.sync import Pulled, Pushed, pull, push
from tests.s3_server import BUCKET, Gateway, running_s3

PREFIX = "team/ci"


def _entry(number: int, recorded_at: float = 1000.0, body: bytes = b"body") -> Entry:
    return Entry(f"pp1-{number:064x}", 200, "OK", (), body, recorded_at, 0.1, "run")


def _take(entry: Entry) -> Entry:
    """Every entry is fine."""
    return entry


class Machine:
    """A machine with a cache."""

    def __init__(self, folder: Path, url: str) -> None:
        self.store = DiskStore(folder)
        self.store.open()
        self.folder, self.url = folder, url

    def put(self, *entries: Entry) -> None:
        for entry in entries:
            self.store.put(entry)

    def push(self, *, replace: bool = False) -> Pushed:
        self.looked_at = 0
        return push(
            self.store, Remote(self.url), Ledger(self.folder, self.url), replace=replace, advance=self._look
        )

    def _look(self, more: int) -> None:
        self.looked_at += more

    def pull(self, admit: Callable[[Entry], Entry] = _take) -> Pulled:
        return pull(self.store, Remote(self.url), Ledger(self.folder, self.url), admit=admit)

    def keys(self) -> set[int]:
        return {int(key[4:], 16) for key in list(self.store.keys())}


@pytest.fixture(scope="module")
def s3() -> Iterator[Gateway]:
    """One S3 for this file."""
    with running_s3() as running:
        yield running


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, s3: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty remote of each kind."""
    for name, value in s3.environ().items():
        monkeypatch.setenv(name, value)
    s3.answers.clear()
    s3.hang = 0.0
    s3.seen.clear()
    if request.param == "file":
        return (tmp_path / "bucket").as_uri()
    return f"s3://{BUCKET}/{PREFIX}/{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]}"


@pytest.fixture
def s3_url(s3: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty remote in S3."""
    for name, value in s3.environ().items():
        monkeypatch.setenv(name, value)
    s3.answers.clear()
    s3.seen.clear()
    s3.hang = 0.0
    return f"s3://{BUCKET}/{PREFIX}/{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]}"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[[str, str], Machine]]:
    """Makes machines."""
    with contextlib.ExitStack() as stack:

        def make(name: str, url: str) -> Machine:
            made = Machine(tmp_path / name, url)
            stack.callback(made.store.close)
            return made

        yield make


def test_recordings_reach_another_machine(url: str, machine: Callable[[str, str], Machine]) -> None:
    """One push, one pull; only what is new goes up, and only what is lacking comes down."""
    one, two = machine("one", url), machine("two", url)
    one.put(_entry(1), _entry(2))
    assert one.push().entries == 2
    assert two.pull().merged.stored == 2
    assert two.store.get(_entry(1).key) == _entry(1)
    assert two.push() == Pushed(0, 0, 0)
    two.put(_entry(3))
    assert two.push().entries == 1
    pulled = one.pull()
    assert (pulled.packs, pulled.merged.stored) == (1, 1)
    assert one.keys() == {1, 2, 3}
    assert one.pull().packs == 0
    assert one.push() == Pushed(0, 0, 0)


def test_a_push_looks_at_what_was_stored_since(url: str, machine: Callable[[str, str], Machine]) -> None:
    """After a push, after a pull into an empty cache and after a pull into one that was pushed, only new and
    replaced entries are looked at; the others are known to be there."""
    one, fresh = machine("one", url), machine("fresh", url)
    one.put(*(_entry(number) for number in range(300)))
    assert (one.push().entries, one.looked_at) == (300, 300)
    fresh.pull()
    assert (fresh.push().entries, fresh.looked_at) == (0, 0)
    fresh.put(_entry(300), _entry(7, 2000.0, b"again"))
    assert (fresh.push().entries, fresh.looked_at) == (2, 2)
    assert one.pull().merged.stored == 2
    assert (one.push().entries, one.looked_at) == (0, 0)
    reader = machine("reader", url)
    reader.pull()
    assert reader.store.get(_entry(7).key) == _entry(7, 2000.0, b"again")


def test_what_vanishes_from_the_remote_is_pushed_again(
    url: str, machine: Callable[[str, str], Machine]
) -> None:
    """Another machine's `--replace` drops what this one had pushed: its next push looks at everything."""
    one, other, reader = machine("one", url), machine("other", url), machine("reader", url)
    one.put(_entry(1))
    one.push()
    other.put(_entry(2))
    other.push(replace=True)
    one.pull()
    one.put(_entry(3))
    assert (one.push().entries, one.looked_at) == (2, 3)
    reader.pull()
    assert reader.keys() == {1, 2, 3}


def test_a_recording_before_a_pull_is_pushed_after_it(
    url: str, machine: Callable[[str, str], Machine]
) -> None:
    """A pull does not count what this machine alone holds as pushed."""
    one, two, reader = machine("one", url), machine("two", url), machine("reader", url)
    one.put(*(_entry(number) for number in range(3)))
    one.push()
    two.put(_entry(9))
    two.pull()
    two.put(_entry(10))
    assert two.push().entries == 2
    reader.pull()
    assert reader.keys() == {0, 1, 2, 9, 10}


def test_a_damaged_entry_is_not_pushed(url: str, machine: Callable[[str, str], Machine]) -> None:
    """`verify` names it; the others go up."""
    one, reader = machine("one", url), machine("reader", url)
    one.put(_entry(1), _entry(2))
    with sqlite3.connect(one.folder / "cache.db") as database:
        database.execute("UPDATE Cache SET value = x'00' WHERE key = ?", (_entry(1).key,))
    database.close()
    assert one.push().entries == 1
    reader.pull()
    assert reader.keys() == {2}


def test_pushes_at_once_lose_nothing(url: str, machine: Callable[[str, str], Machine]) -> None:
    """Two jobs that push at the same time both leave a pack."""
    from concurrent.futures import ThreadPoolExecutor

    jobs = [machine(f"job{number}", url) for number in range(4)]
    for number, job in enumerate(jobs):
        job.put(_entry(number))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda job: (job.push(), job.store.close()), jobs))
    reader = machine("reader", url)
    reader.pull()
    assert reader.keys() == {0, 1, 2, 3}


def test_the_newer_recording_wins(url: str, machine: Callable[[str, str], Machine]) -> None:
    """Whatever the order of packs."""
    old, new, reader = (machine(name, url) for name in ("old", "new", "reader"))
    new.put(_entry(1, 2000.0, b"new"))
    new.push()
    old.put(_entry(1, 1000.0, b"old"))
    old.push()
    reader.pull()
    assert reader.store.get(_entry(1).key) == _entry(1, 2000.0, b"new")
    old.pull()
    assert old.store.get(_entry(1).key) == _entry(1, 2000.0, b"new")


def test_replace_leaves_just_what_this_cache_holds(url: str, machine: Callable[[str, str], Machine]) -> None:
    """Many packs become one; a second time nothing changes."""
    one, fresh = machine("one", url), machine("fresh", url)
    for number in range(3):
        one.put(_entry(number))
        one.push()
    fresh.put(_entry(9))
    done = fresh.push(replace=True)
    assert (done.entries, done.removed) == (1, 3)
    assert fresh.push(replace=True).removed == 0
    reader = machine("reader", url)
    assert reader.pull().packs == 1
    assert reader.keys() == {9}


def test_replacements_at_once_do_not_remove_each_others(
    url: str, machine: Callable[[str, str], Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes the other's pack, which was there before, for an old one: one of them stays."""
    one, two = machine("one", url), machine("two", url)
    for number, job in enumerate((one, two)):
        job.put(_entry(number))
        job.push()
    plain = Remote.store

    def store(self: Remote, digest: str, path: Path) -> None:
        plain(self, digest, path)
        monkeypatch.setattr(Remote, "store", plain)
        two.push(replace=True)

    monkeypatch.setattr(Remote, "store", store)
    one.push(replace=True)
    reader = machine("reader", url)
    reader.pull()
    assert reader.keys() == {0}


def test_a_pull_of_nothing_new_is_one_request(
    s3: Gateway, s3_url: str, machine: Callable[[str, str], Machine]
) -> None:
    """And a push is two: look, and put."""
    one = machine("one", s3_url)
    one.put(*(_entry(number) for number in range(50)))
    s3.seen.clear()
    one.push()
    assert [method for method, _ in s3.seen] == ["GET", "PUT"]
    s3.seen.clear()
    one.pull()
    assert len(s3.seen) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(
    s3: Gateway, s3_url: str, machine: Callable[[str, str], Machine], status: int
) -> None:
    """429 and 5xx are tried again with a pause between."""
    one, two = machine("one", s3_url), machine("two", s3_url)
    one.put(_entry(1))
    s3.answers[:] = [status, status]
    one.push()
    s3.answers[:] = [status, status]
    two.pull()
    assert two.keys() == {1}


@pytest.mark.parametrize("cuts", [1, 2])
def test_a_download_that_breaks_off_is_taken_up_again(
    s3: Gateway, s3_url: str, machine: Callable[[str, str], Machine], cuts: int
) -> None:
    """Nothing of it is lost, and nothing is there twice."""
    one, two = machine("one", s3_url), machine("two", s3_url)
    one.put(_entry(1, body=os.urandom(2**21)))
    one.push()
    s3.cuts = cuts
    assert two.pull().merged.stored == 1
    assert two.store.get(_entry(1).key) == one.store.get(_entry(1).key)
    assert s3.cuts == 0


def test_no_permission_is_told_in_a_line(
    s3: Gateway, s3_url: str, machine: Callable[[str, str], Machine]
) -> None:
    """403 is not tried again, and the message holds no credential."""
    one = machine("one", s3_url)
    one.put(_entry(1))
    s3.answers[:] = [403]
    with pytest.raises(TransferError, match="no permission") as caught:
        one.push()
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bucket_that_does_not_exist(
    s3: Gateway, s3_url: str, machine: Callable[[str, str], Machine]
) -> None:
    """Pull and push say so."""
    one = machine("one", "s3://no-such-bucket/x")
    one.put(_entry(1))
    with pytest.raises(TransferError, match="no such bucket"):
        one.pull()
    with pytest.raises(TransferError, match="no such bucket"):
        one.push()


def test_a_pack_under_a_wrong_name_is_refused(
    url: str, tmp_path: Path, machine: Callable[[str, str], Machine]
) -> None:
    """Its content has another digest: it is named, and the other pack is merged."""
    one, two = machine("one", url), machine("two", url)
    one.put(_entry(1))
    one.push()
    one.put(_entry(2))
    one.push()
    remote = Remote(url)
    digests = sorted(remote.packs())
    file = tmp_path / "x"
    remote.fetch(digests[0], file, lambda _: None)
    file.write_bytes(file.read_bytes()[:-1])
    remote.store(digests[0], file)
    pulled = two.pull()
    assert len(pulled.refused) == 1
    assert digests[0][:12] in pulled.refused[0]
    assert len(two.keys()) == 1


def test_an_entry_that_is_refused_stops_no_other(url: str, machine: Callable[[str, str], Machine]) -> None:
    """It is named with the reason, and a later pull that admits it gets it."""
    one, two = machine("one", url), machine("two", url)
    for number in range(3):
        one.put(_entry(number))
        one.push()

    def refuse(entry: Entry) -> Entry:
        if entry.key == _entry(1).key:
            raise CorruptEntry("its key does not match")
        return entry

    (line,) = two.pull(refuse).refused
    assert "its key does not match" in line
    assert two.keys() == {0, 2}
    assert two.pull().refused == ()
    assert two.keys() == {0, 1, 2}


def test_other_objects_are_left_alone(url: str, machine: Callable[[str, str], Machine]) -> None:
    """What is no pack of ours is neither fetched nor removed."""
    import obstore

    one = machine("one", url)
    remote = Remote(url)
    for name in ("packs/readme.txt", "packs/..%2Fevil.ppack", f"packs/{'A' * 64}.ppack", "other"):
        obstore.put(remote._bulk, name, b"x")
    one.put(_entry(1))
    one.push(replace=True)
    assert len(remote.packs()) == 1
    assert bytes(obstore.get(remote._bulk, "packs/readme.txt").bytes()) == b"x"


def test_a_pack_that_is_replaced_meanwhile_is_looked_for_anew(
    url: str, machine: Callable[[str, str], Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull during another job's `--replace` gets what is there afterwards."""
    one, two = machine("one", url), machine("two", url)
    one.put(_entry(1))
    one.push()
    plain, calls = Remote.packs, []

    def packs(self: Remote) -> set[str]:
        found = plain(self)
        calls.append(1)
        if len(calls) == 1:
            one.put(_entry(2))
            push(one.store, Remote(url), Ledger(one.folder, "another"), replace=True)
        return found

    monkeypatch.setattr(Remote, "packs", packs)
    two.pull()
    assert two.keys() == {1, 2}


@pytest.mark.slow
def test_an_endpoint_that_hangs_is_given_up(
    s3: Gateway, s3_url: str, machine: Callable[[str, str], Machine]
) -> None:
    """Before it answers after all, in one line."""
    one = machine("one", s3_url)
    s3.hang = 60
    try:
        with pytest.raises(TransferError, match="does not answer in time"):
            one.pull()
    finally:
        s3.hang = 0


def test_what_was_set_aside_stays_in_the_bucket(tmp_path: Path) -> None:
    """`push`, with --replace too, takes nothing from the bucket; `pull` does not bring the recording back here."""
    url = (tmp_path / "bucket").as_uri()
    one, other = (Machine(tmp_path / name, url) for name in ("one", "other"))
    one.put(_entry(1), _entry(2))
    one.push()
    one.store.set_aside([_entry(1).key], "the provider no longer knows it")
    assert one.push(replace=True).entries == 2
    assert one.keys() == {2}
    assert one.pull().merged.stored == 0
    assert one.keys() == {2}
    other.pull()
    assert other.keys() == {1, 2}
    for machine in (one, other):
        machine.store.close()
