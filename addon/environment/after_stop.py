"""The variables that a stopped proxy leaves behind in the later steps of a CI job, and what takes their place."""

from __future__ import annotations

from collections.abc import Mapping

from addon.environment.java import without_our_options

__all__ = ["after_stop"]

# The clouds' own addresses; an empty variable is not as good as none to all of their SDKs.
_METADATA = {
    "GCE_METADATA_HOST": "metadata.google.internal",
    "GCE_METADATA_IP": "169.254.169.254",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://169.254.169.254/",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://169.254.169.254",
}
_JAVA = "JAVA_TOOL_OPTIONS"


def after_stop(environ: Mapping[str, str], url: str) -> dict[str, str]:
    """New values for those variables of `environ`, except the proxy variables, that lead to the proxy at `url`.

    Base URLs lead to the provider again, metadata to the cloud, and Java has the options that it had before.
    """
    address = url.partition("://")[2]
    changed = {name: instead for name, instead in _METADATA.items() if address in environ.get(name, "")}
    for name, value in environ.items():
        scheme, slash, rest = value.removeprefix(f"{url}/").partition("/")
        if value.startswith(f"{url}/") and slash and scheme in ("http", "https"):
            changed[name] = f"{scheme}://{rest}"
    if address.rpartition(":")[2] in environ.get(_JAVA, ""):
        changed[_JAVA] = without_our_options(environ[_JAVA])
    return changed
