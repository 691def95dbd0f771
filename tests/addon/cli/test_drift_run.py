"""The work of `drift` on a store in memory, with a provider that is a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from addon.cli.asking import NoAnswer
from addon.cli.drift import drift
from addon.cli.drift_run import DriftRun, candidates
from addon.cli.progress import Progress
from addon.drift.reading import Reading
from addon.messages import LiveAnswer, WireRequest
from addon.settings.settings import Settings
from cache_store.entry import Entry
from cache_store.tiers.memory_store import MemoryStore
from tests.addon.drift.dialects import DIALECTS, Version

KEYS = {"OPENAI_API_KEY": "sk-test-0123456789abcdefghij", "ANTHROPIC_API_KEY": "anthropic-0123456789"}
QUIET = Progress(lambda what, done: None)
CHAT, MESSAGES = DIALECTS[0], DIALECTS[2]


class Provider:
    """Answers with a version of a dialect, and keeps what it was asked."""

    def __init__(self, answer: Callable[[], Reading]) -> None:
        self.answer = answer
        self.asked: list[WireRequest] = []

    def ask(self, request: WireRequest) -> LiveAnswer:
        self.asked.append(request)
        found = self.answer()
        return LiveAnswer(found.status, "OK", found.headers, found.body)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    for name in (
        "OPENAI_BASE_URL",
        "OPENAI_API_BASE",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_API_URL",
        "ANTHROPIC_API_BASE",
    ):
        monkeypatch.delenv(name, raising=False)


def store_of(*entries: Entry) -> MemoryStore:
    """A store with these entries."""
    store = MemoryStore()
    for entry in entries:
        store.put(entry)
    return store


def run(
    store: MemoryStore,
    provider: Provider,
    *,
    include_writes: bool = False,
    refresh: bool = False,
    max_usd: str | None = None,
    fits: Callable[[Entry], bool] = lambda _: True,
) -> dict[str, Any]:
    """The report, after everything that may be asked was."""
    found = candidates(store, QUIET, fits, include_writes=include_writes)
    budget = None if max_usd is None else Decimal(max_usd)
    work = DriftRun(store, Settings.parse({}), provider, found, budget, refresh=refresh)  # type: ignore[arg-type]
    for key in [key for keys in found.by_route.values() for key in keys]:
        work.ask(key)
    return work.report()


def whys(report: dict[str, Any]) -> dict[str, int]:
    """Why requests were not asked, with how many."""
    return {group["why"]: group["count"] for group in report["not_asked"]}


def test_each_provider_gets_its_key_and_what_was_saved() -> None:
    """In the header of its SDK, and no other provider's key."""
    store = store_of(CHAT.entry(Version(), stream=False))
    provider = Provider(lambda: CHAT.reading(Version(id="new"), stream=False))
    report = run(store, provider)
    assert (report["asked"], report["same"], report["entries"][0]["verdict"]) == (1, 1, "same")
    (request,) = provider.asked
    assert (b"authorization", b"Bearer " + KEYS["OPENAI_API_KEY"].encode()) in request.headers
    assert KEYS["ANTHROPIC_API_KEY"].encode() not in repr(request).encode()


def test_what_acts_is_asked_only_if_the_user_says_so() -> None:
    """A hosted tool needs --include-writes."""
    entry = CHAT.entry(Version(), stream=False, asks={"web_search_options": {"a": 1}})
    provider = Provider(lambda: CHAT.reading(Version(), stream=False))
    report = run(store_of(entry), provider)
    assert whys(report) == {
        "the provider would act by itself (web_search_options); --include-writes asks it": 1
    }
    assert not provider.asked
    assert run(store_of(entry), provider, include_writes=True)["same"] == 1


def test_a_hosts_key_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said which variable to set, and nothing is sent."""
    monkeypatch.delenv("OPENAI_API_KEY")
    provider = Provider(lambda: CHAT.reading(Version(), stream=False))
    report = run(store_of(CHAT.entry(Version(), stream=False)), provider)
    assert whys(report) == {"api.openai.com wants a credential; set OPENAI_API_KEY": 1}
    assert not provider.asked


def priced(value: Any) -> None:
    """Edit an answer so that it costs two dollars."""
    value["usage"] = {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000}
    value["model"] = "gpt-4.1"


def two_priced() -> list[Entry]:
    """Two entries of two dollars each."""
    entry = CHAT.entry(Version(edit=priced), stream=False)
    label = entry.label | {"model": "gpt-4.1"}
    return [replace(entry, key=f"{entry.key}.{n}", label=label) for n in (2, 3)]


def test_a_budget_is_kept_before_a_request_is_sent() -> None:
    """By what the recorded answer cost; one of unknown price is not asked at all."""
    provider = Provider(lambda: CHAT.reading(Version(edit=priced), stream=False))
    report = run(store_of(*two_priced()), provider, max_usd="3")
    assert (report["asked"], report["usd"]) == (1, 2.0)
    assert whys(report) == {"--max-usd 3 would be exceeded": 1}
    unknown = run(store_of(CHAT.entry(Version(), stream=False)), provider, max_usd="3")
    assert whys(unknown) == {"its price is not known, so --max-usd cannot bound it": 1}


def test_a_request_without_an_answer_counts_in_the_budget() -> None:
    """The provider may bill it, as after a time-out. The report does not say that it cost something."""

    def fail() -> Reading:
        raise NoAnswer("it did not answer in time")

    report = run(store_of(*two_priced()), Provider(fail), max_usd="3")
    assert (report["not_answered"], report["usd"]) == (1, 0.0)
    assert whys(report) == {"--max-usd 3 would be exceeded": 1}


def test_a_refresh_stores_whole_answers_only() -> None:
    """Under the same key, with the saved request as it was; an error leaves the recording alone."""
    entry = CHAT.entry(Version(), stream=False)
    store = store_of(entry)
    error = Reading(
        404, ((b"content-type", b"application/json"),), b'{"error": {"message": "no such model"}}'
    )
    report = run(store, Provider(lambda: error), refresh=True)
    assert report["changed"] == 1
    assert report["entries"][0]["refresh"] == "not stored: status"
    assert store.get(entry.key) == entry
    report = run(store, Provider(lambda: CHAT.reading(Version(text="Rome"), stream=False)), refresh=True)
    assert (report["benign"], report["stored"]) == (1, 1)
    stored = store.get(entry.key)
    assert stored is not None
    assert b"Rome" in stored.body
    assert (stored.request_json, stored.label) == (entry.request_json, entry.label)
    assert run(store, Provider(lambda: CHAT.reading(Version(text="Rome"), stream=False)))["same"] == 1


def test_no_connection_is_no_verdict() -> None:
    """The other requests are asked all the same."""

    def fail() -> Reading:
        raise NoAnswer("it cannot be reached: Connection refused")

    report = run(store_of(CHAT.entry(Version(), stream=False)), Provider(fail))
    assert (report["not_answered"], report["changed"]) == (1, 0)
    assert report["entries"][0]["reasons"][0]["what"] == "it cannot be reached: Connection refused"


def test_a_key_that_an_answer_repeats_is_hidden() -> None:
    """Whatever shape it has."""
    body = b'{"error": {"message": "bad key ' + KEYS["ANTHROPIC_API_KEY"].encode() + b'"}}'
    error = Reading(404, ((b"content-type", b"application/json"),), body)
    report = run(store_of(MESSAGES.entry(Version(), stream=False)), Provider(lambda: error))
    assert report["changed"] == 1
    assert KEYS["ANTHROPIC_API_KEY"] not in str(report)


def test_many_reasons_are_few_lines() -> None:
    """A hostile pack may name a thousand hosts."""
    hosts = [replace(CHAT, host=f"host-{n}.example") for n in range(99)]
    report = run(
        store_of(*(dialect.entry(Version(), stream=False) for dialect in hosts)),
        Provider(lambda: CHAT.reading(Version(), stream=False)),
    )
    assert len(report["not_asked"]) == 51
    assert whys(report)["other reasons"] == 49


def test_only_what_is_wanted_is_asked() -> None:
    """Others are learned from, and not listed."""
    entry, other = CHAT.entry(Version(), stream=False), MESSAGES.entry(Version(), stream=False)
    report = run(
        store_of(entry, other),
        Provider(lambda: CHAT.reading(Version(), stream=False)),
        fits=lambda one: one is entry,
    )
    assert (report["asked"], report["not_asked"]) == (1, [])


@pytest.mark.parametrize(
    ("value", "fits"), [("x", False), ("-1", False), ("5", True), ("20%", True), ("٣", False)]
)
def test_what_is_tolerated_is_a_number_or_a_share(value: str, fits: bool) -> None:
    """Anything else is wrong usage."""
    done = CliRunner().invoke(
        drift, ["--tolerate", value, "--cache-dir", "no/such/place"], standalone_mode=False
    )
    assert ("is not a number of answers" in str(done.exception)) != fits
