"""Which requests a run that sends nothing answers itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from addon.identity.url_form import normal_host, split_target
from addon.messages import WireRequest
from addon.offline import aws, google, metadata, microsoft, telemetry
from addon.offline.dummies import OfflineAnswer

__all__ = ["KINDS", "TELEMETRY", "TOKENS", "answer_offline", "metadata_answer"]


class Kind(NamedTuple):
    """An answered endpoint: the name that the report shows, its hosts, and what answers."""

    name: str
    hosts: tuple[str, ...]
    answer: Callable[[WireRequest, str, float], OfflineAnswer | None]


TOKENS = "dummy credentials"
TELEMETRY = "telemetry"
_METADATA = Kind(TOKENS, metadata.HOSTS, metadata.answer)
KINDS = (
    Kind(TOKENS, google.HOSTS, google.answer),
    Kind(TOKENS, microsoft.HOSTS, microsoft.answer),
    Kind(TOKENS, aws.HOSTS, aws.answer),
    _METADATA,
    Kind(TELEMETRY, telemetry.HOSTS, telemetry.answer),
)
"""Every kind of endpoint; a host belongs to one."""

_PATTERNS = tuple(
    (re.compile("|".join(".+".join(map(re.escape, host.split("*"))) for host in kind.hosts)), kind)
    for kind in KINDS
)


def answer_offline(
    request: WireRequest, now: float, *, tokens: bool = True
) -> tuple[str, OfflineAnswer] | None:
    """The kind's name and the answer; None for a request that is not answered here.

    `now` is Unix seconds. Without `tokens` only telemetry is answered.
    """
    kind = _kind_of(request.host)
    if kind is None or not (tokens or kind.name == TELEMETRY):
        return None
    host = normal_host(request.host).rstrip(".")
    path = split_target(request.target, request.host).path
    answer = kind.answer(replace(request, host=host), re.sub("/{2,}", "/", path), now)
    return (kind.name, answer) if answer is not None else None


def metadata_answer(request: WireRequest, now: float) -> tuple[str, OfflineAnswer] | None:
    """The same for a request to the proxy's own address, to which the client environment directs cloud SDKs."""
    if not metadata.is_asked_by(request):
        return None
    answer = metadata.answer(request, request.target.partition("?")[0], now)
    return (TOKENS, answer) if answer is not None else None


@lru_cache(maxsize=512)
def _kind_of(host: str) -> Kind | None:
    name = normal_host(host).rstrip(".")
    return next((kind for pattern, kind in _PATTERNS if pattern.fullmatch(name)), None)
