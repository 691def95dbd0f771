"""Identical requests in flight, repeated requests, and errors that a test expects."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.clients import ask, cached, chat_request, session, tunnel
from tests.e2e.conftest import Proxy, wait_for
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events

Start = Callable[..., Proxy]
StartUpstream = Callable[..., Upstream]


def ask_at_once(proxy: Proxy, count: int, **headers: str) -> list[tuple[int, str, bytes]]:
    """`count` identical requests at the same time: status, our header, body."""

    def one(_: int) -> tuple[int, str, bytes]:
        answer = ask(proxy, **headers)
        return answer.status_code, cached(answer), answer.content

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def slow(exchange: Exchange) -> None:
    """An answer that takes half a second."""
    time.sleep(0.5)
    exchange.json(chat_answer(f"n {exchange.number}"))


@pytest.mark.parametrize(("mode", "coalesce", "live"), [
    ("read-write", "wait", 1), ("read-old-write-new", "wait", 8), ("read-write", "off", 8),
    ("read-only", "wait", 8), ("off", "wait", 8),
])  # fmt: skip
def test_who_goes_to_the_provider(
    mode: str, coalesce: str, live: int, start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """In read-write, one of eight identical requests goes live and the others get its entry; else all go."""
    upstream = start_upstream(slow)
    answers = ask_at_once(start_proxy(upstream, mode, coalesce=coalesce), 8)
    assert upstream.count == live
    assert {status for status, _, _ in answers} == {200}
    if live == 1:
        assert len({body for _, _, body in answers}) == 1
        assert sorted(hit for _, hit, _ in answers) == ["false"] + ["true"] * 7


def test_a_retry_is_not_coalesced(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """In read-old-write-new a request after a finished answer gets an answer of its own."""
    upstream = start_upstream(slow)
    proxy = start_proxy(upstream)
    first = ask_at_once(proxy, 1)
    second = ask_at_once(proxy, 1)
    assert upstream.count == 2
    assert {body for _, _, body in first}.isdisjoint({body for _, _, body in second})


def test_an_answer_that_is_not_stored_releases_all(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """When the first answer is a 429 every waiter goes by itself, at once and not one after the other."""

    def script(exchange: Exchange) -> None:
        time.sleep(3)
        exchange.json({"error": {"message": "slow down"}}, 429)

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write")
    started = time.monotonic()
    answers = ask_at_once(proxy, 8)
    assert {status for status, _, _ in answers} == {429}
    assert upstream.count == 8
    assert time.monotonic() - started < 20  # in turn they would wait 24


def test_when_the_first_is_cut_off_the_next_takes_over(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """The leader's provider resets: one waiter goes live, the others get that entry."""

    def script(exchange: Exchange) -> None:
        time.sleep(0.4)
        if exchange.number == 1:
            exchange.reset()
        else:
            exchange.json(chat_answer("good"))

    upstream = start_upstream(script)
    answers = ask_at_once(start_proxy(upstream, "read-write"), 6)
    assert upstream.count == 2
    assert sorted(status for status, _, _ in answers) == [200] * 5 + [502]


def test_when_the_first_client_leaves_the_next_takes_over(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """A leader whose client goes away does not take its waiters with it."""
    upstream = start_upstream(lambda e: (time.sleep(0.6), e.stream(chat_events(["a"])))[0])
    proxy = start_proxy(upstream, "read-write")
    leader = tunnel(proxy)
    leader.sendall(chat_request())
    assert wait_for(lambda: upstream.count == 1)
    results: list[bytes] = []

    def wait_for_it() -> None:
        with tunnel(proxy) as client:
            client.sendall(chat_request())
            received = b""
            while b"[DONE]" not in received:
                part = client.recv(65536)
                if not part:
                    break
                received += part
            results.append(received)

    waiters = [threading.Thread(target=wait_for_it) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    time.sleep(0.2)
    leader.close()
    for waiter in waiters:
        waiter.join(20)
    assert len(results) == 3
    assert all(b"[DONE]" in result for result in results)
    assert upstream.count == 2


def test_waiters_of_a_stream_get_the_whole_stream(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """A waiter is answered from the finished entry of a stream."""
    events = chat_events(["a", "b", "c"])
    upstream = start_upstream(lambda e: e.stream(events, 0.1))
    proxy = start_proxy(upstream, "read-write")
    with session(proxy):
        answers = ask_at_once(proxy, 4)
    assert {body for _, _, body in answers} == {b"".join(events)}
    assert upstream.count == 1


def test_a_waiter_whose_client_left_disturbs_nobody(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """A client that gives up while it waits leaves the leader and the other waiters alone."""
    upstream = start_upstream(slow)
    proxy = start_proxy(upstream, "read-write")
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(ask, proxy)
        assert wait_for(lambda: upstream.count == 1)
        with tunnel(proxy) as impatient:
            body = b'{"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}'
            impatient.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\nauthorization: Bearer test"
                b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
            )
        waiter = pool.submit(ask, proxy)
        assert (cached(leader.result(20)), cached(waiter.result(20))) == ("false", "true")
    assert upstream.count == 1


def test_sequence_records_and_replays_each_answer_in_order(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """With REPEAT=sequence the n-th equal request has the n-th answer; past the end the last, or a miss."""
    upstream = start_upstream(lambda e: e.json(chat_answer(f"sample {e.number}")))
    proxy = start_proxy(upstream, "read-old-write-new", repeat="sequence")
    recorded = [ask(proxy).content for _ in range(3)]
    assert len(set(recorded)) == 3
    proxy.stop()
    for mode, last in (("read-old-write-new", 200), ("read-only", 200), ("read-only-require-hit", 502)):
        proxy = start_proxy(upstream, mode, repeat="sequence")
        answers = [ask(proxy) for _ in range(4)]
        assert [a.content for a in answers[:3]] == recorded
        assert answers[3].status_code == last
        if last == 200:
            assert answers[3].content == recorded[-1]
        proxy.stop()
    assert upstream.count == 3
    assert ask(start_proxy(None, "read-only-require-hit")).content == recorded[0]


def test_sequence_turns_coalescing_off(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """Equal requests at once have an answer each."""
    upstream = start_upstream(slow)
    answers = ask_at_once(start_proxy(upstream, "read-write", repeat="sequence"), 4)
    assert upstream.count == 4
    assert len({body for _, _, body in answers}) == 4


def provider_with_keys(exchange: Exchange) -> None:
    """401 for a bad key, 400 for a bad parameter, 403 for a forbidden model, else a success."""
    if exchange.headers["authorization"] == "Bearer bad-key-0123456789":
        exchange.json({"error": {"message": "Incorrect API key", "type": "invalid_request_error"}}, 401)
    elif b"bad parameter" in exchange.body:
        exchange.json({"error": {"message": "bad parameter", "type": "invalid_request_error"}}, 400)
    elif b"too fast" in exchange.body:
        exchange.json({"error": {"message": "slow down", "type": "rate_limit"}}, 429)
    else:
        exchange.json(chat_answer("fine"))


def test_expected_errors_replay_offline(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """A bad-key test and a bad-parameter test replay; neither key gets what belongs to the other."""
    upstream = start_upstream(provider_with_keys)
    good, bad = "Bearer good-key-0123456789", "Bearer bad-key-0123456789"
    proxy = start_proxy(upstream, store_errors="400,401,404")
    assert ask(proxy, "hello", authorization=good).status_code == 200
    assert ask(proxy, "hello", authorization=bad).status_code == 401
    assert ask(proxy, "bad parameter", authorization=good).status_code == 400
    assert ask(proxy, "too fast", authorization=good).status_code == 429
    proxy.stop()
    upstream.stop()
    proxy = start_proxy(None, "read-only-require-hit", store_errors="400,401,404")
    assert ask(proxy, "hello", authorization=good).json()["object"] == "chat.completion"
    assert ask(proxy, "hello", authorization=bad).json()["error"]["message"] == "Incorrect API key"
    assert ask(proxy, "bad parameter", authorization=good).status_code == 400
    assert ask(proxy, "too fast", authorization=good).status_code == 502
    other_key = ask(proxy, "hello", authorization="Bearer another-key-0123456789")
    assert other_key.status_code == 200
    assert ask(proxy, "bad parameter", authorization=bad).status_code == 502
    proxy.stop()
    without = start_proxy(None, "read-only-require-hit")
    assert ask(without, "hello", authorization=good).status_code == 200


def test_a_credential_that_works_again_is_served_again(
    start_proxy: Start, start_upstream: StartUpstream
) -> None:
    """A key that was rejected once and then works hits ordinary entries again."""
    rejected = threading.Event()
    rejected.set()

    def script(exchange: Exchange) -> None:
        if rejected.is_set():
            exchange.json({"error": {"message": "no", "type": "x"}}, 401)
        else:
            exchange.json(chat_answer("fine"))

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write", store_errors="401")
    assert ask(proxy, "a").status_code == 401
    rejected.clear()
    assert ask(proxy, "b").status_code == 200
    assert cached(ask(proxy, "b")) == "true"


def test_no_digest_of_a_working_credential_is_kept(start_proxy: Start, start_upstream: StartUpstream) -> None:
    """A 403 to a key that worked in this run is not stored: nothing derived from a good key is written."""

    def script(exchange: Exchange) -> None:
        if b"forbidden" in exchange.body:
            exchange.json({"error": {"message": "no", "type": "permission"}}, 403)
        else:
            exchange.json(chat_answer("fine"))

    upstream = start_upstream(script)
    proxy = start_proxy(upstream, "read-write", store_errors="401,403")
    ask(proxy, "a")
    assert [ask(proxy, "forbidden").status_code for _ in range(2)] == [403, 403]
    assert upstream.count == 3
