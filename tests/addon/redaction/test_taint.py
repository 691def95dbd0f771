"""Credentials that were seen are known wherever they turn up."""

from __future__ import annotations

import base64
import gzip
import html
import json
import pickle
from typing import Any
from urllib.parse import quote

import pytest

from addon.messages import WireRequest
from addon.redaction import Taint
from addon.redaction.credentials_seen import Credential

SECRET = "made-up/SECRET+credential=42"


def request(
    *headers: tuple[str, str], body: bytes = b"", target: str = "/v1/x", host: str = "api.openai.com"
) -> WireRequest:
    """A request with these headers."""
    wire = tuple((name.encode(), value.encode("latin-1")) for name, value in headers)
    return WireRequest("POST", "https", host, 443, target, wire, body)


def tainted(*requests: WireRequest) -> Taint:
    """A taint that has seen these requests."""
    taint = Taint()
    for one in requests:
        taint.learn(one)
    return taint


def basic(pair: str) -> str:
    """Basic credentials."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


JSON = ("content-type", "application/json")
FORM = ("content-type", "application/x-www-form-urlencoded")
PLACES: dict[str, WireRequest] = {
    **{
        name: request((name, SECRET))
        for name in ("X-Api-Key", "api-key", "x-goog-api-key", "x-amz-security-token", "x-unheard-of-token", "x-secret", "Vendor-Auth",
                     "ocp-apim-subscription-key", "helicone-auth", "my-password")
    },
    "parameter of a scheme": request(("Authorization", f'Token token="{SECRET}"')),
    "parameter without quotes": request(("Authorization", f"Token token={SECRET}")),
    "quoted cookie": request(("cookie", f'session="{SECRET}"')),
    "query after a semicolon": request(target=f"/v1/x?a=1;api_key={quote(SECRET, safe='')}"),
    "token of a bot": request(target=f"/bot123456:{quote(SECRET, safe='')}/sendMessage"),
    "MCP server's header": request(JSON, body=json.dumps({"tools": [{"headers": {"Authorization": f"Bearer {SECRET}"}}]}).encode()),
    "MCP server's URL": request(JSON, body=json.dumps({"tools": [{"server_url": f"https://h?api_key={quote(SECRET, safe='')}"}]}).encode()),
    "described": request(JSON, body=json.dumps({"service_auth": {"token": SECRET}}).encode()),
    "json under a form's type": request(FORM, body=json.dumps({"api_key": SECRET}).encode()),
    "form under JSON's type": request(JSON, body=f"a=1&client_secret={quote(SECRET, safe='')}".encode()),
    "duplicate names": request(JSON, body=f'{{"api_key":"{SECRET}","api_key":"x"}}'.encode()),
    "two encodings": request(JSON, ("content-encoding", "gzip"), ("content-encoding", "identity"),
                             body=gzip.compress(json.dumps({"api_key": SECRET}).encode())),
    "bearer": request(("Authorization", f"Bearer {SECRET}")),
    "no scheme": request(("authorization", SECRET)),
    "proxy": request(("Proxy-Authorization", f"Token {SECRET}")),
    "basic password": request(("authorization", basic(f"user:{SECRET}"))),
    "basic user": request(("authorization", basic(f"{SECRET}:"))),
    "proxy password": request(("proxy-authorization", basic(f"user:{SECRET}"))),
    "cookie": request(("cookie", f"a=b; __session={SECRET}; c=d")),
    "query": request(target=f"/v1/x?alt=sse&key={quote(SECRET, safe='')}"),
    "query signature": request(target=f"/v1/x?X-Amz-Signature={quote(SECRET)}"),
    "query, encoded name": request(target=f"/v1/x?%6bey={quote(SECRET)}"),
    "userinfo": request(target=f"https://user:{quote(SECRET, safe='')}@h/v1"),
    "userinfo in the host": request(host=f"user:{quote(SECRET, safe='')}@h"),
    "json": request(JSON, body=json.dumps({"a": [{"client_secret": SECRET}]}).encode()),
    "json without a type": request(body=json.dumps({"refreshToken": SECRET}).encode()),
    "escaped json": request(JSON, body=json.dumps({"password": SECRET}).replace("pass", "p\\u0061ss").encode()),
    "json lines": request(body=b'{}\n{"api_key" : "%s"}' % SECRET.encode()),
    "gzip": request(JSON, ("content-encoding", "gzip"), body=gzip.compress(json.dumps({"api_key": SECRET}).encode())),
    "form": request(FORM, body=f"a=b&client_secret={quote(SECRET, safe='')}".encode()),
    "assertion": request(FORM, body=f"assertion={quote(SECRET, safe='')}&grant_type=x".encode()),
    "JSON in a header": request(("x-portkey-config", json.dumps({"provider": "openai", "api_key": SECRET}))),
    "URL in a header": request(("x-target-url", f"https://u:{quote(SECRET, safe='')}@h/")),
    "referer": request(("referer", f"https://h/x?token={quote(SECRET, safe='')}")),
    "subprotocol": request(("sec-websocket-protocol", f"realtime, openai-insecure-api-key.{SECRET}, openai-beta.realtime-v1")),
    "next subprotocol": request(("sec-websocket-protocol", f"token, {SECRET}")),
    "URL in a query": request(target="/v1/x?u=" + quote(f"https://h/x?a=1&api_key={quote(SECRET, safe='')}", safe="")),
    "quoted bearer": request(("authorization", f'Bearer "{SECRET}"')),
    "two bearers": request(("authorization", f"Bearer a, Bearer {SECRET}")),
    **{f"query {name}": request(target=f"/v1/x?{name}={quote(SECRET, safe='')}") for name in ("pass", "sk", "AK")},
    "multipart": request(("content-type", "multipart/form-data; boundary=B"),
                         body=f'--B\r\nContent-Disposition: form-data; name="api_key"\r\n\r\n{SECRET}\r\n--B--\r\n'.encode()),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_learned_from_every_place(place: WireRequest) -> None:
    """A credential is learned wherever it stands, and found in every encoding."""
    taint = tainted(place)
    raw = SECRET.encode()
    for blob in (raw, b"x" + raw + b"y", base64.b64encode(b"ab" + raw), base64.urlsafe_b64encode(raw), quote(SECRET, safe="").encode(),
                 json.dumps({"a": SECRET}).encode(), raw.hex().encode()):  # fmt: skip
        assert taint.found_in(b"clean", blob + b" " * 20) is not None, blob
    assert taint.found_in(b"clean", raw[1:], raw[:-1]) is None


def test_the_kind_is_told_and_never_the_value() -> None:
    """A finding has the kind of its header, and nothing shows or pickles the value."""
    taint = tainted(PLACES["bearer"])
    assert taint.found_in(SECRET.encode()) == "authorization"
    assert repr(taint) == str(taint) == "<Taint: 1 credentials>"
    with pytest.raises(TypeError):
        pickle.dumps(taint)
    assert not hasattr(taint, "__dict__")


NOT_TAINTED: list[tuple[WireRequest, bytes]] = [
    (request(("authorization", "Bearer test")), b"a test of ollama"),
    (request(("authorization", "Bearer elevenchars")), b"elevenchars"),
    (request(("x-api-key", "EMPTY")), b"EMPTY"),
    (request(("user-agent", "OpenAI/Python 3.52.0")), b"OpenAI/Python 3.52.0"),
    (request(("idempotency-key", "550e8400-e29b-41d4")), b"550e8400-e29b-41d4"),
    (request(("x-route", "the fast one please")), b"the fast one please"),
    (request(target="/x?pageToken=abcdefghijklmnop"), b"abcdefghijklmnop"),
    (request(target="/x?X-Amz-Algorithm=AWS4-HMAC-SHA256"), b"AWS4-HMAC-SHA256"),
    (
        request(JSON, body=b'{"max_tokens":"twelve or more","prompt":"my password is"}'),
        b"twelve or more my password is",
    ),
]


@pytest.mark.parametrize(("seen", "blob"), NOT_TAINTED)
def test_what_is_no_credential(seen: WireRequest, blob: bytes) -> None:
    """Short values, ids, page tokens and ordinary text taint nothing."""
    assert tainted(seen).found_in(blob) is None


def test_an_unknown_header_that_holds_a_shape() -> None:
    """A header of any name that holds what looks like a secret taints that."""
    taint = tainted(request(("x-route", "to sk-proj-" + "aB3_" * 12)))
    assert taint.found_in(b"sk-proj-" + b"aB3_" * 12) == "sk-key"


def test_the_same_value_under_another_name() -> None:
    """A value that was first seen where it meant nothing is still learned where it does."""
    taint = tainted(request(("x-route", SECRET)), PLACES["bearer"], request(("x-api-key", SECRET)))
    assert taint.found_in(SECRET.encode()) is not None


def test_the_proxys_own_password() -> None:
    """The password is known without any request. An empty or a short one is not learned."""
    taint = Taint()
    for pair in ("", "user:short", f"user:{SECRET}"):
        taint.learn_proxy_auth(pair)
    assert taint.found_in(f"with {SECRET} in it".encode()) == "proxy-authorization"
    assert taint.found_in(base64.b64encode(f"user:{SECRET}".encode())) == "proxy-authorization"
    assert taint.found_in(b"user short dXNlcjpzaG9ydA") is None


def test_sigv4() -> None:
    """The key id and the session token of a SigV4 request are learned. Its signature is valid once only."""
    value = f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE0123/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature={'ab' * 32}"
    taint = tainted(request(("Authorization", value), ("X-Amz-Security-Token", SECRET)))
    assert taint.found_in(b"AKIDEXAMPLE0123") is not None
    assert taint.found_in(SECRET.encode()) is not None
    assert taint.found_in(b"ab" * 32, b"AWS4-HMAC-SHA256", b"us-east-1/bedrock/aws4_request") is None


def test_the_latest_are_kept() -> None:
    """256 credentials are known, and one in use is refreshed by every request."""
    taint = tainted(PLACES["bearer"])
    for at in range(400):
        taint.learn(request(("x-api-key", f"another-credential-{at:05}")))
        if at % 50 == 0:
            taint.learn(PLACES["bearer"])
    assert repr(taint) == "<Taint: 256 credentials>"
    assert taint.found_in(SECRET.encode()) is not None
    assert taint.found_in(b"another-credential-00399") is not None
    assert taint.found_in(b"another-credential-00001") is None


def test_a_request_in_flight_keeps_its_credentials() -> None:
    """Its credentials are known until it ends, however many others come, and may be forgotten then."""
    mine = request(("authorization", f"Bearer {SECRET}"), JSON, body=b'{"api_key":"another-made-up-key-1"}')
    taint = tainted(mine)
    for at in range(600):
        taint.learn(request(("x-csrf-token", f"one-time-token-{at:05}")))
    assert taint.found_in(SECRET.encode()) == "authorization"
    assert taint.found_in(b"another-made-up-key-1") == "api-key"
    copy = Taint(most=len(taint.known()))
    copy.add(taint.known())
    assert copy.found_in(SECRET.encode()) is not None
    del mine
    for at in range(600, 900):
        taint.learn(request(("x-csrf-token", f"one-time-token-{at:05}")))
    assert taint.found_in(SECRET.encode(), b"another-made-up-key-1") is None
    assert repr(taint) == "<Taint: 256 credentials>"


def test_the_proxys_own_password_is_never_forgotten() -> None:
    """The password came with CONNECT, so no later request refreshes it."""
    taint = Taint()
    taint.learn_proxy_auth(f"user:{SECRET}")
    for at in range(600):
        taint.learn(request(("x-csrf-token", f"one-time-token-{at:05}")))
    assert taint.found_in(SECRET.encode()) is not None


ESCAPED = {
    "html": html.escape(SECRET + '"'),
    "json in json": json.dumps({"arguments": json.dumps({"k": SECRET + '"'})}),
    "url in url": quote(quote(SECRET, safe=""), safe=""),
    "utf-16": SECRET.encode("utf-16").decode("latin-1"),
    "wrapped base64": json.dumps(base64.encodebytes(b"{'auth': '" + SECRET.encode() * 4 + b"'}").decode()),
    "spaced hex": SECRET.encode().hex(" "),
    "escaped wholly": "".join(f"\\u{ord(character):04X}" for character in SECRET),
    "short": "pw:12345678",
}


@pytest.mark.parametrize("name", ESCAPED)
def test_echoes_under_other_escapes(name: str) -> None:
    """Echoes are found in HTML, under escapes within escapes, in UTF-16 and wrapped base64, from 8 bytes on."""
    taint = tainted(request(("authorization", f"Bearer {SECRET}")), request(("x-api-key", "pw:12345678")))
    for before in ("", "x" * 256 * 1024):
        assert taint.found_in(f"{before}: {ESCAPED[name]} .".encode("latin-1")) is not None


def test_what_is_remembered_is_bounded() -> None:
    """Thousands of other headers and bodies neither grow the memory nor evict a credential."""
    taint = tainted(PLACES["bearer"], PLACES["json"])
    for at in range(1200):
        taint.learn(request(("x-route", f"some-route-or-other-{at}"), body=b"%d" % at))
    assert taint._of_header.cache_info().currsize <= 1024
    assert len(taint._bodies) <= 1024
    taint.learn(PLACES["json"])
    assert repr(taint) == "<Taint: 1 credentials>"
    assert taint.found_in(SECRET.encode()) is not None


def test_long_tokens_that_begin_alike() -> None:
    """Two JWTs with the same header are told apart, and the header alone is neither."""
    head = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ" + "x" * 60
    taint = tainted(request(("authorization", f"Bearer {head}.one-signature-{'a' * 60}")))
    assert taint.found_in(f"{head}.one-signature-{'a' * 60}".encode()) == "authorization"
    assert taint.found_in(f"{head}.one-signature-{'b' * 60}".encode(), head.encode()) is None


def test_many_credentials_in_a_large_answer() -> None:
    """A megabyte is searched for 256 credentials."""
    taint = Taint()
    for at in range(256):
        taint.learn(request(("authorization", f"Bearer credential-number-{at:030}")))
    blob = bytes(range(256)) * 4096
    assert taint.found_in(blob) is None
    assert taint.found_in(blob + f"credential-number-{7:030}".encode() + blob) == "authorization"


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Basic !!!not-base64!!!")],
        [("cookie", ";;=;")],
        [("authorization", " " * 20)],
        [("content-encoding", "gzip")],
    ],
)
def test_nonsense_is_survived(headers: list[Any]) -> None:
    """Malformed credentials raise nothing."""
    taint = tainted(request(*headers, body=b'{"api_key":', target="/?key&key=&=x&%zz=1"))
    assert taint.found_in(b"clean") is None


def test_what_is_new_is_told() -> None:
    """A credential is returned once, and again if it is in use while so many come that others may have evicted it."""
    taint = Taint()
    mine = request(("authorization", f"Bearer {SECRET}"))
    assert [found.secret for found in taint.learn(mine)] == [SECRET.encode()]
    assert taint.learn(mine) == []
    elsewhere = tainted(mine)
    for n in range(1000):
        other = request(("authorization", f"Bearer another-made-up-one-{n}"))
        elsewhere.add(taint.learn(other))
        elsewhere.add(taint.learn(mine))
        assert elsewhere.found_in(SECRET.encode()) is not None, n
    assert len(taint.known()) == len(elsewhere.known()) == 256


def test_what_another_process_learned_is_found() -> None:
    """It is found in every form and not returned as new."""
    taint = Taint()
    taint.add(tainted(request(("authorization", f"Bearer {SECRET}"))).known())
    assert taint.found_in(base64.b64encode(SECRET.encode())) == "authorization"
    assert taint.learn(request(("authorization", f"Bearer {SECRET}"))) == []


def test_a_key_that_repeats_itself_is_forgotten_like_any_other() -> None:
    """A dummy key of zeros, evicted by those of later requests."""
    taint = Taint(most=2)
    for number in range(5):
        taint.learn(request(("x-api-key", f"sk-{number}-{'0' * 40}")))
    assert len(taint.known()) == 2


def test_a_request_with_thousands_of_credentials_keeps_everything_from_being_stored() -> None:
    """Not all of them are searched for, so nothing counts as free of them until the request is over."""
    members = {f"api_key_{number}": f"made-up-{number:05}-credential" for number in range(1500)}
    crowded = request(JSON, body=json.dumps(members).encode())
    taint = Taint()
    assert len(taint.learn(crowded)) == 1000
    assert taint.found_in(b"nothing at all") == "too-many"
    del crowded
    assert taint.found_in(b"nothing at all") is None


def test_all_credentials_of_another_process_are_remembered() -> None:
    """However many they are: a process that judges a big answer gets those of every request in flight."""
    taint = Taint(most=1500)
    credentials = [Credential("header", b"made-up-credential-%05d" % number) for number in range(1500)]
    taint.add(credentials)
    assert taint.found_in(b"- made-up-credential-01499 -") == "header"
