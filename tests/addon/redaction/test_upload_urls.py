"""URLs of uploads, in requests and in answers."""

from __future__ import annotations

import pytest

from addon.redaction.response_headers import keep_response_headers
from addon.redaction.upload_urls import (
    has_upload_url,
    is_stand_in,
    starting_key,
    upload_id,
    with_stand_ins,
    without_foreign_urls,
)

KEY = f"pp2-{1:064x}"
STAND_IN = f"%E2%9F%A6minted:{KEY}%E2%9F%A7"
URL = b"https://h/upload/v1beta/files?key=AIzaSecret&upload_id=Capability&upload_protocol=resumable"
STORED = f"https://h/upload/v1beta/files?upload_id={STAND_IN}&upload_protocol=resumable".encode()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/upload?upload_id=a%2Fb&c=d", "a/b"), ("https://h/x?c=d&upload%5Fid=a#f", ""), ("/x?upload_id=a#f", "a"),
        ("/x?upload_id=a&upload_id=b", ""), ("/x?upload_id=", ""), ("/upload_id=a", ""), ("/x?my_upload_id=a", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_id_of_an_upload(url: str, expected: str) -> None:
    """The only `upload_id` of the query is returned decoded; several ids count as none."""
    assert upload_id(url) == expected


def test_what_is_stored_of_an_upload_url() -> None:
    """Its id is replaced and its other credentials are dropped; then, and only then, it may be stored."""
    headers = (
        (b"X-Goog-Upload-URL", URL),
        (b"Location", URL),
        (b"x-guploader-uploadid", b"Capability"),
        (b"location", b"/v1/x"),
    )
    assert keep_response_headers(headers) == ((b"location", b"/v1/x"),)
    assert keep_response_headers(with_stand_ins(headers, KEY)) == (
        (b"X-Goog-Upload-URL", STORED), (b"Location", STORED), (b"location", b"/v1/x"),
    )  # fmt: skip
    assert with_stand_ins(with_stand_ins(headers, KEY), KEY) == with_stand_ins(headers, KEY)
    assert starting_key(upload_id(STORED.decode())) == KEY
    assert has_upload_url(headers)
    assert not has_upload_url(((b"location", b"/v1/x"), (b"x-other", URL)))


@pytest.mark.parametrize(
    "url",
    [URL.decode(), f"https://h/x?upload_id={STAND_IN}&key=AIzaSecret", f"https://u:p@h/x?upload_id={STAND_IN}",
     f"https://h/x?upload_id={STAND_IN}&upload_id=Capability", "https://h/x?upload_id=%E2%9F%A6minted:%E2%9F%A7", "https://h/x"],
)  # fmt: skip
def test_a_url_with_a_capability_is_not_a_stand_in(url: str) -> None:
    """A stand-in beside a credential, twice, or without a key does not make a URL harmless."""
    assert not is_stand_in(url)


@pytest.mark.parametrize(("url", "kept"), [(STORED, True), (STORED.replace(b"//h/", b"//evil/"), False),
                                           (STORED.replace(b"https://h", b""), False), (b"/v1/x", True)])  # fmt: skip
def test_an_upload_url_of_another_host_is_not_served(url: bytes, kept: bool) -> None:
    """An imported entry cannot send the client's file elsewhere."""
    headers = ((b"location", url), (b"x-id", b"1"))
    assert without_foreign_urls(headers, "H") == (headers if kept else headers[1:])
