"""What the environment says of a bucket's account, under the names that people use.

Its client (obstore) reads its own names; those of the `az` command line and of SDKs are handed on under them.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

__all__ = ["has_credentials", "needed", "settle"]

_CREDENTIALS = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
           "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_SKIP_SIGNATURE"),
    "gs": ("GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH", "GOOGLE_SERVICE_ACCOUNT_KEY",
           "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_BEARER_TOKEN", "GOOGLE_SKIP_SIGNATURE"),
    "az": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY",
           "AZURE_STORAGE_KEY", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_KEY",
           "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_TOKEN", "AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET",
           "AZURE_FEDERATED_TOKEN_FILE", "AZURE_IDENTITY_ENDPOINT", "AZURE_MSI_ENDPOINT", "AZURE_USE_AZURE_CLI",
           "AZURE_STORAGE_USE_EMULATOR", "AZURE_SKIP_SIGNATURE"),
}  # fmt: skip
_NEEDED = {
    "s3": "the AWS_… variables",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (a service account's key file)",
    "az": "AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY",
}
# What the `az` command line reads, and the parts of a connection string, by the client's names.
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
    """Whether the environment names credentials for a bucket of this kind; a directory needs none."""
    names = _CREDENTIALS.get(url.partition("://")[0], ())
    return not names or any(environ.get(name, "").strip() for name in names)


def needed(url: str) -> str:
    """The variables that a bucket of this kind wants, in words for a message."""
    return _NEEDED.get(url.partition("://")[0], "its directory's rights")


def settle(environ: MutableMapping[str, str]) -> None:
    """Take out blank variables of these services, and hand on what has another name for the client.

    CI gives a secret that is not there as a blank variable; the client would take it at its word.
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
