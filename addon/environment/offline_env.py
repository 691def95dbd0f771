"""Variables for the clients of a run that sends nothing.

Look-ups on the side are off, and cloud SDKs ask the proxy for instance metadata.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["offline_environment"]

# Each makes its library use what it has on disk instead of asking a host first.
_LOOK_UPS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # litellm `get_model_cost_map`: prices from the package
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
# Not HF_HUB_OFFLINE: huggingface_hub forbids inference, too, while it is offline, and inference replays.


def offline_environment(environ: Mapping[str, str], url: str | None) -> dict[str, str]:
    """The variables that `environ` does not set already.

    `url` is the proxy's own, to be asked for instance metadata; None leaves metadata alone.
    """
    wanted = dict(_LOOK_UPS)
    if url is not None:
        host = url.rpartition("/")[2]
        wanted |= {
            "GCE_METADATA_HOST": host,  # google-auth, Google's SDKs for Go and JavaScript
            "GCE_METADATA_IP": host,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{url}/",  # botocore, AWS SDKs
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": url,  # azure-identity, msal
        }
    return {name: value for name, value in wanted.items() if not environ.get(name)}
