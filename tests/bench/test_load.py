"""The load generator against a provider on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.load import Door, percentile, put_load
from tests.bench.work import body, post
from tests.e2e import upstream
from tests.e2e.upstream import Exchange

REQUEST = post(body(2048))


def test_every_answer_is_counted_and_none_twice(tmp_path: Path) -> None:
    """As many as the provider gave, less the first of each client and what was under way at the end; with TLS too."""
    certificate, ca = upstream.make_ca(tmp_path)
    for cafile, leaf in (("", None), (str(ca), certificate)):
        with upstream.running(leaf, lambda exchange: exchange.answer(b"x" * 100_000)) as provider:
            load = put_load(Door(provider.port, cafile=cafile), REQUEST, connections=4, seconds=0.3)
            assert 0 <= provider.count - 4 - len(load.times) <= 4
        assert load.rate <= len(load.times) / 0.3


def test_a_new_connection_for_each_request() -> None:
    """Where that is asked for; else a client keeps its own."""
    seen: set[tuple[str, int]] = set()

    def note(exchange: Exchange) -> None:
        seen.add(exchange.client_address)
        exchange.answer(b"{}")

    with upstream.running(None, note) as provider:
        put_load(Door(provider.port), REQUEST, connections=2, seconds=0.2)
        assert len(seen) == 2
        seen.clear()
        load = put_load(Door(provider.port), REQUEST, connections=2, seconds=0.2, fresh=True)
        assert len(seen) >= 2 + len(load.times)


def test_answers_of_different_lengths_are_read_to_their_ends() -> None:
    """A head that is new is read anew: none is cut, and none runs into the next."""
    with upstream.running(None, lambda e: e.answer(b"x" * (e.number * 997 % 60_000))) as provider:
        load = put_load(Door(provider.port), REQUEST, connections=3, seconds=0.2)
        assert provider.count - 3 - len(load.times) <= 3


@pytest.mark.parametrize("fresh", [False, True])
def test_an_error_is_not_a_hit(fresh: bool) -> None:
    """It ends the measure, with the head of the answer."""
    with (
        upstream.running(None, lambda exchange: exchange.answer(b"{}", 502)) as provider,
        pytest.raises(ConnectionError, match="502"),
    ):
        put_load(Door(provider.port), REQUEST, connections=2, seconds=0.2, fresh=fresh)


def test_percentiles() -> None:
    """The slowest is the p99 of few."""
    times = [float(number) for number in range(1, 11)]
    assert (percentile(times, 0.5), percentile(times, 0.99)) == (6.0, 10.0)
