"""Makes runs from a saved file: a JSON array of runs, or an object with `runs`, maybe `provider` and `model`."""

from __future__ import annotations

from typing import Any

from cache_store.answers import bounded_json
from cache_store.conformance.report import ObservedRun, Report, build_report
from cache_store.errors import ProviderProxyError

__all__ = ["MAX_FIXTURE", "MAX_RUNS", "FixtureError", "probe_fixture"]

# A run takes some hundred bytes; a file beyond these limits is something else.
MAX_FIXTURE = 16 * 1024 * 1024
MAX_RUNS = 10_000

_TEXTS = ("task", "prefix_sha256", "tool_schema_sha256", "settings_sha256")
_ESTIMATE = "prefix_tokens_estimate"


class FixtureError(ProviderProxyError):
    """A usage fixture cannot be read, is too large, or has the wrong shape."""


def probe_fixture(data: bytes, provider: str = "", model: str = "") -> Report:
    """The report on a fixture's bytes. Its own provider and model are used if the argument is blank.

    Raises FixtureError. A run that is not an object is not an error: it counts as a run without usage.
    """
    if len(data) > MAX_FIXTURE:
        raise FixtureError(
            f"the cache conformance fixture is larger than {MAX_FIXTURE >> 20} MiB; give fewer runs"
        )
    try:
        document = bounded_json.loads(data)
    except ValueError as error:
        raise FixtureError(f"cannot parse the cache conformance fixture: {error}") from error
    runs = document
    if isinstance(document, dict):
        provider, model = (
            own if not given.strip() and isinstance(own := document.get(name), str) else given
            for name, given in (("provider", provider), ("model", model))
        )
        runs = document.get("runs")
        if not isinstance(runs, list):
            raise FixtureError("a cache conformance fixture that is an object must carry a `runs` array")
    if not isinstance(runs, list):
        raise FixtureError("a cache conformance fixture must be an array of runs or an object with `runs`")
    if len(runs) > MAX_RUNS:
        raise FixtureError(f"the cache conformance fixture has more than {MAX_RUNS} runs; give fewer")
    return build_report(provider, model, (_observed(index, entry) for index, entry in enumerate(runs)))


def _observed(index: int, entry: Any) -> ObservedRun:
    """The run of one array item: a usage object, or an object that has it under `usage`."""
    if not isinstance(entry, dict) or "usage" not in entry:
        return ObservedRun(index, entry)
    elapsed = entry.get("elapsed_ms")
    return ObservedRun(
        index,
        entry["usage"],
        request=_request(entry.get("request")),
        elapsed_ms=elapsed if _unsigned(elapsed, 64) else None,
    )


def _request(given: Any) -> dict[str, Any] | None:
    """The known fields of a request identity; None if one has the wrong type, because a note is never an error."""
    if not isinstance(given, dict):
        return None
    known = {name: given[name] for name in (*_TEXTS, _ESTIMATE) if given.get(name) is not None}
    estimate = known.get(_ESTIMATE, 0)
    if not _unsigned(estimate, 32) or any(not isinstance(known.get(name, ""), str) for name in _TEXTS):
        return None
    return known


def _unsigned(value: Any, bits: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**bits
