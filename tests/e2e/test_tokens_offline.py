"""A replaying run answers token endpoints, instance metadata and telemetry: suites replay without credentials."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.e2e.command import MAPPED_COMMAND, provider_proxy
from tests.e2e.upstream import Upstream

VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/m:generateContent"

# The same question, with a token that the test has, and with one that a service account, a managed identity or an
# assumed role gets.
FIXED = f"""
import requests
def ask(url, token):
    answer = requests.post(url, json={{"contents": [{{"parts": [{{"text": "Hi"}}]}}]}}, headers={{"authorization": f"Bearer {{token}}"}})
    answer.raise_for_status()
    return answer.headers["x-provider-proxy-cache"]
ask({VERTEX!r}, "fixed")
"""

CLIENTS = (
    FIXED.replace("ask(" + repr(VERTEX) + ', "fixed")', "")
    + """
import json, sys, boto3, google.auth, google.auth.transport.requests
from azure.identity import ClientSecretCredential, ManagedIdentityCredential
from google.oauth2 import service_account

transport = google.auth.transport.requests.Request()
account = service_account.Credentials.from_service_account_file(
    sys.argv[1], scopes=["https://www.googleapis.com/auth/cloud-platform"])
account.refresh(transport)
print("replayed", ask(sys.argv[2], account.token))
instance, project = google.auth.default()
instance.refresh(transport)
print("gce", instance.token, project)
scope = "https://cognitiveservices.azure.com/.default"
print("azure", ClientSecretCredential("my-tenant", "client", "secret").get_token(scope).token)
print("imds", ManagedIdentityCredential().get_token(scope).token)
session = boto3.Session(region_name="eu-west-1")
print("ec2", session.get_credentials().token)
sts = session.client("sts")
print("role", sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")["Credentials"]["SessionToken"])
print("caller", sts.get_caller_identity()["Account"])
import requests
print("traces", requests.post("https://api.openai.com/v1/traces/ingest", json={"data": []}).status_code)
print("smith", requests.post("https://api.smith.langchain.com/runs/batch", json={}).status_code)
try:
    requests.get("https://raw.githubusercontent.com/BerriAI/litellm/main/prices.json")
except requests.exceptions.ProxyError as error:
    print("refused" if "Refused by provider-proxy (telemetry" in str(error) else error)
"""
)


def test_cloud_suites_replay_without_credentials(
    upstream: Upstream, environ: dict[str, str], tmp_path: Path
) -> None:
    """What was recorded with one token is replayed with another, that is a dummy; nothing reaches the network."""
    environ = {
        name: value for name, value in environ.items() if not name.startswith(("AWS_", "GOOGLE_", "AZURE_"))
    }
    environ |= {
        "TEST_UPSTREAM_PORT": str(upstream.port),
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": "/nonexistent",
    }
    recorded = run(environ, tmp_path, "read-write", FIXED)
    assert recorded.returncode == 0, recorded.stderr
    asked = upstream.count
    (tmp_path / "account.json").write_text(json.dumps(key_file()))
    done = run(environ, tmp_path, "read-only-require-hit", CLIENTS, str(tmp_path / "account.json"), VERTEX)
    assert done.returncode == 0, done.stderr
    dummy = "provider-proxy-dummy"
    assert done.stdout.splitlines() == [
        "replayed true",
        f"gce {dummy} {dummy}",
        f"azure {dummy}",
        f"imds {dummy}",
        f"ec2 {dummy}",
        f"role {dummy}",
        "caller 000000000000",
        "traces 202",
        "smith 202",
        "refused",
    ]
    assert upstream.count == asked
    report = json.loads((tmp_path / ".provider-proxy" / "last-run.json").read_text())
    assert list(report["hosts"]) == ["us-central1-aiplatform.googleapis.com"]
    assert report["total"]["requests"] == report["total"]["hits"] == 1
    assert report["offline"]["dummy credentials for oauth2.googleapis.com"] == 1
    assert report["offline"]["telemetry to api.openai.com"] == 1
    assert report["tunnels_refused"] == {"raw.githubusercontent.com": 1}
    assert "answered by us: dummy credentials for" in done.stderr


def run(
    environ: dict[str, str], folder: Path, mode: str, script: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """A run of a Python script, with every name on the upstream."""
    command = [*MAPPED_COMMAND, "run", "--mode", mode, "--", sys.executable, "-c", script, *arguments]
    return subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def key_file() -> dict[str, str]:
    """A service account's key file."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "client_email": "a@p.iam.gserviceaccount.com",
        "private_key": pem.decode(),
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def test_all_other_hosts_can_be_refused(
    start_upstream: Callable[..., Upstream], environ: dict[str, str], tmp_path: Path
) -> None:
    """`PROVIDER_PROXY_TUNNEL=refuse` refuses tunnels and plain http, readably, in a run that may go live too."""
    upstream = start_upstream(tls=False)
    script = f"""
import requests
answer = requests.get("http://example.invalid:{upstream.port}/x")
print(answer.status_code, answer.json()["error"]["code"])
try:
    requests.get("https://example.invalid/x")
except requests.exceptions.ProxyError as error:
    print("Refused by provider-proxy (PROVIDER_PROXY_TUNNEL=refuse)" in str(error))
"""
    environ = environ | {"PROVIDER_PROXY_TUNNEL": "refuse"}
    done = provider_proxy("run", "--", sys.executable, "-c", script, environ=environ, folder=tmp_path)
    assert done.stdout.splitlines() == ["403 provider_proxy_tunnel_refused", "True"], done.stderr
    assert "not tunnelled, refused: example.invalid 2" in done.stderr
    assert upstream.count == 0
