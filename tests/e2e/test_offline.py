"""Replaying touches no network: no name is looked up, nothing is connected to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.clients import ask, cached
from tests.e2e.command import COMMAND
from tests.e2e.conftest import Proxy
from tests.e2e.upstream import Upstream

CLIENT = """
import json, os, ssl, sys, urllib.error, urllib.request
def ask(text):
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request("https://api.openai.com/v1/chat/completions", json.dumps(body).encode(),
                                     {"content-type": "application/json", "authorization": "Bearer test"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.headers["x-provider-proxy-cache"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["x-provider-proxy-cache"]
print(ask("hello"), ask("other"))
"""


def can_make_a_network_namespace() -> bool:
    """Whether this kernel lets us."""
    unshare = shutil.which("unshare")
    return (
        bool(unshare)
        and subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.skipif(not can_make_a_network_namespace(), reason="the kernel refuses a network namespace")
def test_replay_without_any_route(
    start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """In a network namespace that has nothing but loopback a hit is served and a miss is our 502."""
    recording = start_proxy(upstream)
    assert cached(ask(recording)) == "false"
    recording.stop()
    environ = recording.environ | {"PROVIDER_PROXY_CACHE_MODE": "read-only-require-hit"}
    command = [*COMMAND, "run", "--", sys.executable, "-c", CLIENT]
    script = f'ip link set lo up 2>/dev/null || ifconfig lo up; exec {subprocess.list2cmdline(command[:6])} -c "$CLIENT"'
    done = subprocess.run(["unshare", "-rn", "sh", "-c", script], env=environ | {"CLIENT": CLIENT}, cwd=tmp_path,
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert done.stdout == "(200, 'true') (502, 'false')\n", done.stderr


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_no_connection_and_no_name_lookup(
    start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """The kernel sees the replaying proxy connect to nothing and send no datagram."""
    recording = start_proxy(upstream)
    ask(recording)
    recording.stop()
    log = tmp_path / "strace.log"
    proxy = start_proxy(None, "read-only-require-hit")
    command = ["strace", "-f", "-e", "trace=connect,sendto", "-o", str(log), "-p", str(proxy.process.pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    assert "attached" in tracer.stderr.readline()
    assert cached(ask(proxy)) == "true"
    assert ask(proxy, "other").status_code == 502
    proxy.stop()
    tracer.communicate(timeout=120)
    calls = [line for line in log.read_text().splitlines() if "AF_INET" in line or "AF_UNIX" in line]
    assert calls == []


def test_even_a_fault_of_ours_sends_nothing(
    start_proxy: Callable[..., Proxy], upstream: Upstream, tmp_path: Path
) -> None:
    """With our own request hook broken, the connect-level guard still refuses every intercepted host."""
    breaker = tmp_path / "breaker.py"
    breaker.write_text(
        "from mitmproxy import ctx\n"
        "class Breaker:\n"
        "    def running(self):\n"
        "        cache = ctx.master.addons.get('provider_proxy')\n"
        "        async def broken(flow): raise RuntimeError('broken on purpose')\n"
        "        cache.request = broken\n"
        "        ctx.master.addons.register(type('Empty', (), {})())\n"
        "addons = [Breaker()]\n"
    )
    proxy = start_proxy(None, "read-only-require-hit", ("-s", str(breaker)))
    answer = ask(proxy)
    assert (answer.status_code, upstream.count) == (502, 0)
    assert "sends nothing to providers" in answer.text
    assert "broken on purpose" in proxy.stop()
