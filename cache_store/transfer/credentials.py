"""Finds a bucket's credentials in the environment, under the names that people use.

The client (obstore) reads names of its own; those of the `az` command line and of SDKs are copied to them.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

__all__ = ["has_credentials", "needed", "settle"]

_CREDENTIALS = {
    "s3": (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SKIP_SIGNATURE",
    ),
    "gs": (
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_BEARER_TOKEN",
        "GOOGLE_SKIP_SIGNATURE",
    ),
    "az": (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_MASTER_KEY",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_CONNECTION_STRING",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_TOKEN",
        "AZURE_CLIENT_SECRET",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_IDENTITY_ENDPOINT",
        "AZURE_MSI_ENDPOINT",
        "AZURE_USE_AZURE_CLI",
        "AZURE_STORAGE_USE_EMULATOR",
        "AZURE_SKIP_SIGNATURE",
    ),
}
_NEEDED = {
    "s3": "the AWS_… variables",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (a service account's key file)",
    "az": "AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY",
}
# Names of the `az` command line, and parts of a connection string, with the client's names for them.
_SAME = {
    "AZURE_STORAGE_ACCOUNT": "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_KEY": "AZURE_STORAGE_ACCOUNT_KEY",
}
_PARTS = {
    "accountname": "AZURE_STORAGE_ACCOUNT_NAME",
    "accountkey": "AZURE_STORAGE_ACCOUNT_KEY",
    "sharedaccesssignature": "AZURE_STORAGE_SAS_TOKEN",
    "blobendpoint": "AZURE_STORAGE_ENDPOINT",
}


def has_credentials(url: str, environ: Mapping[str, str]) -> bool:
    """Whether the environment has credentials for a bucket of this kind. A directory needs none."""
    names = _CREDENTIALS.get(url.partition("://")[0], ())
    return not names or any(environ.get(name, "").strip() for name in names)


def needed(url: str) -> str:
    """The variables that a bucket of this kind needs, in words for a message."""
    return _NEEDED.get(url.partition("://")[0], "its directory's rights")


def settle(environ: MutableMapping[str, str]) -> None:
    """Remove blank variables of these services, and copy others to the names that the client reads.

    CI sets a missing secret as a blank variable, which the client would use as it is.
    """
    for name in list(environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")) and not environ.get(name, "-").strip():
            environ.pop(name, None)
    for theirs, ours in _SAME.items():
        if theirs in environ:
            environ.setdefault(ours, environ[theirs])
    for part in environ.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";"):
        name, _, value = part.partition("=")
        if value.strip() and name.strip().lower() in _PARTS:
            environ.setdefault(_PARTS[name.strip().lower()], value.strip())
