"""A miss explains itself: in the exception that an SDK raises, in the report, and at the command line."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.clients import ask, session
from tests.e2e.command import provider_proxy
from tests.e2e.conftest import Proxy, wait_for
from tests.e2e.test_sdks import environment_of
from tests.e2e.upstream import Upstream

Start = Callable[..., Proxy]

CALL = {
    "id": "call_abc123def",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Bern"}'},
}
CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is the weather in Bern?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_abc123def", "content": "rain"},
    {"role": "assistant", "content": "It rains."},
    {"role": "user", "content": "And in Chur?"},
    {"role": "assistant", "content": "Sun."},
    {
        "role": "user",
        "content": "This report on the weather was written for the town at 2026-11-21T10:15:02Z.",
    },
    {"role": "assistant", "content": "Thank you."},
    {"role": "user", "content": "And now in Zug?"},
]
TURNS = [2, 4, 6, 8, 10]  # messages that each turn's request has


def turns(conversation: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The requests of a five-turn conversation."""
    return [conversation[:length] for length in TURNS]


def changed(at: int, old: str, new: str) -> list[dict[str, Any]]:
    """The conversation with one message changed."""
    conversation = copy.deepcopy(CONVERSATION)
    assert old in conversation[at]["content"]
    conversation[at]["content"] = conversation[at]["content"].replace(old, new)
    return conversation


def chat(conversation: list[dict[str, Any]]) -> None:
    """One request of the openai SDK, as its users write it."""
    import openai

    with openai.OpenAI(api_key="sk-test-0123456789abcdef") as client:
        client.chat.completions.create(model="gpt-4.1", messages=conversation)  # type: ignore[arg-type]


def record(start_proxy: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record the conversation."""
    proxy = start_proxy(upstream, "read-write")
    with environment_of(proxy, monkeypatch):
        for turn in turns(CONVERSATION):
            chat(turn)
    proxy.stop()


def test_a_changed_turn_is_named_in_the_sdks_exception(
    start_proxy: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The JSON Pointer, both values, what they look like and the remedy are in what the openai SDK raises."""
    import openai

    record(start_proxy, upstream, monkeypatch)
    seen = upstream.count
    proxy = start_proxy(upstream, "read-only-require-hit")
    late = changed(7, "10:15:02Z", "10:15:09Z")
    with environment_of(proxy, monkeypatch):
        chat(turns(late)[2])
        with pytest.raises(openai.APIStatusError) as raised:
            chat(turns(late)[3])
    same = CONVERSATION[7]["content"].index("2Z.")
    assert raised.value.code == "provider_proxy_cache_miss"
    text = str(raised.value)
    for part in (
        f"/messages/7/content: same for {same} characters",
        "2026-11-21T10:15:02Z",
        "2026-11-21T10:15:09Z",
        "looks like a timestamp",
        "the conversation's first 7 messages are the same",
        "Use a fixed time in the test (freeze its clock)",
        "PROVIDER_PROXY_CACHE_MODE=read-old-write-new",
    ):
        assert part in text
    assert upstream.count == seen
    assert "\n" not in raised.value.response.json()["error"]["message"]


def test_later_misses_are_folded_under_the_first(
    start_proxy: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A five-turn conversation whose first question changed is one miss from which four follow."""
    import openai

    record(start_proxy, upstream, monkeypatch)
    proxy = start_proxy(upstream, "read-only-require-hit")
    other = changed(1, "in Bern?", "in Basel?")
    with environment_of(proxy, monkeypatch):
        for turn in turns(other):
            with pytest.raises(openai.APIStatusError):
                chat(turn)
    printed = proxy.stop()
    assert "4 later misses follow from it" in printed
    assert (
        printed.count("warning: miss: POST api.openai.com/v1/chat/completions; nearest recorded: pp2-") == 1
    )
    report = json.loads((proxy.folder / ".provider-proxy" / "last-run.json").read_text())
    assert [(m["differences"][0]["place"], m["follows"]) for m in report["missed"]] == [
        ("/messages/1/content", 4)
    ]
    assert report["total"]["misses"] == 5


def test_a_miss_that_is_forwarded_is_explained_in_the_report(start_proxy: Start, upstream: Upstream) -> None:
    """In a mode that forwards, the request goes on at once and the report says why it missed.

    It does not say to record what this run has just recorded.
    """
    proxy = start_proxy(upstream, "read-write")
    assert ask(proxy, "the same question as ever, asked on 2026-11-20").status_code == 200
    assert ask(proxy, "the same question as ever, asked on 2026-11-21").status_code == 200
    proxy.stop()
    report = json.loads((proxy.folder / ".provider-proxy" / "last-run.json").read_text())
    last = report["missed"][-1]["differences"][0]
    assert (last["place"], last["kind"]) == ("/messages/0/content", "a date")
    assert report["missed"][-1]["remedy"].startswith("Use a fixed date")
    assert "ecord it" not in json.dumps(report["missed"])


def test_nothing_near_says_what_there_is(start_proxy: Start, upstream: Upstream) -> None:
    """Without a candidate the message says what the store holds for the host."""
    proxy = start_proxy(upstream, "read-write")
    for text in ("one", "two"):
        ask(proxy, text)
    proxy.stop()
    proxy = start_proxy(upstream, "read-only-require-hit")
    with session(proxy) as client:
        answer = client.get("https://api.anthropic.com/v1/models", timeout=120).json()["error"]
    assert "Nothing is recorded for api.anthropic.com" in answer["message"]
    assert answer["nearest"] is None


def test_no_secret_and_no_long_value_is_said(
    start_proxy: Start, upstream: Upstream, environ: dict[str, str]
) -> None:
    """Credentials in header, query and body are in no message and no report, and values are cut."""
    proxy = start_proxy(upstream, "read-write")
    secret = "sk-proj-" + "aB3dE5gH7jK9" * 4
    long = "word " * 500
    ask(proxy, f"{long} {secret} the end", x_custom="one")
    proxy.stop()
    proxy = start_proxy(upstream, "read-only-require-hit")
    other = "sk-proj-" + "zY8xW6vU4tS2" * 4
    answer = ask(proxy, f"{long} {other} the end", x_custom="two", authorization=f"Bearer {other}")
    printed = proxy.stop()
    report = (proxy.folder / ".provider-proxy" / "last-run.json").read_text()
    for text in (answer.text, printed, report):
        assert secret not in text
        assert other not in text
    differences = answer.json()["error"]["nearest"]["differences"]
    assert [d["place"] for d in differences] == ["/messages/0/content", "header x-custom"]
    assert all(len(d[side] or "") <= 200 for d in differences for side in ("old", "new"))


def test_without_saved_requests_it_says_so(start_proxy: Start, upstream: Upstream) -> None:
    """PROVIDER_PROXY_SAVE_REQUEST=false leaves nothing to compare with, and the message says that."""
    proxy = start_proxy(upstream, "read-write", save_request="false")
    ask(proxy, "one question")
    proxy.stop()
    proxy = start_proxy(upstream, "read-only-require-hit")
    assert "PROVIDER_PROXY_SAVE_REQUEST=false" in ask(proxy, "another question").json()["error"]["message"]


def test_diff_and_explain_at_the_command_line(
    start_proxy: Start, upstream: Upstream, environ: dict[str, str]
) -> None:
    """`diff` compares two entries, `explain` a saved request and a miss of the last run: the same differences."""
    proxy = start_proxy(upstream, "read-write")
    ask(proxy, "a question about 0b7c9a52-5f0e-4b7e-9a55-111111111111")
    ask(proxy, "a question about 0b7c9a52-5f0e-4b7e-9a55-222222222222")
    proxy.stop()
    listed = provider_proxy("ls", "--json", environ=environ, folder=proxy.folder)
    first, second = (entry["key"] for entry in json.loads(listed.stdout))
    found = provider_proxy("diff", first[:14], second[:14], "--json", environ=environ, folder=proxy.folder)
    assert [d["kind"] for d in json.loads(found.stdout)["differences"]] == ["a UUID"]
    shown = provider_proxy("show", second, "--json", environ=environ, folder=proxy.folder)
    (proxy.folder / "request.json").write_text(json.dumps(json.loads(shown.stdout)["request"]))
    hit = provider_proxy("explain", "request.json", environ=environ, folder=proxy.folder)
    assert "This is a hit" in hit.stdout
    assert provider_proxy("rm", second, environ=environ, folder=proxy.folder).returncode == 0
    explained = provider_proxy("explain", "request.json", environ=environ, folder=proxy.folder)
    assert "/messages/0/content" in explained.stdout
    assert "Use a fixed UUID in the test" in explained.stdout
    proxy = start_proxy(upstream, "read-only-require-hit")
    key = ask(proxy, "a question about 0b7c9a52-5f0e-4b7e-9a55-222222222222").json()["error"]["key"]
    assert key == second
    proxy.stop()
    again = provider_proxy("explain", key[:14], environ=environ, folder=proxy.folder)
    assert "Use a fixed UUID in the test" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("diff", "nope", "nope"), "there is no cache"),
        (("explain", "pp1-nope"), "there is no report of a last run"),
        (("explain", "broken.json"), "broken.json is not JSON"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], said: str, environ: dict[str, str], tmp_path: Any
) -> None:
    """Exit 2 and what to do."""
    (tmp_path / "broken.json").write_text("{")
    done = provider_proxy(*arguments, environ=environ, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_cache_without_an_index_gets_one(start_proxy: Start, upstream: Upstream) -> None:
    """An entry is found even if the index was lost: it is made in the background, and no miss waits for it."""
    proxy = start_proxy(upstream, "read-write")
    ask(proxy, "what is the capital of the country?")
    proxy.stop()
    index = proxy.folder / ".provider-proxy" / "cache" / "nearest.db"
    assert wait_for(index.exists)
    for path in index.parent.glob("nearest.db*"):
        path.unlink()
    proxy = start_proxy(upstream, "read-only-require-hit")
    assert wait_for(
        lambda: ask(proxy, "what is the capital of the county?").json()["error"]["nearest"] is not None
    )
