"""A bucket of packs; what it says on the wire is in test_sync.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import obstore
import pytest

from cache_store.errors import TransferError, UsageError
from cache_store.transfer.remote import Remote


def test_a_directory_to_read_from_must_exist(tmp_path: Path) -> None:
    """A mistyped path is an error, and nothing is created under it; a path with a blank in it is found."""
    with pytest.raises(TransferError, match="does not exist; check the path, or `provider-proxy push`"):
        Remote((tmp_path / "mistyped").as_uri(), must_exist=True)
    assert not (tmp_path / "mistyped").exists()
    (tmp_path / "my bucket").mkdir()
    assert Remote((tmp_path / "my bucket").as_uri(), must_exist=True).packs() == set()


def test_packs_are_stored_fetched_and_removed(tmp_path: Path) -> None:
    """Under their digests; removing what is gone is no fault, and a pack is what its name says."""
    import hashlib

    remote = Remote((tmp_path / "bucket").as_uri())
    assert remote.packs() == set()
    (tmp_path / "a").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    remote.store(digest, tmp_path / "a")
    assert remote.packs() == {digest}
    told: list[int] = []
    remote.fetch(digest, tmp_path / "b", told.append)
    assert (tmp_path / "b").read_bytes() == b"content"
    assert sum(told) == 7
    remote.store("0" * 64, tmp_path / "a")
    with pytest.raises(TransferError, match="does not have the content"):
        remote.fetch("0" * 64, tmp_path / "c", told.append)
    remote.remove({digest, "0" * 64})
    remote.remove({digest})
    assert remote.packs() == set()
    with pytest.raises(FileNotFoundError):
        remote.fetch(digest, tmp_path / "d", told.append)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "bucket",
        "http://x/y",
        "s3://",
        "s3://key:secret@bucket/x",
        "az://c/x?sig=secret",
        "ftp://x",
        "s3://[x",
    ],
)
def test_what_is_no_remote_is_refused(url: str) -> None:
    """A wrong URL is wrong usage, and is not repeated."""
    with pytest.raises(UsageError, match="PROVIDER_PROXY_REMOTE") as caught:
        Remote(url)
    assert "secret" not in str(caught.value)


def test_packs_that_another_job_removed_do_not_keep_the_others(tmp_path: Path) -> None:
    """All that are left go, wherever in the order the first lies that is gone."""
    remote = Remote((tmp_path / "bucket").as_uri())
    (tmp_path / "a").write_bytes(b"content")
    digests = {f"{number:064x}" for number in range(40)}
    gone = {f"{number:064x}" for number in (0, 17, 39)}
    for digest in digests - gone:
        remote.store(digest, tmp_path / "a")
    remote.remove(digests)
    assert remote.packs() == set()


def test_a_pack_that_is_uploaded_again_while_it_is_removed_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 404 for a pack that the listing shows again is no fault: the removal is tried once more."""
    remote = Remote((tmp_path / "bucket").as_uri())
    (tmp_path / "a").write_bytes(b"content")
    remote.store("1" * 64, tmp_path / "a")
    delete = obstore.delete
    answers = [FileNotFoundError("404 Not Found")]

    def missing_once(store: Any, places: list[str]) -> None:
        if answers:
            raise answers.pop()
        delete(store, places)

    monkeypatch.setattr(obstore, "delete", missing_once)
    remote.remove({"1" * 64})
    assert remote.packs() == set()


def test_a_proxy_that_is_in_the_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that still has the exports of a proxy that is gone."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(TransferError, match="HTTPS_PROXY"):
        Remote("s3://b").packs()
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(TransferError, match=r"check the endpoint and the network$"):
        Remote("s3://b").packs()


@pytest.mark.parametrize(
    ("url", "says"), [("az://c/x", "AZURE_STORAGE_KEY"), ("gs://b/x", "GOOGLE_APPLICATION_")]
)
def test_what_an_account_lacks_is_said(
    url: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No account's name, or a file of credentials that is none."""
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(TransferError, match=says):
        Remote(url)
