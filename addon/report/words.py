"""Formats figures the same way in every form of the report."""

from __future__ import annotations

from collections import Counter
from typing import Any

from addon.accounting.figures import money, plural
from addon.printing import program
from addon.settings.modes import Mode

__all__ = ["cost_lines", "cost_of", "hit_rate", "no_traffic_line", "rate_text", "side_lines"]

_CONFLICTS = 10
_TESTS = 200
_PLACES = 3  # requests that a line names


def hit_rate(total: dict[str, Any]) -> float | None:
    """The share of look-ups that were hits, 0 to 1; None if there were no look-ups."""
    asked = total["hits"] + total["misses"]
    return total["hits"] / asked if asked else None


def rate_text(total: dict[str, Any]) -> str:
    """`93.8 % hits`, rounded so that 100 % means that nothing missed; empty if there were no look-ups."""
    rate = hit_rate(total)
    if rate is None:
        return ""
    return "100 % hits" if rate == 1 else f"{min(rate * 100, 99.9):.1f} % hits"


def cost_lines(run: dict[str, Any]) -> list[str]:
    """One line each for the money saved and spent, by model."""
    lines = []
    for title, costs in (("saved", run["saved"]), ("spent", run["spent"])):
        if not costs["answers"]:
            continue
        tokens = f"{costs['input_tokens']:,} tokens in, {costs['output_tokens']:,} out"
        models = ", ".join(f"{row['model']} {cost_of(row)}" for row in costs["models"])
        lines.append(
            f"{title}: {cost_of(costs)}, {tokens}, {plural(costs['answers'], 'answer')}; by model: {models}"
        )
    return lines


def cost_of(costs: dict[str, Any]) -> str:
    """The amount, and the number of answers whose price is unknown."""
    if costs["unknown"] and costs["usd"] is not None:
        return f"{money(costs['usd'])} and {costs['unknown']} of unknown price"
    return "price unknown" if costs["usd"] is None else money(costs["usd"])


def no_traffic_line(run: dict[str, Any]) -> str:
    """The warning of a replaying run that had no request; '' for any other."""
    if run["mode"] != Mode.REQUIRE_HIT or run["total"]["requests"]:
        return ""
    return (
        "no request reached the proxy, so nothing was replayed; check with "
        f"`{program()} doctor -- COMMAND` that the client uses HTTPS_PROXY, or try `run --base-urls`"
    )


def _times(counted: dict[str, int]) -> str:
    """Names with how often each was counted, in order of name."""
    return ", ".join(f"{name} \u00d7{count}" for name, count in sorted(counted.items()))


def advice_lines(run: dict[str, Any]) -> list[str]:
    """For each reason why answers were not stored: what to do, and the first tests or requests that it concerns."""
    places: dict[tuple[str, str], Counter[str]] = {}
    for refused in run["refused_answers"]:
        counted = places.setdefault((refused["why"], refused["advice"]), Counter())
        counted[refused["test"] or refused["place"]] += refused["times"]
    lines = []
    for (why, advice), counted in sorted(places.items()):
        names = [name for name, _ in counted.most_common()]
        more = (
            f", and {len(names) - _PLACES} more (`{program()} ls --refused`)" if len(names) > _PLACES else ""
        )
        lines.append(f"  {why} \u00d7{counted.total()}: {advice}: {', '.join(names[:_PLACES])}{more}")
    return lines


def _failures_apart(total: dict[str, Any]) -> dict[str, int]:
    """The live requests without success that are not among the answers which were not stored."""
    told = total["not_stored"]
    return Counter(total["failures"]) - Counter(
        {name: told.get(f"status {name}", told.get(name, 0)) for name in total["failures"]}
    )


def _rebound_lines(run: dict[str, Any]) -> list[str]:
    rebound = ", ".join(f"{hits} of {rule}" for rule, hits in run["total"]["rebound"].items())
    return [f"hits with replaced volatile values: {rebound}"] if rebound else []


def _rechunk_lines(run: dict[str, Any]) -> list[str]:
    seed = run["rechunk"]
    cut = f"streams were cut at random places; PROVIDER_PROXY_RECHUNK={seed} makes the same cuts again"
    return [cut] if seed else []


def _read_on_lines(run: dict[str, Any]) -> list[str]:
    read_on = run["read_on"]
    if not read_on:
        return []
    answers, tokens = plural(read_on.get("answers", 0), "answer"), read_on.get("tokens", 0)
    return [
        f"read on after the client had left: {answers}, about {tokens:,} tokens out (PROVIDER_PROXY_FINISH_SECONDS)"
    ]


def side_lines(run: dict[str, Any]) -> list[str]:
    """Lines for what has no column: reasons for not storing, tunnelled hosts, faults, unused entries."""
    lines = _rebound_lines(run) + _rechunk_lines(run)
    if failures := _failures_apart(run["total"]):
        lines.append("live requests without success: " + _times(failures))
    if retried := run["total"]["retried"]:
        lines.append(
            f"asked again within seconds after a miss, so not counted twice: {plural(retried, 'request')}"
        )
    if not_stored := run["total"]["not_stored"]:
        lines.append("not stored: " + _times(not_stored))
        lines += advice_lines(run)
    for title, counted in (
        ("refused", run["refusals"]),
        ("tunnelled", run["tunnelled"]),
        ("not tunnelled, refused", run["tunnels_refused"]),
        ("past the proxy, refused", run["outside"]),
        ("answered by us", run["offline"]),
        ("CA not trusted by clients of", run["tls_refused"]),
        ("left before a first request, as some clients do that do not trust the CA", run["tls_left"]),
        ("cache faults", run["cache_faults"]),
        ("injected faults", run.get("faults")),
    ):
        if counted:
            items = ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))
            lines.append(f"{title}: {items}")
    lines += [f"id from the cache: {line}" for line in run.get("stale_ids", ())]
    if run["second_tier"]:
        lines.append(f"second tier: {run['second_tier']}")
    if run["workers_replaced"]:
        lines.append(f"workers that died and were replaced: {run['workers_replaced']}")
    lines += _read_on_lines(run)
    if run["over_budget"]:
        lines.append(f"over budget: {plural(run['over_budget'], 'request')} not forwarded")
    if run["unused_entries"]:
        lines.append(f"unused: {plural(run['unused_entries'], 'entry', 'entries')}")
    return lines + _other_requests(run) + _conflict_lines(run) + list(run["notes"])


def _other_requests(run: dict[str, Any]) -> list[str]:
    """Each test that sends another request than its own recording has, as after `import --per-test`."""
    found = [
        f"{row['test']}: another request than its own recording, at {miss['pointer'] or 'the whole request'}"
        for row in run["tests"]
        for miss in [next((miss for miss in row["misses"] if miss.get("own")), None)]
        if miss is not None
    ]
    more = [f"and {plural(len(found) - _TESTS, 'more such test')}"] if len(found) > _TESTS else []
    return found[:_TESTS] + more


def _conflict_lines(run: dict[str, Any]) -> list[str]:
    more = len(run["conflicts"]) - _CONFLICTS
    lines = list(run["conflicts"][:_CONFLICTS])
    return [*lines, f"{plural(more, 'more request')} had two different answers"] if more > 0 else lines
