"""The report on a route's runs, in harn's schema version 1 with optional additions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from cache_store.conformance.capabilities import Support, SupportStatus, support_of
from cache_store.conformance.classify import RunClass, Verdict, classify, inconsistency, verdict_of
from cache_store.conformance.normalise import CacheUsage, InputBasis, normalise

__all__ = ["ObservedRun", "Report", "Run", "build_report"]

_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class ObservedRun:
    """A run as its source has it. `cached` is a count of cache-read tokens from outside the usage (a header)."""

    index: int
    raw_usage: Any
    request: dict[str, Any] | None = None
    elapsed_ms: int | None = None
    input_basis: InputBasis = InputBasis.INCLUSIVE
    cached: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run with its normalised counts and its bucket. `reason` says why its counts are inconsistent."""

    observed: ObservedRun
    usage: CacheUsage
    bucket: RunClass
    reason: str | None

    def as_json(self) -> dict[str, Any]:
        """The run as JSON values, without unknown ones."""
        usage = asdict(self.usage)
        usage["missing_fields"] = list(self.usage.missing_fields)
        if not usage["missing_fields"]:
            del usage["missing_fields"]
        optional = {
            "inconsistency_reason": self.reason,
            "elapsed_ms": self.observed.elapsed_ms,
            "request": self.observed.request,
            "input_basis": None if self.observed.input_basis is InputBasis.INCLUSIVE else "fresh",
        }
        return {
            "run_index": self.observed.index,
            "usage": usage,
            "classification": str(self.bucket),
            **{name: value for name, value in optional.items() if value is not None},
            "raw_usage": self.observed.raw_usage,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The result for one route, with its runs."""

    provider: str
    model: str
    support: Support
    runs: tuple[Run, ...]
    verdict: Verdict

    @property
    def failed(self) -> bool:
        """Whether the verdict is a failure."""
        return self.verdict.is_failure

    @property
    def bucket_counts(self) -> dict[str, int]:
        """The number of runs in every bucket."""
        counts = {str(bucket): 0 for bucket in RunClass}
        for run in self.runs:
            counts[run.bucket] += 1
        return counts

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "schema_version": _SCHEMA_VERSION,
            "provider": self.provider,
            "model": self.model,
            "support": _support_json(self.support),
            "runs": [run.as_json() for run in self.runs],
            "bucket_counts": self.bucket_counts,
            "verdict": str(self.verdict),
            "dogfood_failure": self.failed,
        }


def build_report(provider: str, model: str, observed: Iterable[ObservedRun]) -> Report:
    """Normalise, classify and judge the runs of a route. The table decides whether it should cache."""
    support = support_of(provider, model)
    runs = tuple(_run(one, support.status) for one in observed)
    verdict = verdict_of([(run.observed.index, run.bucket) for run in runs], support.status)
    return Report(provider.strip(), model.strip(), support, runs, verdict)


def _run(observed: ObservedRun, status: SupportStatus) -> Run:
    raw = observed.raw_usage
    if observed.cached is not None and isinstance(raw, dict):
        # The last alias of the read count, so that a count in the usage itself wins.
        raw = {"cacheReadInputTokenCount": observed.cached, **raw}
    usage = normalise(raw, input_basis=observed.input_basis)
    return Run(observed, usage, classify(usage, status), inconsistency(usage))


def _support_json(support: Support) -> dict[str, Any]:
    supported = {SupportStatus.SUPPORTED: True, SupportStatus.UNSUPPORTED: False}.get(support.status)
    tier = {True: "provider-prompt-cache", False: "none", None: None}[supported]
    return {
        "status": str(support.status),
        "supported": supported,
        **({"cache_tier": tier} if tier else {}),
        "resolved_provider": support.provider,
        "resolved_model": support.model,
        "source": support.source,
        **({"evidence": support.evidence} if support.evidence else {}),
        "profile": {name: str(v) if isinstance(v, str) else v for name, v in asdict(support.profile).items()},
    }
