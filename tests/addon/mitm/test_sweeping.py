"""Garbage is collected after a given number of body bytes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from addon.exchange.recording import Recording
from addon.mitm.sweeping import SWEEP_BYTES, Sweeping

HALF = bytes(SWEEP_BYTES // 2)


class _Ring:
    """Refers to itself, as flows and layers do."""

    def __init__(self) -> None:
        self.ring = self


@pytest.fixture(autouse=True)
def by_hand() -> Iterator[None]:
    """Nothing but a sweep collects."""
    gc.disable()
    yield
    gc.enable()


def leftover() -> weakref.ref[_Ring]:
    """Garbage."""
    return weakref.ref(_Ring())


def flow(body: bytes = b"", length: bytes = b"0", answer: bytes = b"") -> http.HTTPFlow:
    """An exchange with these bodies."""
    request = tutils.treq(content=body, headers=http.Headers([(b"Content-Length", length)]))
    return tflow.tflow(req=request, resp=tutils.tresp(content=answer))


def recorded(body: bytes) -> http.HTTPFlow:
    """An exchange whose answer was being recorded."""
    made = flow()
    assert made.response
    made.response.stream = recording = Recording(SWEEP_BYTES, "text/plain")
    recording(body)
    return made


COMES: dict[str, Callable[[Sweeping], None]] = {
    "announced": lambda s: s.requestheaders(flow(length=str(len(HALF)).encode())),
    "request": lambda s: s.request(flow(HALF)),
    "answer": lambda s: s.response(flow(answer=HALF)),
    "cut answer": lambda s: s.error(recorded(HALF)),
}
SWEEPS: dict[str, Callable[[Sweeping], None]] = {
    "the next exchange": lambda s: s.requestheaders(flow()),
    "a client that leaves": lambda s: s.client_disconnected(tflow.tclient_conn()),
}


@pytest.mark.parametrize("how", COMES)
@pytest.mark.parametrize("when", SWEEPS)
def test_bodies_are_added_up(how: str, when: str) -> None:
    """Nothing is collected for one of half the weight; with the second all is, and then nothing again."""
    sweeping = Sweeping()
    left = leftover()
    COMES[how](sweeping)
    SWEEPS[when](sweeping)
    assert left() is not None
    COMES[how](sweeping)
    SWEEPS[when](sweeping)
    assert left() is None
    left = leftover()
    SWEEPS[when](sweeping)
    assert left() is not None


def test_what_is_light_or_unknown_counts_for_nothing() -> None:
    """Neither do small bodies add up to a sweep, nor does nonsense, nor an exchange without an answer."""
    sweeping = Sweeping()
    left = leftover()
    small = flow(bytes(1000), answer=bytes(1000))
    for _ in range(SWEEP_BYTES // 1000 + 1):
        sweeping.request(small)
        sweeping.response(small)
    empty = tflow.tflow(err=True)
    sweeping.error(empty)
    sweeping.response(empty)
    for length in (b"", b"abc", b"-100000000", b"9" * 5000):
        sweeping.requestheaders(flow(length=length))
    assert left() is not None
