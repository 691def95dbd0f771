"""A bucket of packs; what it says on the wire is in test_sync.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache_store.errors import TransferError, UsageError
from cache_store.transfer.remote import Remote, has_credentials


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
    with pytest.raises(TransferError, match="another content"):
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
        Remote(url, {})
    assert "secret" not in str(caught.value)


def test_credentials_are_told_from_blanks() -> None:
    """A blank secret of a fork counts as none and is not handed on; a directory needs none."""
    environ = {"AWS_ACCESS_KEY_ID": "", "AWS_ENDPOINT_URL": " ", "OTHER": ""}
    assert not has_credentials("s3://b", environ)
    assert has_credentials("s3://b", {"AWS_ACCESS_KEY_ID": "x"})
    assert has_credentials("file:///x", {})
    Remote("s3://b", environ)
    assert environ == {"OTHER": ""}
