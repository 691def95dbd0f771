"""What exchanges have held is free once they have ended."""

from __future__ import annotations

from collections.abc import Callable

from addon.mitm.sweeping import SWEEP_BYTES
from tests.e2e.clients import CHAT_URL, ask, session, tunnel
from tests.e2e.conftest import Proxy
from tests.e2e.test_faults import peak
from tests.e2e.upstream import Upstream

BODY = b"x" * 16 * 2**20
TIMES = 20


def test_large_uploads_do_not_pile_up(start_proxy: Callable[..., Proxy], upstream: Upstream) -> None:
    """Twenty of them, half of them cut short, take no more memory than a few at once."""
    proxy = start_proxy(upstream, "read-write")
    ask(proxy)
    before = peak(proxy)
    for _ in range(TIMES // 2):
        with tunnel(proxy) as client:
            head = b"POST /v1/files HTTP/1.1\r\nhost: api.openai.com\r\ncontent-length: %d\r\n\r\n"
            client.sendall(head % (len(BODY) + 1) + BODY)
        with session(proxy) as whole:
            whole.post(CHAT_URL, data=BODY, timeout=120)
    grown = (peak(proxy) - before) * 1024
    assert grown < SWEEP_BYTES + 8 * len(BODY), grown / 2**20
