"""Keeps what the open tests have sent, as identities, so that a test can assert it. In memory only."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from addon.exchange.decisions import Forward
from addon.scopes.scope import Scope

__all__ = ["SentRequests", "requests_page"]

_MOST = 1000  # requests of a test
_MOST_BYTES = 4 * 2**20  # of a test
_MOST_BYTES_OF_ALL = 64 * 2**20

_HIDDEN = "it holds a credential that this run has seen ({})"


class _Sent(NamedTuple):
    """One request: when it came (Unix seconds), its key and saved form, or why it has none."""

    at: float
    host: str
    method: str
    key: str
    saved: bytes
    bypass: str


@dataclass(slots=True)
class _OfTest:
    sent: list[_Sent] = field(default_factory=list)
    size: int = 0
    more: int = 0


class SentRequests:
    """What each open test of a client has sent to this process. `secret_in` gives the kind of a credential.

    A test's requests are forgotten at its end. Of those of all tests at most 64 MiB are kept: beyond that, those of
    the oldest test are only counted.
    """

    def __init__(self, secret_in: Callable[[bytes], str | None]) -> None:
        self._secret_in = secret_in
        self._tests: OrderedDict[tuple[str, str, int], _OfTest] = OrderedDict()
        self._size = 0

    def note(self, forward: Forward, bypass: str = "") -> None:
        """Note a request of a test; `bypass` says why it has no identity."""
        scope = forward.scope
        if scope is None or not scope.client:
            return
        of_test = self._tests.setdefault(scope.identity, _OfTest())
        identity, request = forward.identity, forward.request
        key, saved = (identity.key, identity.request_json) if identity is not None else ("", b"")
        if len(of_test.sent) >= _MOST or of_test.size + len(saved) > _MOST_BYTES:
            of_test.more += 1
            return
        of_test.sent.append(_Sent(forward.began_at, request.host, request.method, key, saved, bypass))
        of_test.size += len(saved)
        self._size += len(saved)
        for oldest in self._tests.values():
            if self._size <= _MOST_BYTES_OF_ALL:
                break
            self._size -= oldest.size
            oldest.more += len(oldest.sent)
            oldest.sent, oldest.size = [], 0

    def of(self, scope: Scope) -> dict[str, Any]:
        """What a test has sent so far, for `requests_page`. A request with a credential is not shown."""
        of_test = self._tests.get(scope.identity, _OfTest())
        rows = [[one.at, *self._shown(one)] for one in list(of_test.sent)]
        return {"rows": rows, "more": of_test.more}

    def forget(self, scope: Scope) -> None:
        """A test has ended."""
        of_test = self._tests.pop(scope.identity, None)
        if of_test is not None:
            self._size -= of_test.size

    def _shown(self, one: _Sent) -> tuple[str, str, str]:
        """A request's key, its saved form as text, and why there is none."""
        kind = self._secret_in(one.saved or f"{one.method} {one.host}".encode("utf-8", "replace"))
        if kind is not None:
            return one.key, "", _HIDDEN.format(kind)
        if one.key:
            return one.key, one.saved.decode("utf-8", "surrogatepass"), ""
        return "", json.dumps({"method": one.method, "host": one.host}), one.bypass


def requests_page(scope: Scope, parts: list[dict[str, Any]]) -> bytes:
    """What a test has sent to all processes, in the order of arrival: a JSON object in UTF-8.

    Each request has its `key` and the members of the saved form, which stand there exactly as they are hashed. One
    without an identity has `bypass`, or `hidden`, which says why.
    """
    rows = sorted((row for part in parts for row in part["rows"]), key=lambda row: row[0])
    requests = ",".join(_request(*row) for row in rows)
    more = sum(part["more"] for part in parts)
    head = f'{{"test":{json.dumps(scope.test)},"attempt":{scope.attempt},"more":{more},"requests":['
    return f"{head}{requests}]}}".encode("utf-8", "surrogatepass")


def _request(_at: float, key: str, saved: str, why: str) -> str:
    if not saved:
        return json.dumps({"key": key, "hidden": why})
    first = json.dumps({"key": key} if key else {"key": "", "bypass": why})
    return f"{first[:-1]},{saved.lstrip()[1:]}"
