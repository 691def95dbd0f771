"""The load generator against a provider on loopback."""

from __future__ import annotations

import time
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


def test_the_meter_is_read_at_both_ends_of_the_measure() -> None:
    """Not before the connections stand."""
    read: list[int] = []

    with upstream.running(None, lambda exchange: exchange.answer(b"{}")) as provider:

        def meter() -> float:
            read.append(provider.count)
            return 10.0 * len(read)

        load = put_load(Door(provider.port), REQUEST, connections=3, seconds=0.1, meter=meter)
    assert load.peer == 10.0
    assert read[0] == 3
    assert read[1] >= len(load.times)


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


def test_an_answer_takes_as_long_as_its_last_byte() -> None:
    """A long answer is awaited to its end; a short one after it is not waited for as long a one (that would hang)."""

    def long_and_short(exchange: Exchange) -> None:
        if exchange.number % 2 == 0:
            exchange.answer(b"x" * 10)
            return
        exchange.send_response(200)
        exchange.send_header("content-length", "1000")
        exchange.end_headers()
        exchange.wfile.write(b"x" * 500)
        time.sleep(0.02)
        exchange.wfile.write(b"x" * 500)

    with upstream.running(None, long_and_short) as provider:
        load = put_load(Door(provider.port), REQUEST, connections=1, seconds=0.3)
    slow = [seconds for seconds in load.times if seconds >= 0.02]
    assert len(load.times) // 2 <= len(slow)


@pytest.mark.parametrize("fresh", [False, True])
def test_an_error_is_not_a_hit(fresh: bool) -> None:
    """It ends the measure, with the head of the answer."""
    with (
        upstream.running(None, lambda exchange: exchange.answer(b"{}", 502)) as provider,
        pytest.raises(ConnectionError, match="502"),
    ):
        put_load(Door(provider.port), REQUEST, connections=2, seconds=0.2, fresh=fresh)


def test_a_peer_that_says_nothing_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, rather than for ever."""
    monkeypatch.setattr("tests.bench.load.PATIENCE", 0.3)
    with (
        upstream.running(None, lambda exchange: time.sleep(1)) as provider,
        pytest.raises(ConnectionError, match="hangs"),
    ):
        put_load(Door(provider.port), REQUEST, connections=2, seconds=0.1)


def test_percentiles() -> None:
    """The slowest is the p99 of few."""
    times = [float(number) for number in range(1, 11)]
    assert [percentile(times, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 6.0, 10.0, 10.0]
