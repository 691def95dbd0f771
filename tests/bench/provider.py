"""A provider on loopback that peers ask once, or for streams."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.bench.work import answer
from tests.e2e import upstream as upstreams
from tests.e2e.upstream import Exchange, Upstream, chat_answer, chat_events, message_answer, message_events

__all__ = ["Provider", "providers"]

# With Nagle's algorithm an event waits for the client's delayed ACK of the head, 40 ms, which hides what a proxy adds.
Exchange.disable_nagle_algorithm = True


def script(exchange: Exchange) -> None:
    """Answers what `work.body` and `work.streamed` ask for, echoes "echo …!", and answers SDKs with 60 words.

    The text of a `streamed` event is the time that it was sent at (perf_counter).
    """
    if asked := re.search(rb'"(\d+) events, ([\d.]+) s"', exchange.body):
        exchange.start_chunked()
        for _ in range(int(asked[1])):
            exchange.chunk(chat_events([f"@{time.perf_counter()}@"], done=False)[0])
            time.sleep(float(asked[2]))
        for piece in chat_events([]):
            exchange.chunk(piece)
        exchange.chunk(b"")
    elif sized := re.search(rb'"user": ?"(\d+)"', exchange.body):  # some peers write a request anew
        exchange.answer(_answer(int(sized[1])))
    elif echoed := re.search(rb'"(echo [^"]+!)"', exchange.body):
        exchange.json(chat_answer(echoed[1].decode()))
    else:
        _to_an_sdk(exchange)


@cache
def _answer(size: int) -> bytes:
    return answer(size)


def _to_an_sdk(exchange: Exchange) -> None:
    words = [f"word{number} " for number in range(60)]
    anthropic = exchange.path.endswith("/messages")
    if re.search(rb'"stream": ?true', exchange.body):
        exchange.stream(message_events(words) if anthropic else chat_events(words))
    else:
        exchange.json(message_answer("".join(words)) if anthropic else chat_answer("".join(words)))


@dataclass
class Provider:
    """The provider: with TLS for proxies, plain for peers that are asked in plain http; `ca` signs the former."""

    tls: Upstream
    plain: Upstream
    ca: Path
    certificate: Path

    @property
    def count(self) -> int:
        """How many requests came to either."""
        return self.tls.count + self.plain.count


@contextmanager
def providers(folder: Path) -> Iterator[Provider]:
    """Both, on free ports."""
    certificate, ca = upstreams.make_ca(folder)
    chain = folder / "provider.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(chain))
    with ExitStack() as stack:
        tls = stack.enter_context(upstreams.running(certificate, script))
        plain = stack.enter_context(upstreams.running(None, script))
        yield Provider(tls, plain, ca, chain)
