"""Accounts of buckets in the environment."""

from __future__ import annotations

import pytest

from cache_store.transfer.credentials import has_credentials, settle


def test_credentials_are_told_from_blanks() -> None:
    """A blank secret of a fork counts as none; a directory needs none."""
    environ = {"AWS_ACCESS_KEY_ID": "", "AWS_ENDPOINT_URL": " ", "OTHER": ""}
    assert not has_credentials("s3://b", environ)
    assert has_credentials("s3://b", {"AWS_ACCESS_KEY_ID": "x"})
    assert not has_credentials("az://b", {"AWS_ACCESS_KEY_ID": "x", "AZURE_STORAGE_KEY": ""})
    assert has_credentials("az://b", {"AZURE_STORAGE_KEY": "x"})
    assert has_credentials("gs://b", {"GOOGLE_APPLICATION_CREDENTIALS": "x"})
    assert has_credentials("file:///x", {})


def test_blanks_are_not_handed_on() -> None:
    """Of these services alone."""
    environ = {"AWS_ACCESS_KEY_ID": "", "AWS_ENDPOINT_URL": " ", "OTHER": "", "AWS_REGION": "auto"}
    settle(environ)
    assert environ == {"OTHER": "", "AWS_REGION": "auto"}


@pytest.mark.parametrize(
    "theirs",
    [
        {"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": "a2V5=="},
        {
            "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=https;AccountName=a; AccountKey=a2V5==;"
        },
    ],
)
def test_names_of_the_az_command_line_are_understood(theirs: dict[str, str]) -> None:
    """They reach the client under its own names, and do not beat those."""
    environ = dict(theirs)
    settle(environ)
    assert environ["AZURE_STORAGE_ACCOUNT_NAME"] == "a"
    assert environ["AZURE_STORAGE_ACCOUNT_KEY"] == "a2V5=="
    environ = theirs | {"AZURE_STORAGE_ACCOUNT_NAME": "own"}
    settle(environ)
    assert environ["AZURE_STORAGE_ACCOUNT_NAME"] == "own"


def test_a_connection_string_names_the_endpoint() -> None:
    """An emulator's, say; parts that are blank or not known are left alone."""
    environ = {"AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=http://127.0.0.1:1/a;AccountKey=;Other=x"}
    settle(environ)
    assert environ["AZURE_STORAGE_ENDPOINT"] == "http://127.0.0.1:1/a"
    assert set(environ) == {"AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ENDPOINT"}
