"""No credential reaches a byte of the cache, a log, a report or a message, whatever client sent it and wherever."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import requests

from cache_store.disk.disk_store import DiskStore
from cache_store.transfer.pack import read_pack
from tests.e2e.browser import page_url
from tests.e2e.clients import session
from tests.e2e.command import provider_proxy
from tests.e2e.conftest import Proxy
from tests.e2e.test_sdks import environment_of
from tests.e2e.upstream import Exchange, Upstream, answer_for, chat_events

Start = Callable[..., Proxy]


def canary(place: str) -> str:
    """A credential that says where it was sent; long enough to be one, in no known shape."""
    return f"canary/{place}+{place[::-1]}=0123456789"


def encodings(secret: str) -> set[bytes]:
    """How a secret may be written: as it is, URL-encoded, in JSON, in hex, in base64 at each alignment."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), json.dumps(secret)[1:-1].encode(), raw.hex().encode()}
    found.add(secret.replace("/", "\\/").encode())
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            middle = encode(b"\0" * before + raw)[4 if before else 0 : -4]
            found.add(middle)
    return found


def bytes_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, and every value of every table, decoded."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        yield str(path), path.read_bytes()
        if path.name == "cache.db":
            with sqlite3.connect(path) as connection:
                for row in connection.execute("SELECT * FROM Cache"):
                    for value in row:
                        yield f"{path} row", value if isinstance(value, bytes) else str(value).encode()
            connection.close()
        if path.suffix == ".ppack":
            yield from ((f"{path} entry", entry.encode()) for entry in read_pack(path))


def leaks(places: set[str], texts: Iterator[tuple[str, bytes]]) -> list[str]:
    """Which canaries occur where."""
    needles = [(place, form) for place in places for form in encodings(canary(place))]
    return [f"{place} in {where}" for where, text in texts for place, form in needles if form in text]


def echo(exchange: Exchange) -> None:
    """A provider that echoes credentials in every kind of answer."""
    sent = json.dumps(list(exchange.headers.items())) + exchange.path + exchange.body.decode("latin-1")
    if "echo-json" in exchange.path:
        exchange.json({"object": "x", "you_sent": sent})
    elif "echo-base64" in exchange.path:
        exchange.json({"object": "x", "you_sent": base64.b64encode(sent.encode()).decode()})
    elif "echo-header" in exchange.path:
        exchange.json(
            {"ok": 1}, x_debug=exchange.headers.get("authorization", ""), set_cookie="sid=abcdef0123456789"
        )
    elif "echo-error" in exchange.path:
        exchange.json({"error": {"message": f"Incorrect API key provided: {sent}", "type": "x"}}, 401)
    elif "echo-redirect" in exchange.path:
        exchange.answer(
            b"", 302, location=f"https://api.openai.com/x?key={exchange.headers.get('authorization')}"
        )
    elif "echo-stream" in exchange.path:
        sent = exchange.headers.get("authorization", "")
        exchange.stream(chat_events([sent[at : at + 4] for at in range(0, len(sent), 4)]))
    else:
        exchange.json(answer_for(exchange.path.partition("?")[0], "ok"))


RAW_PLACES = {
    "bearer", "x-api-key", "api-key", "x-goog-api-key", "cookie", "gateway", "key", "access_token", "sig",
    "client_secret", "password", "form-secret", "multipart-secret", "basic-password", "unknown-header",
    "prompt", "proxy",
}  # fmt: skip


def send_everything(proxy: Proxy) -> None:
    """Credentials in every place that can hold one, sent by requests."""
    url = "https://api.openai.com/v1"
    with session(proxy) as client:
        for path in (
            "/plain",
            "/echo-json",
            "/echo-base64",
            "/echo-header",
            "/echo-error",
            "/echo-redirect",
            "/echo-stream",
        ):
            headers = {"authorization": f"Bearer {canary('bearer')}", "x-api-key": canary("x-api-key"),
                       "api-key": canary("api-key"), "x-goog-api-key": canary("x-goog-api-key"),
                       "proxy-authorization": f"Bearer {canary('proxy')}",
                       "cookie": f"sid={canary('cookie')}", "x-gateway-authorization": canary("gateway"),
                       "x-my-routing-header": canary("unknown-header")}  # fmt: skip
            query = {name: canary(name) for name in ("key", "access_token", "sig")} | {"alt": "json"}
            body = {
                "model": "m",
                "client_secret": canary("client_secret"),
                "nested": {"password": canary("password")},
            }
            client.post(
                url + path, params=query, json=body, headers=headers, allow_redirects=False, timeout=120
            )
        # Where no credential belongs, so that nothing is known by its place: in what a miss would show.
        auth = {"authorization": f"Bearer {canary('prompt')}"}
        for text in ("nothing", f"this: {canary('prompt')}"):
            client.post(
                url + "/chat", json={"model": "m", "text": f"My key is {text}"}, headers=auth, timeout=120
            )
        client.post(f"{url}/{canary('prompt')}", json={"model": "m"}, headers=auth, timeout=120)
        client.post(url + "/form", data={"client_secret": canary("form-secret"), "a": "b"}, timeout=120)
        client.post(
            url + "/multipart", data={"api_key": canary("multipart-secret")}, files={"f": b"x"}, timeout=120
        )
        client.get(url + "/basic", auth=("user", canary("basic-password")), timeout=120)


def quietly(call: Callable[[], object]) -> str:
    """What a call that need not succeed raised."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - each SDK has its own
        return f"{type(error).__name__}: {error}"
    return ""


def send_by_sdks() -> list[str]:
    """Credentials where real SDKs put them; what went wrong."""
    import anthropic
    import boto3
    import cohere
    import openai
    from google import genai
    from mistralai.client import Mistral

    ask: Any = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    with openai.OpenAI(api_key=canary("sdk-openai"), organization="org-1", max_retries=0) as client:
        said = [
            quietly(lambda: client.chat.completions.create(**ask)),
            quietly(lambda: client.embeddings.create(model="m", input="x")),
            quietly(lambda: client.files.create(file=("a.txt", b"abc"), purpose="assistants")),
        ]
    with anthropic.Anthropic(api_key=canary("sdk-anthropic"), max_retries=0) as other:
        said.append(quietly(lambda: other.messages.create(**ask, max_tokens=1)))
    with openai.AzureOpenAI(
        api_key=canary("sdk-azure"),
        azure_endpoint="https://my.openai.azure.com",
        api_version="1",
        max_retries=0,
    ) as azure:
        said.append(quietly(lambda: azure.chat.completions.create(**ask)))
    with genai.Client(api_key=canary("sdk-gemini")) as gemini:
        said.append(quietly(lambda: gemini.models.generate_content(model="m", contents="x")))
    with Mistral(api_key=canary("sdk-mistral")) as mistral:
        said.append(quietly(lambda: mistral.chat.complete(**ask)))
    with httpx.Client() as kept:  # cohere closes none
        client_v2 = cohere.ClientV2(api_key=canary("sdk-cohere"), httpx_client=kept)
        said.append(quietly(lambda: client_v2.chat(**ask)))
    bedrock = boto3.client("bedrock-runtime", region_name="us-east-1")
    talk = [{"role": "user", "content": [{"text": "x"}]}]
    said.append(quietly(lambda: bedrock.converse(modelId="m", messages=talk)))
    bedrock.close()
    return said


def shown_on_the_page(proxy: Proxy) -> list[str]:
    """All data that the page can show: of the run, of each entry and of each miss."""
    with session(proxy) as client:
        client.proxies = {}
        client.headers["x-provider-proxy-page"] = page_url(proxy).rpartition("=")[2]

        def get(path: str) -> requests.Response:
            return client.get(f"{proxy.url}/-/page/{path}", timeout=120)

        run, entries = get("run"), get("entries")
        keys = [row["key"] for row in entries.json()["rows"]]
        missed = [miss["key"] for miss in run.json()["run"]["misses"]]
        found = [get(f"entry/{key}") for key in keys] + [get(f"miss/{key}") for key in missed]
        return [answer.text for answer in [run, entries, *found, get("events?after=0")]]


SDK_PLACES = {
    "sdk-openai", "sdk-anthropic", "sdk-azure", "sdk-gemini", "sdk-mistral", "sdk-cohere", "sdk-aws-secret", "sdk-aws-token",
}  # fmt: skip


@pytest.mark.parametrize("mode", ["read-write", "read-old-write-new"])
@pytest.mark.parametrize("store_errors", ["", "400,401,404"])
def test_no_canary_survives(
    mode: str, store_errors: str, start_proxy: Start, start_upstream: Callable[..., Upstream], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """After a run over every client and place, no form of any credential is in the cache, the log or the report."""
    upstream = start_upstream(echo)
    proxy = start_proxy(upstream, mode, store_errors=store_errors, allow_secrets_in_responses="true")
    page = f"{proxy.url}/-/tests/canary"
    with session(proxy) as client:
        client.proxies = {}
        assert client.put(page, json={"test": "x"}, timeout=120).ok
    send_everything(replace(proxy, url=proxy.url.replace("//", "//canary:x@")))
    send_everything(proxy)
    by_hand = upstream.count
    monkeypatch.setenv("AWS_CA_BUNDLE", proxy.client_environ()["AWS_CA_BUNDLE"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA0123456789ABCDEF")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", canary("sdk-aws-secret"))
    monkeypatch.setenv("AWS_SESSION_TOKEN", canary("sdk-aws-token"))
    with environment_of(proxy, monkeypatch):
        said = send_by_sdks()
    assert by_hand > 15
    assert upstream.count == by_hand + len(said), said
    with session(proxy) as client:
        client.proxies = {}
        sent = client.get(f"{page}/requests", timeout=120)
    shown_there = shown_on_the_page(proxy)
    assert len(shown_there) > 5
    report = proxy.stop()
    places = RAW_PLACES | SDK_PLACES
    assert len(sent.json()["requests"]) > 10
    assert leaks(places, iter([("requests of a test", sent.content)])) == []
    assert leaks(places, iter([("the page", "".join(shown_there).encode())])) == []
    for export in ("exported.ppack", "exported"):
        provider_proxy("export", export, environ=proxy.environ, folder=tmp_path)
        assert (tmp_path / export).exists()
    assert leaks(places, bytes_below(tmp_path)) == []
    assert leaks(places, iter([("report", report.encode())])) == []
    assert "secret" in report
    listed = provider_proxy("ls", "--json", environ=proxy.environ, folder=tmp_path).stdout
    entries = json.loads(listed)
    assert len(entries) > 5
    shown = [
        provider_proxy("show", "--json", entry["key"], environ=proxy.environ, folder=tmp_path).stdout
        for entry in entries
    ]
    assert leaks(places, iter([("listing", (listed + "".join(shown)).encode())])) == []


def test_no_canary_in_our_own_messages(start_proxy: Start, tmp_path: Path) -> None:
    """Misses, refusals and pages for a provider out of reach hold no credential, nor does what the proxy prints."""
    for mode in ("read-only-require-hit", "read-write"):
        proxy = start_proxy(None, mode, hosts="unreachable.invalid")
        with session(proxy) as client:
            answer = client.post(
                f"https://unreachable.invalid/v1/{canary('bearer')}?key={quote(canary('key'))}",
                json={"password": canary("password"), "text": f"My key is {canary('bearer')}"},
                headers={"authorization": f"Bearer {canary('bearer')}"},
                timeout=120,
            )
        assert answer.status_code == 502
        printed = answer.text + str(answer.headers) + proxy.stop()
        assert leaks(RAW_PLACES, iter([("message", printed.encode())])) == []
    assert leaks(RAW_PLACES, bytes_below(tmp_path)) == []


def fields(secret: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Path and body of requests in which a provider's API has a field for a credential."""
    auth = {"type": "api_key", "key": secret}
    return {
        "azure-key": ("/openai/deployments/d/chat/completions", {"data_sources": [{"parameters": {"authentication": auth}}]}),
        "azure-connection": ("/openai/deployments/d/chat/completions", {"data_sources": [{"parameters": {"connection_string": secret}}]}),
        "cohere-connector": ("/v1/connectors", {"name": "n", "service_auth": {"type": "bearer", "token": secret}}),
        "together-wandb": ("/v1/fine-tunes", {"model": "m", "wandb_api_key": secret}),
        "openai-mcp-url": ("/v1/responses", {"tools": [{"type": "mcp", "server_url": f"https://s/mcp?api_key={quote(secret, safe='')}"}]}),
        "openai-mcp-header": ("/v1/responses", {"tools": [{"type": "mcp", "headers": {"Authorization": f"Bearer {secret}"}}]}),
        "anthropic-mcp-url": ("/v1/messages", {"mcp_servers": [{"url": f"https://user:{quote(secret, safe='')}@h/mcp"}]}),
        "vertex-api-auth": ("/v1/x:generateContent", {"tools": [{"apiAuth": {"apiKeyConfig": {"apiKeyString": secret}}}]}),
        "openai-domain-secret": ("/v1/containers", {"network_policy": {"domain_secrets": [{"name": "n", "value": secret}]}}),
        "signed-image": ("/v1/responses", {"image_url": {"url": f"https://b/i.png?X-Amz-Signature={quote(secret, safe='')}"}}),
        "bot-path": (f"/bot123456:{quote(secret, safe='')}/sendMessage", {"text": "x"}),
    }  # fmt: skip


def test_credentials_in_fields_of_the_apis(
    start_proxy: Start, start_upstream: Callable[..., Upstream], tmp_path: Path
) -> None:
    """They are stored as hashes, so that two are two requests; a miss tells neither; an echo is not stored; scan agrees."""
    places = set(fields(""))

    def send(proxy: Proxy, secret: Callable[[str], str], path_prefix: str = "") -> str:
        with session(proxy) as client:
            answers = []
            for place in sorted(places):
                path, body = fields(secret(place))[place]
                url = f"https://api.openai.com{path_prefix}{path}"
                answers.append(client.post(url, json=body | {"model": "m"}, timeout=120))
            stats = client.get(f"{proxy.url}/-/stats", proxies={"http": "", "https": ""}, timeout=120)
        return "".join(answer.text + str(answer.headers) for answer in [*answers, stats])

    upstream = start_upstream(echo)
    proxy = start_proxy(upstream, "read-write")
    send(proxy, canary)
    send(proxy, canary, "/echo-json")
    assert upstream.count == 2 * len(places)
    printed = proxy.stop()
    stored = json.loads(provider_proxy("ls", "--json", environ=proxy.environ, folder=tmp_path).stdout)
    assert len(stored) == len(places)
    proxy = start_proxy(None, "read-only-require-hit")
    hits = send(proxy, canary)
    assert hits.count("'x-provider-proxy-cache': 'true'") == len(places)
    misses = send(proxy, lambda place: canary(place).replace("0123456789", "9876543210"))
    assert misses.count("provider_proxy_cache_miss") >= len(places)
    printed += misses + proxy.stop()
    for command in (("report", "--format", "html"), ("report", "--json"), ("export", "exported"), ("scan",)):
        done = provider_proxy(*command, environ=proxy.environ, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        printed += done.stdout + done.stderr
    assert leaks(places, iter([("printed", printed.encode())])) == []
    assert leaks(places, bytes_below(tmp_path)) == []
    assert "9876543210" not in printed
    assert not any(b"9876543210" in text for _, text in bytes_below(tmp_path))


def nonsense(exchange: Exchange) -> None:
    """A provider that answers with what is no answer, and has the credential in it."""
    sent = exchange.headers.get("authorization", "").encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
    exchange.wfile.write({
        "/status": b"HTTQ " + sent + b"\r\n\r\n",
        "/header": head + b"x echo " + sent + b"\r\n\r\n{}",
        "/length": head + b"content-length: " + sent + b"\r\n\r\n{}",
        "/cut": head + b"x-echo: " + sent + b"\r\n",
    }[exchange.path])  # fmt: skip
    exchange.close_connection = True


def test_what_is_no_answer_is_not_repeated(
    start_proxy: Start, start_upstream: Callable[..., Upstream], tmp_path: Path
) -> None:
    """Of a provider that breaks HTTP with a credential in it our page says what is wrong, and so does the log."""
    proxy = start_proxy(start_upstream(nonsense), "read-write")
    headers = {"authorization": f"Bearer {canary('bearer')}"}
    printed = ""
    with session(proxy) as client:
        for path in ("/status", "/header", "/length", "/cut"):
            answer = client.get(f"https://api.openai.com{path}", headers=headers, timeout=120)
            assert (answer.status_code, "did not answer" in answer.text) == (502, True)
            printed += answer.text + str(answer.headers)
    printed += proxy.stop()
    assert leaks(RAW_PLACES, iter([("message", printed.encode())])) == []
    assert leaks(RAW_PLACES, bytes_below(tmp_path)) == []


def test_an_unsaved_request_changes_no_key(start_proxy: Start, upstream: Upstream, tmp_path: Path) -> None:
    """With SAVE_REQUEST=false nothing of the request but its label is kept, and the entry is still a hit."""
    proxy = start_proxy(upstream, "read-write", save_request="false")
    with session(proxy) as client:
        client.post("https://api.openai.com/v1/x", json={"prompt": "PROMPT-IN-CLEAR"}, timeout=120)
    proxy.stop()
    assert not any(b"PROMPT-IN-CLEAR" in text for _, text in bytes_below(tmp_path))
    with session(start_proxy(None, "read-only-require-hit")) as client:
        assert (
            client.post(
                "https://api.openai.com/v1/x", json={"prompt": "PROMPT-IN-CLEAR"}, timeout=120
            ).status_code
            == 200
        )


def test_the_cache_is_the_owners_alone(start_proxy: Start, upstream: Upstream, tmp_path: Path) -> None:
    """The cache directory is 0700, and the CA's key is not below the folder that CI uploads."""
    start_proxy(upstream, "read-write").stop()
    cache = tmp_path / ".provider-proxy" / "cache"
    assert cache.stat().st_mode & 0o777 == 0o700
    assert not any(b"PRIVATE KEY" in text for _, text in bytes_below(tmp_path))
    store = DiskStore(cache)
    assert store.stats().entries == 0
    store.close()


@pytest.mark.parametrize(("path", "answer"), [
    ("/v1/oauth/token", {"token_type": "x"}),
    ("/v1/anything", {"access_token": "abcdefgh", "expires_in": 3600}),
    ("/v1/keys", {"SecretAccessKey": "abcdefgh"}),
    ("/v1/realtime/sessions", {"client_secret": {"value": "ek_1"}}),
])  # fmt: skip
def test_answers_that_hand_out_credentials_are_never_stored(
    path: str, answer: dict[str, object], start_proxy: Start, start_upstream: Callable[..., Upstream]
) -> None:
    """Token endpoints, and JSON with a credential's member name, go to the provider every time."""
    upstream = start_upstream(lambda e: e.json(answer))
    proxy = start_proxy(upstream, "read-write")
    with session(proxy) as client:
        for _ in range(2):
            assert client.post(f"https://api.openai.com{path}", json={}, timeout=120).json() == answer
    assert upstream.count == 2


def test_never_cached_requests_are_refused_in_require_hit(start_proxy: Start) -> None:
    """In require-hit an endpoint that is never cached is refused, which is counted apart from misses; a WebSocket that
    is not to be recorded gets a 426, and we answer for a metadata server that has nothing but credentials."""
    proxy = start_proxy(None, "read-only-require-hit", hosts="+http://169.254.169.254", websocket="pass")
    with session(proxy) as client:
        metadata = client.get("http://169.254.169.254/latest/meta-data/", timeout=120)
        refused = client.post("https://api.openai.com/v1/oauth/token", json={}, timeout=120)
        upgrade = client.get(
            "https://api.openai.com/v1/responses", timeout=120,
            headers={"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
                     "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="},
        )  # fmt: skip
        stats = client.get(f"{proxy.url}/-/stats", proxies={"http": "", "https": ""}, timeout=120).json()
    assert (refused.status_code, metadata.status_code, upgrade.status_code) == (502, 404, 426)
    assert metadata.headers["cache-status"].endswith("detail=offline")
    assert (stats["total"]["refused"], stats["total"]["misses"]) == (2, 0)
