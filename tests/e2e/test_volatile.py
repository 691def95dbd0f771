"""Recordings with values that change from run to run, replayed by real clients in the real process."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import anthropic
import openai
import pytest

from tests.e2e.clients import ask, cached
from tests.e2e.command import COMMAND
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events, message_events

TODAY = """
[[volatile]]  # the agent's first line
name = "today"
host = "api.*.com"
path = "/v1/*"
pointer = "/messages/*/content"
kind = "date"
anchor = "Today's date is ⟦…⟧"
"""
OLD, NEW = "123e4567-e89b-12d3-a456-426614174000", "99999999-aaaa-4bbb-8ccc-dddddddddddd"
PROMPT = "Today's date is {date}. Summarise {id} from /tmp/{folder}/notes.txt"
THEN = {"date": "2026-11-28", "id": OLD, "folder": "tmpab12cd_x"}
NOW = {"date": "2027-01-03", "id": NEW, "folder": "tmpzz99cd_y"}


def provider(exchange: Exchange) -> None:
    """Repeats the last prompt's words, a stream in small pieces."""
    asked = json.loads(exchange.body)
    text = f"About {asked['messages'][-1]['content']}!"
    pieces = [text[at : at + 5] for at in range(0, len(text), 5)]
    if exchange.path.endswith("/messages"):
        exchange.stream(message_events(pieces))
    elif asked.get("stream"):
        exchange.stream(chat_events(pieces))
    else:
        exchange.json(chat_answer(text))


@pytest.fixture
def echoing(start_upstream: Callable[..., Upstream]) -> Upstream:
    """A provider that says what it was asked."""
    return start_upstream(provider)


def _answers(proxy: Proxy, values: dict[str, str]) -> list[tuple[str, str]]:
    """What an SDK's plain and streamed calls say, and another SDK's stream, with the header that says hit or miss."""
    prompt = PROMPT.format(**values)
    said: list[tuple[str, str]] = []
    verify = ssl.create_default_context(cafile=proxy.bundle)
    with openai.DefaultHttpxClient(proxy=proxy.url, verify=verify, trust_env=False) as http:
        chat = openai.OpenAI(
            api_key="test", http_client=http, max_retries=0
        ).chat.completions.with_raw_response
        plain = chat.create(model="gpt-4.1", messages=[{"role": "user", "content": prompt}])
        said.append((plain.headers["cache-status"], plain.parse().choices[0].message.content or ""))
        stream = chat.create(model="gpt-4.1", messages=[{"role": "user", "content": prompt}], stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream.parse())
        said.append((stream.headers["cache-status"], text))
    with anthropic.DefaultHttpxClient(proxy=proxy.url, verify=verify, trust_env=False) as http2:
        claude = anthropic.Anthropic(api_key="test", http_client=http2, max_retries=0)
        with claude.messages.stream(
            model="claude-sonnet-4-5", max_tokens=99, messages=[{"role": "user", "content": prompt}]
        ) as events:
            said.append((events.response.headers["cache-status"], events.get_final_text()))
    return said


def test_a_recording_answers_another_run(
    start_proxy: Callable[..., Proxy], echoing: Upstream, tmp_path: Path, environ: dict[str, str]
) -> None:
    """With other ids, folders and dates, each answer repeats the live ones; another question is a miss."""
    (tmp_path / "provider-proxy.toml").write_text(TODAY)
    settings = {"volatile": "uuid,tmp-path"}
    proxy = start_proxy(echoing, "read-write", **settings)
    recorded = _answers(proxy, THEN)
    assert {text for _, text in recorded} == {f"About {PROMPT.format(**THEN)}!"}
    proxy.stop()

    proxy = start_proxy(echoing, "read-only-require-hit", **settings)
    replayed = _answers(proxy, NOW)
    assert {text for _, text in replayed} == {f"About {PROMPT.format(**NOW)}!"}
    assert all("; hit;" in status and status.endswith("; rebound=3") for status, _ in replayed)
    assert echoing.count == 3
    asked = ask(proxy, f"What weekday is {NOW['date']}?")
    assert (asked.status_code, cached(asked)) == (502, "false")
    assert "hits with replaced volatile values: 3 of today, 3 of uuid, 3 of tmp-path" in proxy.stop()

    def verify(*options: str, kinds: str = "uuid,tmp-path,hex-id") -> tuple[int, str]:
        done = subprocess.run(
            [*COMMAND, "verify", *options], env=environ | {"PROVIDER_PROXY_VOLATILE": kinds}, cwd=tmp_path,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout

    assert verify() == (0, "")
    every = "today: 3 entries\nuuid: 3 entries\ntmp-path: 3 entries\nhex-id: matches nothing\n"
    assert verify("--rules") == (0, every)


def test_a_short_value_in_the_answer_is_a_miss_that_says_so(
    start_proxy: Callable[..., Proxy], echoing: Upstream, tmp_path: Path
) -> None:
    """A port is not replaced: in require-hit the message says why, and a mode that sends records anew."""
    rule = TODAY.replace('"date"', '"port"').replace("Today's date is", "Listen on").replace("today", "port")
    (tmp_path / "provider-proxy.toml").write_text(rule)
    proxy = start_proxy(echoing, "read-write")
    ask(proxy, "Listen on 8080 now")
    proxy.stop()
    proxy = start_proxy(echoing, "read-only-require-hit")
    assert cached(ask(proxy, "Listen on 8080 now")) == "true"
    refused = ask(proxy, "Listen on 9090 now")
    assert refused.status_code == 502
    assert "detail=rebind-refused" in refused.headers["cache-status"]
    assert "fewer than 8 characters" in refused.json()["error"]["message"]
    proxy.stop()
    proxy = start_proxy(echoing, "read-write")
    again = ask(proxy, "Listen on 9090 now")
    assert again.json()["choices"][0]["message"]["content"] == "About Listen on 9090 now!"
    assert cached(ask(proxy, "Listen on 9090 now")) == "true"
    proxy.stop()


def test_a_wrong_rule_stops_the_start(tmp_path: Path, environ: dict[str, str]) -> None:
    """In one line that names the rule and what it lacks."""
    (tmp_path / "provider-proxy.toml").write_text(TODAY.replace("anchor", "comment"))
    done = subprocess.run(
        [*COMMAND, "run", "--", "true"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "volatile rule 'today'" in done.stderr
    assert "anchor" in done.stderr
