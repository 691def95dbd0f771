"""No credential of any client's request is in what would be saved of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.redaction import Taint, shapes

SAMPLES = sorted(path.stem for path in (Path(__file__).parents[2] / "requests").glob("*.http"))
# The made-up credentials of tests/requests, found by reading them.
CANARIES = (
    "SECRET", "AZSECRETKEY", "MISTRALSECRET", "CLIENTSECRET", "OIDCSECRETTOKEN", "SESSIONSECRET", "UPLOADSECRET", "AKIASECRET",
    "bearer CS", "eyJ0eXAiOiAiSldUIi", "h.e.y",
)  # fmt: skip
MARK = "CANARY-4f9d1c7e82b0"


def forms(secret: str) -> Iterator[bytes]:
    """The encodings in which a secret may hide, computed without the code under test."""
    raw = secret.encode()
    yield raw
    yield raw.lower()
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield quote(secret, safe="").encode()
    yield json.dumps(secret)[1:-1].encode()
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + raw)
        yield encoded[4:-4] if len(encoded) > 16 else encoded
        yield base64.urlsafe_b64encode(b"x" * before + raw)[4:-4] or encoded


def stored(request: WireRequest) -> bytes:
    """All bytes that an identity would put on disk or in a listing."""
    identity = identify(request, IdentityRules())
    return identity.request_json + json.dumps(identity.label).encode() + identity.key.encode()


@pytest.mark.parametrize("name", SAMPLES)
def test_no_canary_of_a_real_request(name: str, load_sample: Callable[[str], WireRequest]) -> None:
    """Real requests keep none of their credentials, long or short, plain or encoded, nor anything tainted."""
    request = load_sample(name)
    found = stored(request)
    for canary in CANARIES:
        assert canary.encode() not in found, canary
        if len(canary) >= 12:
            assert not [form for form in forms(canary) if form in found]
    assert not shapes.find(found)
    taint = Taint()
    taint.learn(request)
    assert taint.found_in(found) is None


def test_the_samples_do_carry_canaries(load_sample: Callable[[str], WireRequest]) -> None:
    """Most samples carry a canary in their bytes, so that the test above can fail."""
    carrying = [
        name for name in SAMPLES if (request := load_sample(name)) and any(
            canary.encode() in repr((request.target, request.headers, request.body)).encode() for canary in CANARIES
        )
    ]  # fmt: skip
    assert len(carrying) > 110


PLACES = {
    **{
        f"header {name}": {"headers": {name: MARK}}
        for name in (
            "authorization", "Proxy-Authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token", "cookie",
            "x-unheard-of", "x-vendor-token", "openai-organization", "helicone-auth", "user-agent", "x-stainless-os",
        )
    },
    "basic": {"headers": {"authorization": "Basic " + base64.b64encode(f"user:{MARK}".encode()).decode()}},
    **{
        f"query {name}": {"target": f"/v1/x?{name}={MARK}&alt=sse"}
        for name in ("key", "api_key", "access_token", "sig", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
                     "token", "x-vendor-secret", "upload_id", "code")
    },
    "query, encoded name": {"target": f"/v1/x?%6bey={MARK}"},
    "userinfo of the target": {"target": f"https://user:{MARK}@api.openai.com/v1/x"},
    "userinfo of the host": {"host": f"user:{MARK}@api.openai.com"},
    **{
        f"member {name}": {"body": {"model": "m", name: MARK}}
        for name in ("client_secret", "clientSecret", "api_key", "apiKey", "password", "refresh_token", "assertion", "access_token")
    },
    "nested member": {"body": {"a": [{"b": {"client_secret": MARK}}]}},
    "escaped member": {"body": json.dumps({"client_secret": MARK}).replace("client", "\\u0063lient").encode()},
    "mcp authorization": {"body": {"tools": [{"type": "mcp", "authorization": MARK, "headers": {"X-Team": MARK}}]}},
    "mcp server": {"body": {"mcp_servers": [{"authorization_token": MARK}]}},
    "not quite json": {"body": f'{{"client_secret":"{MARK}","a":1,"a":2}}'.encode()},
    "cut json": {"body": f'{{"client_secret": "{MARK}", "a'.encode()},
    "json lines": {"body": f'{{}}\n{{"api_key":"{MARK}"}}'.encode(), "headers": {"content-type": "application/jsonl"}},
    "binary": {"body": f'\ud800{{"api_key":"{MARK}"}}'.encode("utf-8", "surrogatepass")},
    "form": {"body": f"a=b&client_secret={MARK}".encode(), "headers": {"content-type": "application/x-www-form-urlencoded"}},
    "multipart": {
        "body": f'--B\r\nContent-Disposition: form-data; name="api_key"\r\n\r\n{MARK}\r\n--B--\r\n'.encode(),
        "headers": {"content-type": "multipart/form-data; boundary=B"},
    },
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_no_canary_of_any_place(place: dict[str, object], make: Callable[..., WireRequest]) -> None:
    """A credential in any place that can hold one is not in what would be saved, in any encoding."""
    found = stored(make(**place))
    assert not [form for form in forms(MARK) if form in found]


SHAPED = {
    "sk": "sk-proj-" + "aB3_" * 12,
    "ant": "sk-ant-api03-" + "aB3_" * 23 + "AA",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "google": "AIza" + "aB3_-" * 7,
    "pem": "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA75\n" * 9 + "-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("secret", SHAPED.values(), ids=SHAPED)
@pytest.mark.parametrize(
    "where",
    [
        lambda secret: {"body": {"messages": [{"content": f"use\n{secret} please"}]}},
        lambda secret: {"body": {secret: 1}},
        lambda secret: {"body": {"properties": {secret: {}}}},
        lambda secret: {"body": f"text {secret}".encode(), "headers": {"content-type": "text/plain"}},
        lambda secret: {"body": b"\xff " + secret.encode(), "headers": {"content-type": "audio/wav"}},
        lambda secret: {"body": f"a={quote(secret)}".encode(), "headers": {"content-type": "application/x-www-form-urlencoded"}},
        lambda secret: {"target": f"/v1/{quote(secret)}?a={quote(secret)}"},
        lambda secret: {"headers": {"anthropic-beta": secret.replace("\n", " ")}},
        lambda secret: {"body": json.dumps({"a": secret}).replace("-", "\\u002d").replace("A", "\\u0041").encode()},
        lambda secret: {
            "body": f'--B\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n{secret}\r\n--B--\r\n'.encode(),
            "headers": {"content-type": "multipart/form-data; boundary=B"},
        },
    ],
    ids=["text", "name", "property", "plain", "binary", "form", "url", "header", "escaped", "part"],
)  # fmt: skip
def test_shapes_are_redacted_everywhere(
    secret: str, where: Callable[[str], dict[str, object]], make: Callable[..., WireRequest]
) -> None:
    """Text with the shape of a secret is not saved, wherever it stands and however it is spelled."""
    found = stored(make(**where(secret)))
    core = secret.split("\n")[1] if "\n" in secret else secret
    assert not [form for form in forms(core) if form in found]
