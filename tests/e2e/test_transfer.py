"""Recordings that others made, replayed to real clients after one `import`; and what is exported, imported."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.e2e.clients import CHAT_URL, ask, cached, session
from tests.e2e.command import COMMAND
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events, default_script, message_answer

SECRET = "sk-proj-" + "Zx9" * 14


def _run(environ: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environ, cwd=folder, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip


@pytest.fixture
def command(environ: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in the test's folder."""
    return lambda *arguments, **more: _run(
        environ | {f"PROVIDER_PROXY_{name.upper()}": value for name, value in more.items()},
        tmp_path,
        *arguments,
    )


type Command = Callable[..., subprocess.CompletedProcess[str]]

BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}


def _chat_text(text: str = "from elsewhere") -> str:
    return json.dumps(chat_answer(text))


def _no_secret(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_tensorzero_cache_is_replayed(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """Their files serve a real client under our key, secrets left out; one without a request is refused by name."""
    theirs = tmp_path / "request_cache"
    theirs.mkdir()
    request = {
        "head": {
            "method": "POST", "uri": CHAT_URL, "version": "HTTP/1.1",
            "headers": {"authorization": "Bearer TENSORZERO_PROVIDER_PROXY_TOKEN", "x-api-key": SECRET,
                        "content-type": "application/json", "accept": "*/*", "host": "api.openai.com"},
        },
        "body": json.dumps(BODY),
    }  # fmt: skip
    response = {
        "head": {"status": 200, "headers": {"content-type": "application/json", "x-two": ["a", "b"]},
                 "version": "HTTP/1.1"},
        "body": _chat_text(),
    }  # fmt: skip
    stream = {
        "head": {"status": 200, "headers": {"content-type": "text/event-stream"}, "version": "HTTP/1.1"},
        "body": list(b"".join(chat_events(["a", "é"]))),
    }
    asks = json.loads(json.dumps(request))
    asks["body"] = json.dumps(BODY | {"stream": True})
    failed = json.loads(json.dumps(response))
    failed["head"]["status"] = 500
    name = "api.openai.com-"
    for number, lines in enumerate([(response, request), (stream, asks), (failed, request), (response,)]):
        text = "\n".join(json.dumps(line) for line in lines) + "\n"
        (theirs / f"{name}{number:064x}").write_text(text)
    done = command("import", str(theirs))
    assert done.returncode == 0, done.stderr
    assert f"{name}{3:064x}: it has no saved request" in done.stderr
    assert "imported 2 entries, 0 not newer; skipped: no-saved-request 1, status 1" in done.stderr
    proxy = start_proxy(upstream, mode="read-only-require-hit")
    answer = ask(proxy)
    assert (cached(answer), answer.text) == ("true", _chat_text())
    assert answer.headers["x-two"] == "a, b"
    with session(proxy) as client:
        streamed = client.post(
            CHAT_URL, json=BODY | {"stream": True}, headers={"authorization": "Bearer test"}
        )
    assert streamed.content == b"".join(chat_events(["a", "é"]))
    assert upstream.count == 0
    _no_secret(tmp_path / ".provider-proxy")


def test_a_har_of_a_browser_is_replayed(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """HTTP/2 names, decoded text under a content-encoding and a secret in a header are all as browsers write them."""

    def entry(request: dict[str, object], status: int, text: str | None, kind: str) -> dict[str, object]:
        content = {"size": 1, "mimeType": kind} | ({"text": text} if text is not None else {})
        headers = [{"name": ":authority", "value": "api.openai.com"}, {"name": "authorization", "value": f"Bearer {SECRET}"},
                   {"name": "content-type", "value": "application/json"}, {"name": "user-agent", "value": "Mozilla"},
                   {"name": "sec-ch-ua", "value": "x"}, {"name": "accept", "value": "*/*"}]  # fmt: skip
        return {
            "startedDateTime": "2026-01-02T03:04:05.678Z", "time": 1234.5,
            "request": {"method": "POST", "url": CHAT_URL, "httpVersion": "http/2.0", "headers": headers,
                        "postData": {"mimeType": "application/json", "text": json.dumps(request)}},
            "response": {"status": status, "httpVersion": "http/2.0", "content": content,
                         "headers": [{"name": "content-type", "value": kind}, {"name": "content-encoding", "value": "br"},
                                     {"name": "set-cookie", "value": "session=1"}]},
        }  # fmt: skip

    page = entry({}, 200, "body {}", "text/css")
    page["request"] |= {"method": "GET", "url": "https://playground.example/main.css"}  # type: ignore[operator]
    events = b"".join(chat_events(["naïve", " 世界"])).decode()
    har = {"log": {"version": "1.2", "creator": {"name": "WebInspector"}, "entries": [
        entry(BODY, 200, _chat_text(), "application/json"),
        entry(BODY | {"stream": True}, 200, events, "text/event-stream"),
        entry(BODY | {"seed": 1}, 200, None, "application/json"),
        entry(BODY | {"seed": 2}, 429, "{}", "application/json"),
        {"request": {}},
        page,
    ]}}  # fmt: skip
    (tmp_path / "browser.har").write_bytes(b"\xef\xbb\xbf" + json.dumps(har).encode())
    done = command("import", "browser.har")
    assert done.returncode == 0, done.stderr
    assert (
        "imported 2 entries, 0 not newer; skipped: empty 1, not-in-PROVIDER_PROXY_HOSTS 1, status 1, unreadable 1"
        in done.stderr
    )
    proxy = start_proxy(upstream, mode="read-only-require-hit")
    answer = ask(proxy)
    assert (cached(answer), answer.text) == ("true", _chat_text())
    assert "set-cookie" not in answer.headers
    with session(proxy) as client:
        streamed = client.post(
            CHAT_URL, json=BODY | {"stream": True}, headers={"authorization": "Bearer test"}
        )
    assert streamed.content.decode() == events
    _no_secret(tmp_path / ".provider-proxy")
    listed = json.loads(command("ls", "--json").stdout)
    assert {item["recorded"] for item in listed} == {"2026-01-02 03:04:06Z"}


def test_a_har_without_bodies_imports_nothing(command: Command, tmp_path: Path) -> None:
    """It says why, and exits 1."""
    har = {"log": {"entries": [{
        "startedDateTime": "2026-01-02T03:04:05Z", "time": 1,
        "request": {"method": "GET", "url": "https://api.openai.com/v1/models", "httpVersion": "HTTP/1.1", "headers": []},
        "response": {"status": 200, "httpVersion": "HTTP/1.1", "content": {}, "headers": []},
    }]}}  # fmt: skip
    (tmp_path / "x.har").write_text(json.dumps(har))
    done = command("import", "x.har")
    assert done.returncode == 1
    assert done.stderr.strip() == "provider-proxy: nothing could be imported; skipped: empty 1"


def _cassettes(folder: Path, url: str, port: int, secret: str) -> None:
    """Record with vcrpy itself, as YAML and as JSON, against a plain server."""
    import vcr

    for serializer, text in (("yaml", "yaml"), ("json", "json")):
        recorder = vcr.VCR(serializer=serializer, record_mode="all")
        with recorder.use_cassette(str(folder / f"recorded.{text}")), requests.Session() as client:
            client.trust_env = False
            client.post(
                f"http://127.0.0.1:{port}/v1/chat/completions",
                json=BODY | {"user": text}, headers={"authorization": f"Bearer {secret}"},
            )  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_cassettes_of_vcrpy_are_replayed(
    command: Command,
    start_proxy: Callable[..., Proxy],
    start_upstream: Callable[..., Upstream],
    tmp_path: Path,
) -> None:
    """What vcrpy itself recorded, as YAML and as JSON, serves a real client."""
    plain = start_upstream(tls=False)
    folder = tmp_path / "cassettes"
    folder.mkdir()
    _cassettes(folder, CHAT_URL, plain.port, SECRET)
    assert plain.count == 2
    for path in folder.iterdir():  # recorded on loopback, as if from the provider
        path.write_text(path.read_text().replace(f"http://127.0.0.1:{plain.port}", "https://api.openai.com"))
    done = command("import", *map(str, sorted(folder.iterdir())))
    assert done.returncode == 0, done.stderr
    proxy = start_proxy(plain, mode="read-only-require-hit")
    for text in ("yaml", "json"):
        with session(proxy) as client:
            answer = client.post(
                CHAT_URL, json=BODY | {"user": text}, headers={"authorization": "Bearer test"}
            )
        assert cached(answer) == "true"
        assert answer.json()["choices"][0]["message"]["content"].startswith("answer ")
    _no_secret(tmp_path / ".provider-proxy")


@pytest.mark.filterwarnings("ignore")
def test_a_cassette_without_its_credential_is_replayed_to_an_sdk(
    command: Command,
    start_proxy: Callable[..., Proxy],
    start_upstream: Callable[..., Upstream],
    tmp_path: Path,
) -> None:
    """As people record: an SDK under vcrpy, which is told to leave the key out. The SDK replays it, streams too."""
    import httpx
    import vcr
    from openai import OpenAI

    plain = start_upstream(_script, tls=False)
    cassette = tmp_path / "recorded.yaml"

    def ask_both(client: OpenAI) -> list[object]:
        question: Any = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
        whole = client.chat.completions.create(**question).choices[0].message.content
        chunks = client.chat.completions.create(**question, stream=True)
        return [whole, [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]]

    recorder = vcr.VCR(record_mode="all", filter_headers=["authorization"])
    with recorder.use_cassette(str(cassette)), httpx.Client(trust_env=False) as direct:
        base_url = f"http://127.0.0.1:{plain.port}/v1"
        live = ask_both(OpenAI(api_key=SECRET, base_url=base_url, http_client=direct))
    text = cassette.read_text()
    assert "uthorization" not in text
    cassette.write_text(text.replace(f"http://127.0.0.1:{plain.port}", "https://api.openai.com"))
    done = command("import", "recorded.yaml")
    assert done.stderr == "imported 2 entries, 0 not newer\n"
    before = plain.count
    proxy = start_proxy(plain, mode="read-only-require-hit")
    with httpx.Client(proxy=proxy.url, verify=ssl.create_default_context(cafile=proxy.bundle)) as through:
        assert ask_both(OpenAI(api_key="another", http_client=through, max_retries=0)) == live
    assert plain.count == before


def test_a_cassette_that_kept_no_headers_is_replayed_to_an_sdk(
    command: Command, start_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    """Anthropic's SDK sends headers that the cassette lacks; the same request with another beta is a miss."""
    from anthropic import Anthropic, APIStatusError

    message: Any = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "hello"}],
    }
    answer = message_answer("from the cassette")
    recorded = {"interactions": [{
        "request": {"method": "POST", "uri": "https://api.anthropic.com/v1/messages", "headers": {},
                    "body": json.dumps(message)},
        "response": {"status": {"code": 200, "message": "OK"}, "headers": {"content-type": ["application/json"]},
                     "body": {"string": json.dumps(answer)}},
    }]}  # fmt: skip
    (tmp_path / "recorded.yaml").write_text(yaml.safe_dump(recorded))
    assert command("import", "recorded.yaml").stderr == "imported 1 entry, 0 not newer\n"
    door = f"{start_proxy(mode='read-only-require-hit').url}/https/api.anthropic.com"
    with Anthropic(api_key="sk-ant-test", base_url=door, max_retries=0) as client:
        raw = client.messages.with_raw_response.create(**message)
        assert raw.headers["cache-status"].endswith("; detail=header-unknown")
        assert raw.parse().content[0].text == "from the cassette"
        with pytest.raises(APIStatusError):
            client.messages.create(**message, extra_headers={"anthropic-beta": "another"})


def test_a_cassette_with_an_object_tag_runs_nothing(command: Command, tmp_path: Path) -> None:
    """A tag that would call something is refused with its file; the other file is imported."""
    good = {"interactions": [{
        "request": {"method": "POST", "uri": CHAT_URL, "headers": {}, "body": json.dumps(BODY)},
        "response": {"status": {"code": 200, "message": "OK"}, "headers": {"content-type": ["application/json"]},
                     "body": {"string": _chat_text()}},
    }]}  # fmt: skip
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(good))
    (tmp_path / "b.yaml").write_text("interactions: !!python/object/apply:os.system ['touch owned']\n")
    done = command("import", "a.yaml", "b.yaml")
    assert done.returncode == 1
    assert "refused: b.yaml holds a YAML tag" in done.stderr
    assert not (tmp_path / "owned").exists()
    assert len(json.loads(command("ls", "--json").stdout)) == 1


def test_a_flow_file_of_mitmproxy_is_replayed(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """What `-w` wrote, the import reads."""
    proxy = start_proxy(upstream, arguments=("-w", "flows.mitm"))
    live = ask(proxy, authorization=f"Bearer {SECRET}")
    proxy.stop()
    shutil.rmtree(tmp_path / ".provider-proxy" / "cache")
    done = command("import", "flows.mitm")
    assert done.returncode == 0, done.stderr
    again = start_proxy(upstream, mode="read-only-require-hit")
    assert ask(again).content == live.content
    _no_secret(tmp_path / ".provider-proxy")


def _record_all(proxy: Proxy) -> list[requests.Response]:
    """JSON, a stream, bytes, two shapes of paths, and awkward labels."""
    answers = [ask(proxy), ask(proxy, "grüße 世界", "https://api.anthropic.com/v1/messages")]
    with session(proxy) as client:
        head = {"authorization": "Bearer test"}
        answers += [
            client.post(CHAT_URL, json=BODY | {"stream": True}, headers=head),
            client.post("https://api.openai.com/v1/audio/speech", json={"model": "../tts/1", "input": "x"}, headers=head),
            client.get("https://api.mistral.ai/v1/models?b=1&a=%2F", headers=head),
        ]  # fmt: skip
    return answers


def _script(exchange: Exchange) -> None:
    if b'"stream": true' in exchange.body or b'"stream":true' in exchange.body:
        exchange.stream(chat_events(["a", " b", " é"]))
    elif exchange.path.endswith("speech"):
        exchange.answer(bytes(range(256)), content_type="audio/mpeg")
    elif exchange.path.startswith("/v1/models"):
        exchange.answer('{\n  "object": "list",\n  "data": [{"id": 1.50, "object": "model"}]\n}\n')
    else:
        default_script(exchange)


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_directory_is_exported_and_imported_unchanged(
    command: Command,
    start_proxy: Callable[..., Proxy],
    start_upstream: Callable[..., Upstream],
    tmp_path: Path,
) -> None:
    """Export, import, export is byte-identical, and every answer is replayed as it was recorded."""
    upstream = start_upstream(_script)
    proxy = start_proxy(upstream)
    live = _record_all(proxy)
    proxy.stop()
    assert command("export", "fixtures").returncode == 0
    first = _tree(tmp_path / "fixtures")
    assert len(first) == len(live)
    chats = [name for name in first if name.startswith("api.openai.com/v1/chat/completions/gpt-4.1--")]
    assert len(chats) == 2
    assert all(".." not in Path(name).parts for name in first)
    stream = next(json.loads(first[name]) for name in chats if b'"events"' in first[name])
    assert stream["response"]["body"]["events"][0]["data"]["choices"][0]["delta"] == {"content": "a"}
    assert command("import", "fixtures", cache_dir="other").returncode == 0
    assert command("export", "again", cache_dir="other").returncode == 0
    assert _tree(tmp_path / "again") == first
    assert command("export", "fixtures", cache_dir="other").returncode == 0
    assert _tree(tmp_path / "fixtures") == first
    replaying = start_proxy(upstream, mode="read-only-require-hit", cache_dir="other")
    before = upstream.count
    for old, new in zip(live, _record_all(replaying), strict=True):
        assert (cached(new), new.content, new.status_code) == ("true", old.content, old.status_code)
    assert upstream.count == before


def test_a_directory_is_imported_at_the_start(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """PROVIDER_PROXY_IMPORT fills an empty cache; one that is damaged stops the start."""
    proxy = start_proxy(upstream)
    live = ask(proxy)
    proxy.stop()
    command("export", "fixtures")
    replaying = start_proxy(
        upstream, mode="read-only-require-hit", cache_dir=":memory:", **{"import": "fixtures"}
    )
    assert ask(replaying).content == live.content
    replaying.stop()
    file = next((tmp_path / "fixtures").rglob("*.json"))
    file.write_text(file.read_text().replace("hello", "another question"))
    with pytest.raises(AssertionError, match="does not match its saved request"):
        start_proxy(upstream, cache_dir="new", **{"import": "fixtures"})
    with pytest.raises(AssertionError, match="no such file"):
        start_proxy(upstream, cache_dir="new", **{"import": "nowhere"})


def test_what_was_removed_leaves_the_directory(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """A second export takes files of entries that are gone away, and nobody else's."""
    proxy = start_proxy(upstream)
    ask(proxy, "one")
    ask(proxy, "two")
    proxy.stop()
    command("export", "fixtures")
    (tmp_path / "fixtures" / "README.md").write_text("ours")
    (tmp_path / "fixtures" / "x--0123456789ab.json").write_text('{"theirs": 1}')
    keys = [item["key"] for item in json.loads(command("ls", "--json").stdout)]
    command("rm", keys[0])
    command("export", "fixtures")
    names = sorted(p.name for p in (tmp_path / "fixtures").rglob("*") if p.is_file())
    assert names == ["README.md", f"gpt-4.1--{keys[1][4:16]}.json", "x--0123456789ab.json"]


def test_a_pack_is_exported_and_imported(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """One file holds the cache; nothing of a damaged one is merged, nor an entry under another request's key."""
    proxy = start_proxy(upstream)
    live = ask(proxy)
    ask(proxy, "two")
    proxy.stop()
    assert command("export", "all.ppack").returncode == 0
    assert command("import", "all.ppack", cache_dir="other").returncode == 0
    replaying = start_proxy(upstream, mode="read-only-require-hit", cache_dir="other")
    assert ask(replaying).content == live.content
    data = (tmp_path / "all.ppack").read_bytes()
    (tmp_path / "cut.ppack").write_bytes(data[:-9])
    cut = command("import", "cut.ppack", cache_dir="third")
    assert (cut.returncode, cut.stderr.count("\n")) == (1, 1)
    _write_foreign_key(tmp_path)
    foreign = command("import", "foreign.ppack", cache_dir="third")
    assert foreign.returncode == 1
    assert "does not match its saved request" in foreign.stderr
    assert len(json.loads(command("ls", "--json", cache_dir="third").stdout)) == 1


@pytest.mark.parametrize("changes", [{"request_json": b"{}"}, {"status": 401}, {"status": 500}])
def test_an_answer_to_another_question_is_never_served(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path,
    changes: dict[str, Any],
) -> None:  # fmt: skip
    """An entry under the victim's key, without a request or with an error, is refused; `verify` names one in a cache."""
    from contextlib import closing

    from cache_store.disk.disk_store import DiskStore
    from cache_store.transfer.pack import write_pack

    proxy = start_proxy(upstream, cache_dir="source")
    ask(proxy, "victim")
    ask(proxy, "other")
    proxy.stop()
    with closing(DiskStore(tmp_path / "source")) as store:
        victim, other = store.iterate()
        poison = replace(other, key=victim.key, body=other.body.replace(b"answer", b"POISON"), **changes)
        write_pack([poison.encode()], tmp_path / "poison.ppack")
        store.put(poison)
    done = command("import", "poison.ppack", cache_dir="cache")
    assert done.returncode == 1
    assert victim.key[:16] in done.stderr
    verified = command("verify", cache_dir="source")
    assert verified.returncode == 1
    assert victim.key in verified.stdout
    replaying = start_proxy(upstream, mode="read-only-require-hit", cache_dir="cache")
    assert b"POISON" not in ask(replaying, "victim").content


def _write_foreign_key(folder: Path) -> None:
    from contextlib import closing

    from cache_store.disk.disk_store import DiskStore
    from cache_store.transfer.pack import write_pack

    with closing(DiskStore(folder / "other")) as store:
        entries = list(store.iterate())
    moved = [entries[0].encode(), replace(entries[1], key=f"pp2-{7:064x}").encode()]
    write_pack(moved, folder / "foreign.ppack")


def test_another_cache_is_merged(
    command: Command, start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """The newer recording wins, in either direction."""
    for name in ("old", "new"):
        proxy = start_proxy(upstream, cache_dir=name)
        ask(proxy)
        proxy.stop()
    assert "imported 0 entries, 1 not newer" in command("import", "old", cache_dir="new").stderr
    assert "imported 1 entry, 0 not newer" in command("import", "new", cache_dir="old").stderr
    replaying = start_proxy(upstream, mode="read-only-require-hit", cache_dir="old")
    assert ask(replaying).json()["choices"][0]["message"]["content"] == "answer 2"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.har", b"{}", "is not a HAR"),
        ("a.har", b"[" * 100_000, "is not a HAR"),
        ("a.yaml", b"a: [", "is not valid YAML"),
        ("a.yaml", b"- 1", "no list of interactions"),
        ("a.json", b'{"interactions": 1}', "no list of interactions"),
        ("a.flow", b"12:abc", "is not a flow file"),
        ("a.ppack", b"PPPACK1\n", "is not a pack"),
        ("a.bin", b"x", "does not tell the format"),
    ],
)
def test_bad_files_are_refused_in_a_line(
    command: Command, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    """Each says what is wrong with which file."""
    (tmp_path / name).write_bytes(content)
    done = command("import", name)
    assert done.returncode in (1, 2)
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_answer_with_a_secret_is_not_imported(command: Command, tmp_path: Path) -> None:
    """The same checks hold as for a live answer."""
    whole = {"interactions": [{
        "request": {"method": "POST", "uri": CHAT_URL, "headers": {"authorization": [f"Bearer {SECRET}"]},
                    "body": json.dumps(BODY)},
        "response": {"status": {"code": 200, "message": "OK"}, "headers": {"content-type": ["application/json"]},
                     "body": {"string": _chat_text(f"your key is {SECRET}")}},
    }]}  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(whole))
    done = command("import", "a.json")
    assert done.returncode == 1
    assert "secret 1" in done.stderr
    assert SECRET not in done.stderr
    _no_secret(tmp_path / ".provider-proxy")
