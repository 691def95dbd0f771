"""A bucket of packs, reached through obstore: S3 (AWS, R2, MinIO), Google, Azure, or a directory.

Credentials, region and endpoint come from each service's usual environment variables. Messages name the URL as it
was given, the kind of fault and the status, and never repeat a service's own words.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from cache_store.errors import MissingExtra, TransferError, UsageError
from cache_store.transfer.credentials import needed, settle
from cache_store.transfer.pack import is_digest

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

__all__ = ["DamagedPack", "Remote", "checked_url"]

_SCHEMES = ("s3", "gs", "az", "file")
_FOLDER = "packs"
_SUFFIX = ".ppack"
_TRIES = 6
_FIRST_PAUSE = 0.2  # seconds; doubles with each try
_MAX_PACKS = 100_000
_MULTIPART = 16 * 2**20  # bytes; a smaller pack is uploaded in one request


class Remote:
    """The packs under `url`. Every method raises TransferError."""

    def __init__(self, url: str, *, must_exist: bool = False) -> None:
        """A directory is made unless it `must_exist`. Raises UsageError for an invalid URL or without obstore."""
        self.url = checked_url(url)
        if must_exist and url.startswith("file:") and not Path(unquote(urlsplit(url).path)).is_dir():
            raise TransferError(f"{url} does not exist; check the path, or `provider-proxy push` to it first")
        settle(os.environ)
        # Listing and removing answer quickly or not at all; transfers of packs may take long.
        self._quick = _store(url, timedelta(seconds=5), timedelta(seconds=10))
        self._bulk = _store(url, timedelta(seconds=30), timedelta(minutes=2))

    def packs(self) -> set[str]:
        """The digests of the packs in the bucket. Makes one request for each 1,000."""
        import obstore

        found: set[str] = set()

        def listed() -> None:
            found.clear()
            for metas in obstore.list(self._quick, _FOLDER, chunk_size=1000):
                found.update(name for meta in metas if (name := _digest_of(meta["path"])))
                if len(found) > _MAX_PACKS:
                    raise TransferError(f"{self.url} holds more than {_MAX_PACKS} packs")

        self._ask(listed)
        return found

    def fetch(self, digest: str, path: Path, advance: Callable[[int], None]) -> None:
        """Write a pack to `path`. Calls `advance` with the size of each chunk. Raises DamagedPack, too."""
        import obstore

        def fetched() -> str:
            hashed = hashlib.sha256()
            with path.open("wb") as file:
                for chunk in obstore.get(self._bulk, _place(digest)).stream(min_chunk_size=2**20):
                    data = bytes(chunk)
                    hashed.update(data)
                    file.write(data)
                    advance(len(data))
            return hashed.hexdigest()

        if self._ask(fetched) != digest:
            raise DamagedPack(f"{self.url}: pack {digest[:12]} does not have the content that its name says")

    def store(self, digest: str, path: Path) -> None:
        """Upload a pack. A pack of the same name has the same content."""
        import obstore

        size = path.stat().st_size
        self._ask(lambda: obstore.put(self._bulk, _place(digest), path, use_multipart=size > _MULTIPART))

    def remove(self, digests: set[str]) -> None:
        """Remove packs. Packs that are already gone are not an error."""
        import obstore

        left = digests
        for attempt in range(1, _TRIES + 1):
            places = [_place(digest) for digest in sorted(left)]
            try:
                self._ask(lambda: obstore.delete(self._quick, places))  # noqa: B023 - called at once
                return
            except FileNotFoundError:
                # Another job's `--replace` was faster, or uploads its own pack again. The first missing pack stops
                # the removal of the rest.
                left = left & self.packs()
                if not left:
                    return
                if attempt == _TRIES:
                    raise

    def _ask[T](self, work: Callable[[], T]) -> T:
        """The result of `work`. obstore retries 5xx and broken connections by itself; this retries 429."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        pause = _FIRST_PAUSE
        for attempt in range(1, _TRIES + 1):
            try:
                return work()
            except (PermissionDeniedError, UnauthenticatedError) as error:
                raise TransferError(f"{self.url}: {_reason('403 Forbidden')}") from error
            except FileNotFoundError as error:
                raise _Gone(f"{self.url}: {_reason('404 Not Found')}") from error
            except (BaseError, OSError, ValueError) as error:
                text = str(error)
                if "429" in text and "Too Many Requests" in text and attempt < _TRIES:
                    time.sleep(pause)
                    pause *= 2
                    continue
                raise (_Gone if "404 Not Found" in text else TransferError)(
                    f"{self.url}: {_reason(text)}"
                ) from error
        raise AssertionError("the last attempt returns or raises")


class DamagedPack(TransferError):
    """A pack's content does not have the digest in its name."""


class _Gone(TransferError, FileNotFoundError):
    """The bucket or object does not exist (any more)."""


def checked_url(url: str) -> str:
    """`url`, if it names a bucket and may be printed; otherwise raises UsageError, which does not repeat it."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in _SCHEMES and bool(parts.netloc or parts.scheme == "file")
        fine = fine and "@" not in parts.netloc and not parts.query and not parts.fragment
    except ValueError:
        fine = False
    if not fine:
        raise UsageError(
            "PROVIDER_PROXY_REMOTE takes s3://bucket/prefix, gs://…, az://… or file:///directory, "
            "without credentials in it"
        )
    return url


def _store(url: str, read: timedelta, patience: timedelta) -> Any:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import LocalStore, from_url
    except ImportError as error:
        raise MissingExtra("buckets need", "buckets") from error
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": read,
        "timeout": timedelta(minutes=30),
        "allow_http": True,
    }
    retry: RetryConfig = {
        "max_retries": 5,
        "retry_timeout": patience,
        "backoff": {
            "init_backoff": timedelta(milliseconds=200),
            "max_backoff": timedelta(seconds=5),
            "base": 2,
        },
    }
    try:
        if url.startswith("file:"):
            return LocalStore.from_url(url, mkdir=True)
        return from_url(url, client_options=client, retry_config=retry)
    except (BaseError, ValueError, OSError) as error:
        raise TransferError(
            f"{url} cannot be opened; check it and {needed(url)} in the environment"
        ) from error


def _place(digest: str) -> str:
    return f"{_FOLDER}/{digest}{_SUFFIX}"


def _digest_of(path: str) -> str:
    """The digest in an object's name; '' for any other object."""
    name = path.rpartition("/")[2]
    digest = name.removesuffix(_SUFFIX)
    return digest if name.endswith(_SUFFIX) and is_digest(digest) else ""


def _reason(text: str) -> str:
    status = re.search(r"\b(?:[45]\d\d) [A-Z][A-Za-z ]{2,40}", text)
    if re.search(r"\b40[13] (?:Unauthorized|Forbidden)", text):
        return "no permission; check the credentials in the environment"
    if "404 Not Found" in text:
        return "there is no such bucket or object"
    if re.search(r"kind: Timeout|TimedOut|timed out", text):
        return "it does not answer in time"
    if status:
        return f"it answers {status[0].strip()}"
    if "onnect" in text:
        through = next((name for name in ("HTTPS_PROXY", "https_proxy") if os.environ.get(name)), "")
        return f"it cannot be reached; check the endpoint and the network{through and f', and {through}'}"
    return "the request failed; check the URL, the region and the credentials"
