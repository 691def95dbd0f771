"""What one process knows of the open tests: the coordinator tells it, and requests are looked up here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from addon.scopes.globs import fits_any
from addon.scopes.scope import LONGEST_TEST, Scope
from addon.settings.modes import Mode

__all__ = ["OpenTests"]

_MOST_RAN = 200_000


class OpenTests:
    """The open tests by client.

    `refresh` are globs of tests whose entries are recorded again. `were_begun`: a client has begun a test.
    `ran` has the names of those that have ended and asked for all that they ask for.
    """

    def __init__(self) -> None:
        self._open: dict[str, Sequence[Scope]] = {}
        self.refresh: tuple[str, ...] = ()
        self.were_begun = False
        self.ran: set[str] = set()

    def set(self, client: str, scopes: Iterable[Scope]) -> None:
        """Replace what is known of one client."""
        self.were_begun = True
        open_now = tuple(map(self._refreshed, scopes))
        if open_now:
            self._open[client] = open_now
        else:
            self._open.pop(client, None)

    def of(self, client: str, named: str = "") -> Scope | None:
        """The test of a request: the one that its header has `named`, or the current one of its client.

        None if it belongs to the run.
        """
        scopes = self._open.get(client, ())
        if not named:
            return scopes[-1] if scopes else None
        test = named[:LONGEST_TEST]
        same = next((scope for scope in reversed(scopes) if scope.test == test), None)
        # The request says which test it is, so that of others beside it does not matter.
        return replace(same, coarse=False) if same else self._refreshed(Scope("", test))

    def note_ran(self, test: str) -> None:
        """Note that a test has run to its end."""
        if len(self.ran) < _MOST_RAN:
            self.ran.add(test)

    def all(self) -> list[Scope]:
        """Every open test."""
        return [scope for scopes in self._open.values() for scope in scopes]

    def _refreshed(self, scope: Scope) -> Scope:
        wanted = not scope.mode and fits_any(scope.test, self.refresh)
        return replace(scope, mode=str(Mode.WRITE_ONLY)) if wanted else scope
