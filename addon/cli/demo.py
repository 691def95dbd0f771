"""`demo`: records and replays offline, with a sample provider that comes with the tool."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

import click

from addon.cli.output import print_table, say
from addon.cli.sample_provider import SampleProvider
from addon.exchange.cache_status import CACHE_HEADER
from addon.host.log import log_to_stderr
from addon.host.options import client_changes, host_options
from addon.printing import program
from addon.settings.settings import Settings

__all__ = ["demo"]

_QUESTION = "What does provider-proxy do?"
_NEW_QUESTION = "What does provider-proxy not do?"
_FAULTS = '[{"kind": "rate-limit", "nth": 1, "retry_after": 0}]'


@dataclass(frozen=True)
class _Step:
    what: str
    provider: str
    status: int
    cache: str
    seconds: float
    body: bytes
    retry_after: float


@click.command()
def demo() -> None:
    """Record and replay a sample provider, streaming included. Nothing leaves this machine."""
    log_to_stderr()
    logging.getLogger("addon").setLevel(logging.ERROR)  # the demo prints the miss itself
    with tempfile.TemporaryDirectory(prefix="provider-proxy-demo-") as folder:
        steps = asyncio.run(_story(Path(folder)))
    _print(steps)
    _check(steps)


async def _story(folder: Path) -> list[_Step]:
    provider = SampleProvider(folder)
    say(f"A sample provider answers on {provider.url}; its cache is in a temporary folder.")
    live = [("question", _QUESTION, False), ("streamed", _QUESTION, True)]
    last = [
        ("question", _QUESTION, False),
        ("streamed, as recorded", _QUESTION, True),
        ("a new question", _NEW_QUESTION, False),
    ]
    steps = await _with_proxy(folder, provider, "read-old-write-new", "on", live)
    provider.stop()
    say("The provider is now off; other proxies serve what the first one recorded.")
    say("")
    steps += await _with_proxy(folder, provider, "read-only-require-hit", "off", live)
    return steps + await _with_proxy(
        folder, provider, "read-only-require-hit", "off", last, replay="recorded", faults=_FAULTS
    )


async def _with_proxy(
    folder: Path,
    provider: SampleProvider,
    mode: str,
    provider_is: str,
    questions: list[tuple[str, str, bool]],
    **more: str,
) -> list[_Step]:
    from addon.host.host import Host

    environ = {"SSL_CERT_FILE": str(provider.certificate), "XDG_DATA_HOME": str(folder)}
    raw = {
        "cache_mode": mode,
        "cache_dir": str(folder / "cache"),
        "hosts": f"localhost:{provider.port}",
        "listen": "127.0.0.1:0",
        **more,
    }
    settings = Settings.parse(raw)
    host = Host(host_options(raw, settings, environ))
    finished = asyncio.Event()
    steps: list[_Step] = []
    tasks: list[asyncio.Task[None]] = []

    async def ask_all() -> None:
        try:
            changes = client_changes(settings, host.url, environ)
            opener = _opener(changes.set["HTTPS_PROXY"], changes.set["SSL_CERT_FILE"])
            for what, question, stream in questions:
                ask = partial(
                    _ask, opener, provider, question=question, stream=stream, provider_is=provider_is
                )
                steps.extend(await asyncio.to_thread(_until_answered, ask, what))
        finally:
            finished.set()

    await host.run(lambda: tasks.append(asyncio.create_task(ask_all())), until=finished)
    await asyncio.gather(*tasks)
    return steps


def _opener(proxy: str, bundle: str) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context(cafile=bundle)
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": proxy}), urllib.request.HTTPSHandler(context=context)
    )


def _until_answered(ask: Callable[..., _Step], what: str) -> list[_Step]:
    """Ask, and ask again after a rate limit, as SDKs do."""
    step = ask(what=what)
    if step.status != HTTPStatus.TOO_MANY_REQUESTS:
        return [step]
    time.sleep(step.retry_after)
    return [step, ask(what="its retry")]


def _ask(
    opener: urllib.request.OpenerDirector,
    provider: SampleProvider,
    *,
    what: str,
    question: str,
    stream: bool,
    provider_is: str,
) -> _Step:
    body = {"model": "demo-1", "stream": stream, "messages": [{"role": "user", "content": question}]}
    request = urllib.request.Request(  # noqa: S310 - our own https address
        provider.url,
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer not-a-real-key"},
    )
    started = time.monotonic()
    try:
        with opener.open(request, timeout=30) as response:
            status, headers, answer = response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        status, headers, answer = error.code, error.headers, error.read()
    seconds = time.monotonic() - started
    retry_after = float(headers.get("retry-after", 0))
    return _Step(what, provider_is, status, headers.get(CACHE_HEADER, "-"), seconds, answer, retry_after)


def _print(steps: list[_Step]) -> None:
    rows = [
        (step.what, step.provider, str(step.status), step.cache, f"{step.seconds * 1000:.0f} ms")
        for step in steps
    ]
    print_table(("request", "provider", "status", CACHE_HEADER, "time"), rows, right=("status", "time"))
    miss = json.loads(steps[-1].body)["error"]["message"]
    say("")
    say("The 429 was asked for (run --fault rate-limit,nth=1), and the client's retry had its recording.")
    say("The stream “as recorded” came with its pauses, by PROVIDER_PROXY_REPLAY=recorded.")
    say("The last request was never recorded, so it is refused, and the answer says why:")
    say(f"  {miss}")
    say("")
    say(f"Next: {program()} run -- pytest")


def _check(steps: list[_Step]) -> None:
    """Fail the demo unless everything happened as it should."""
    live, streamed, hit, streamed_hit, limited, retry, paced, miss = steps
    as_expected = (
        live.cache == streamed.cache == "false"
        and hit.cache == streamed_hit.cache == retry.cache == paced.cache == "true"
        and hit.body == live.body == retry.body
        and limited.status == HTTPStatus.TOO_MANY_REQUESTS
        and streamed_hit.body == paced.body == streamed.body
        and miss.status == 502
    )
    if not as_expected:
        raise click.ClickException("the demo failed; please report the table above")
