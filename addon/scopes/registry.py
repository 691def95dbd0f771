"""The tests that the clients of a run have begun and not ended. The run's coordinator keeps the one `Registry`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from addon.scopes.scope import Scope, Wish
from cache_store.errors import UsageError

__all__ = ["Registry"]

_MOST_OPEN = 100  # of one client
_MOST_CLIENTS = 10_000
_MOST_ENDED = 200_000


class Registry:
    """The open tests by client; the last of a client is its current one."""

    def __init__(self) -> None:
        self._open: dict[str, list[Scope]] = {}
        self._ended: Counter[tuple[str, str]] = Counter()

    def begin(self, client: str, wish: Wish) -> list[Scope]:
        """Make `wish.test` the client's current test; the client's open tests.

        A test that the client had ended begins a new attempt, and one that is still open goes on. Tests that are
        open side by side are coarse unless the client switches between them. Raises UsageError for too many.
        """
        before = self._open.get(client, [])
        others = [scope for scope in before if scope.test != wish.test]
        same = next((scope for scope in before if scope.test == wish.test), None)
        if len(others) >= _MOST_OPEN or (not before and len(self._open) >= _MOST_CLIENTS):
            raise UsageError("too many tests are open; end them with DELETE")
        overlap = bool(others) and not wish.switch
        attempt = wish.attempt or (same.attempt if same else self._ended[client, wish.test] + 1)
        coarse = wish.coarse or overlap or (same is not None and same.coarse)
        scope = Scope(
            client,
            wish.test,
            attempt,
            wish.mode,
            wish.repeat,
            coarse,
            wish.file,
            wish.line,
            wish.faults,
        )
        if overlap:
            others = [replace(other, coarse=True) for other in others]
        self._open[client] = [*others, scope]
        return self._open[client]

    def end(self, client: str, test: str = "") -> Scope | None:
        """End the client's current test, or the open one called `test`; None if there is no such test."""
        before = self._open.get(client, [])
        ended = next((scope for scope in reversed(before) if test in ("", scope.test)), None)
        if ended is None:
            return None
        left = [scope for scope in before if scope is not ended]
        if left:
            self._open[client] = left
        else:
            del self._open[client]
        if len(self._ended) < _MOST_ENDED:
            self._ended[client, ended.test] += 1
        return ended

    def of(self, client: str) -> list[Scope]:
        """The open tests of a client, its current one last."""
        return self._open.get(client, [])

    def clients(self) -> Iterator[tuple[str, list[Scope]]]:
        """Every client that has open tests, with them."""
        return iter(list(self._open.items()))
