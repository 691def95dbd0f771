"""Any request has an identity."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addon.identity import IdentityRules, identify, key_of_saved
from addon.messages import WireRequest
from addon.policy.never_cached import refusal
from addon.redaction import Taint

SAMPLES = sorted(path.stem for path in (Path(__file__).parents[2] / "requests").glob("*.http"))
RULES = IdentityRules.parse("x-*", "a", "/*/a/*,/a", profile="agents")
ANY_TEXT = st.text(st.characters(), max_size=30)  # lone surrogates included
ANY_REQUEST = st.builds(
    WireRequest,
    method=ANY_TEXT,
    scheme=ANY_TEXT,
    host=ANY_TEXT,
    port=st.integers(0, 65535),
    target=ANY_TEXT,
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"content-type", b"Content-Encoding", b"accept", b"authorization", b"cookie"])
            | st.binary(max_size=12),
            st.sampled_from(
                [
                    b"application/json",
                    b"multipart/x; boundary=-",
                    b"gzip, br",
                    b"zstd",
                    b"Basic !!!",
                    b"form-urlencoded",
                ]
            )
            | st.binary(max_size=20),
        ),
        max_size=5,
    ).map(tuple),
    body=st.binary(max_size=80),
)


def survives(request: WireRequest) -> None:
    """Identify a request, and check that its key can be recomputed."""
    identity = identify(request, RULES)
    assert key_of_saved(identity.request_json, RULES) == identity.key
    refusal(request)
    taint = Taint()
    taint.learn(request)
    taint.found_in(identity.request_json)


@settings(max_examples=400)
@given(ANY_REQUEST)
def test_any_request(request: WireRequest) -> None:
    """No request raises."""
    survives(request)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_samples(seed: int, load_sample: Callable[[str], WireRequest]) -> None:
    """Real requests with bytes changed, cut, doubled and moved raise nothing."""
    chance = random.Random(seed)
    for name in chance.sample(SAMPLES, 12):
        request = load_sample(name)
        body = bytearray(request.body)
        for _ in range(chance.randint(1, 6)):
            at = chance.randint(0, len(body))
            body[at : at + chance.randint(0, 4)] = chance.choice(
                [
                    b"",
                    b"\xff",
                    b'"',
                    b"{",
                    b"]",
                    b"\\u",
                    b"\\",
                    b"\r\n",
                    b"1e9999999999",
                    b"--",
                    body[:10],
                    body,
                ]
            )
        headers = [(n, v if chance.random() < 0.8 else chance.randbytes(5)) for n, v in request.headers]
        target = request.target + chance.choice(["", "%", "%f", "?%zz&=&", "#\udcff"])
        survives(
            WireRequest(
                request.method,
                request.scheme,
                request.host,
                request.port,
                target,
                tuple(headers),
                bytes(body),
            )
        )


HOSTILE = {
    "open brackets": b"[" * 2_000_000,
    "open objects": b'{"a":' * 300_000,
    "quotes": b'["' + b'\\"' * 1_000_000,
    "jwt starts": b'"' + b"eyJ" * 600_000,
    "jwt segments": b'"' + b".eyJabcdefghij" * 150_000,
    "sk starts": b'"' + b" sk-" * 500_000,
    "pem starts": b'"' + b"-----BEGIN PRIVATE KEY-----" * 80_000,
    "named starts": b'"secret":"' * 200_000,
    "token starts": b'x="token":' * 200_000,
    "marks": b'["\x7f' + b"\x7f" * 1_000_000,
    "digits": b"[" + b"1" * 2_000_000,
    "escapes": b'"' + b"\\u0041" * 300_000,
    "redactions": b'"' + b"<redacted:" * 200_000 + b'"',
    "nested cache_control": b'{"messages":['
    + b'{"content":[{"cache_control":{"type":"x"},"content":[' * 20_000,
    "many names": b"{" + b",".join(b'"%d":1' % at for at in range(150_000)) + b"}",
    "parts": b"--B\r\n" * 300_000,
    "part headers": b'--B\r\nname="token"\r\n' + b'name="token"\r\n' * 120_000,
    "pairs": b"a=b&" * 400_000,
    "percents": b"%" * 1_500_000,
}


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "multipart/x; boundary=B"]
)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_take_bounded_time(name: str, content_type: str) -> None:
    """Two megabytes of anything are read in one pass; quadratic work would exceed the test's time limit."""
    headers = ((b"content-type", content_type.encode()), (b"authorization", b"Bearer sk-" + b"x" * 40))
    survives(WireRequest("POST", "https", "h", 443, "/", headers, HOSTILE[name]))


def test_hostile_heads_take_bounded_time() -> None:
    """Long targets, hosts and headers are read in one pass."""
    long = "%41=&?a/" * 10_000
    for host in ("h", "a." * 60_000, "ü" * 60_000, ":" * 100_000):
        survives(
            WireRequest(
                "POST", "https", host, 443, "/" + long, ((b"x-" + b"a" * 90_000, b"; " * 90_000),), b""
            )
        )
    header = b"a/b" + b'; a="' * 60_000
    survives(
        WireRequest("POST", "https", "h", 443, "http://" + "@" * 90_000, ((b"content-type", header),), b"x")
    )


def test_a_bomb_takes_bounded_memory() -> None:
    """A small body that decodes to a gigabyte never occupies a gigabyte."""
    bomb = gzip.compress(gzip.compress(bytes(256 * 1024 * 1024), 1), 1)
    tracemalloc.start()
    survives(WireRequest("POST", "https", "h", 443, "/", ((b"content-encoding", b"gzip, gzip"),), bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * 1024 * 1024
