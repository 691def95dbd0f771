"""Makes runs from the recorded answers of one route, counting repeats of one stable prefix together."""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cache_store.answers.usage import model_of, usage_of
from cache_store.conformance.capabilities import provider_of_host, table
from cache_store.conformance.report import ObservedRun, Report, build_report
from cache_store.conformance.requests import Ask, ask_of
from cache_store.entry import Entry
from cache_store.errors import UsageError

__all__ = ["NoSuchRoute", "probe_entries"]

_OK = 200
_NAMED = 8


class NoSuchRoute(UsageError):
    """No recorded entry belongs to the route, or several routes match."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The parts of an entry that are needed. Answers may be long, and there may be many."""

    order: tuple[float, str]
    provider: str
    models: tuple[str, ...]
    group: str
    ask: Ask
    usage: dict[str, Any] | None
    elapsed_ms: int | None
    headers: dict[str, str]

    @property
    def model(self) -> str:
        """The route's name for the model; "" if neither request nor answer names one."""
        return next(iter(self.models), "")


def probe_entries(entries: Iterable[Entry], provider: str = "", model: str = "") -> Report:
    """The report on the recorded answers of a route, in order of recording, by stable prefix.

    `provider` is a name from the capability table; any other name means hosts that the table does not know, such as
    a gateway's; blank or `auto` means any. `model` is the request's name for the model, in any case; blank means
    any. A blank is filled in if the entries leave one choice. Raises NoSuchRoute otherwise.
    """
    wanted = "" if provider.strip().lower() == "auto" else provider.strip()
    recorded = [one for entry in entries if (one := _recorded(entry)) is not None]
    chosen = _of_model(_of_provider(recorded, wanted, model), model)
    if not chosen:
        raise NoSuchRoute(
            f"no recorded entry belongs to the route {_name(wanted, model)}; {_listing(recorded)}"
        )
    providers = {one.provider for one in chosen} if not wanted else {wanted}
    models = {one.model for one in chosen} if not model.strip() else {model.strip()}
    if len(providers) > 1 or len(models) > 1:
        raise NoSuchRoute(f"more than one route is recorded, name PROVIDER and --model; {_listing(chosen)}")
    route_provider, route_model = providers.pop(), models.pop()
    return build_report(route_provider, route_model, _runs(chosen, route_provider, route_model))


def _of_provider(recorded: list[_Recorded], wanted: str, model: str) -> list[_Recorded]:
    """The entries of that provider's hosts, or of that host; if there are none, those of unknown hosts."""
    if not wanted:
        return recorded
    name = table().canonical(wanted)
    own = [one for one in recorded if name in (one.provider, one.ask.host)]
    return own if _of_model(own, model) else [one for one in recorded if not one.provider]


def _of_model(recorded: list[_Recorded], model: str) -> list[_Recorded]:
    wanted = model.strip().lower()
    return [one for one in recorded if not wanted or wanted in (name.lower() for name in one.models)]


def _runs(chosen: list[_Recorded], provider: str, model: str) -> Iterable[ObservedRun]:
    """Groups in the order of their first recording. A run's index counts the repeats within its group."""
    groups: defaultdict[str, list[_Recorded]] = defaultdict(list)
    for one in sorted(chosen, key=lambda one: one.order):
        groups[one.group].append(one)
    header = table().route(provider, model).read_header
    for group in groups.values():
        for index, one in enumerate(group):
            sha256 = one.ask.prefix_sha256
            yield ObservedRun(
                index,
                one.usage,
                request={"prefix_sha256": sha256} if sha256 else None,
                elapsed_ms=one.elapsed_ms,
                input_basis=table().basis(provider, model, one.ask.path.lower()),
                cached=_count(one.headers.get(header, "")) if header else None,
            )


def _recorded(entry: Entry) -> _Recorded | None:
    """The needed parts of an entry; None unless it is a model's successful answer."""
    ask = ask_of(entry)
    if entry.status != _OK or ask is None:
        return None
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in entry.headers}
    media_type = headers.get("content-type", "")
    models = ask.models
    if not models:
        named = model_of(entry.body, media_type)
        models = (named,) if named else ()
    # Without the saved request the prefix is unknown, and unknown prefixes are not equal.
    group = json.dumps([ask.host, models, ask.prefix_sha256 or entry.key])
    return _Recorded(
        order=(entry.recorded_at if math.isfinite(entry.recorded_at) else 0.0, entry.key),
        provider=provider_of_host(ask.host),
        models=models,
        group=hashlib.sha256(group.encode()).hexdigest(),
        ask=ask,
        usage=usage_of(entry.body, media_type),
        elapsed_ms=round(entry.elapsed * 1000) if 0 <= entry.elapsed < 2**40 else None,
        headers=headers,
    )


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _name(provider: str, model: str) -> str:
    return " ".join(_plain(part) for part in (provider or "(any provider)", model.strip() or "(any model)"))


def _listing(recorded: list[_Recorded]) -> str:
    routes = sorted({(one.provider or one.ask.host, one.model) for one in recorded})
    if not routes:
        return "no model's answer is recorded here"
    more = f", and {len(routes) - _NAMED} more" if len(routes) > _NAMED else ""
    return "recorded: " + ", ".join(_name(*route) for route in routes[:_NAMED]) + more


def _plain(text: str) -> str:
    """The text made safe for one line of a terminal: names come from recorded requests."""
    return "".join(char if char.isprintable() else "?" for char in text[:80])
