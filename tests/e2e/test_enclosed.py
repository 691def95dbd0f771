"""`run --enclosed`: a command that can reach nothing but the proxy."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.command import COMMAND, provider_proxy
from tests.e2e.upstream import Upstream

COMMANDS = """
import json, os, socket, sys, urllib.request
def attempt(call):
    try:
        return call()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason}"
    except OSError as error:
        return type(getattr(error, "reason", error)).__name__
provider, local, other = sys.argv[1:]
question = urllib.request.Request(provider, b'{"model": "m"}', {"content-type": "application/json"})
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(60)
def datagram():
    udp.connect(("192.0.2.99", 443))
    udp.send(b"x")
    return udp.recv(1)
print(json.dumps({
    "uid": os.getuid(),
    "pythonpath": os.environ.get("PYTHONPATH"),
    "provider": attempt(lambda: urllib.request.urlopen(question).headers["x-provider-proxy-cache"]),
    "past": attempt(lambda: socket.create_connection(("api.openai.com", 443), 60)),
    "address": attempt(lambda: socket.create_connection(("192.0.2.99", 8443), 60)),
    "datagram": attempt(datagram),
    "plain": attempt(lambda: urllib.request.urlopen("http://not-a-provider.example/")),
    "local": attempt(lambda: socket.create_connection(("127.0.0.1", int(local)), 60).recv(5).decode()),
    "other": attempt(lambda: socket.create_connection(("127.0.0.1", int(other)), 60)),
}))
"""
# As root without CAP_SYS_ADMIN a namespace needs a user namespace, as it does for a user who is not root.
AS_A_USER = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")


def _can_enclose() -> bool:
    return (
        sys.platform == "linux"
        and shutil.which("unshare") is not None
        and subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0
    )


pytestmark = pytest.mark.skipif(
    not _can_enclose(), reason="this machine has no unprivileged network namespaces"
)


@pytest.fixture
def database() -> Iterator[int]:
    """The port of a server on this machine's loopback that says hello to everyone."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"hello")

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("before", [(), AS_A_USER], ids=["root", "user namespace"])
def test_nothing_but_the_proxy_is_reached(
    before: tuple[str, ...],
    start_upstream: Callable[..., Upstream],
    database: int,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """The provider is, through the proxy; everything else is refused at once, and named with its program."""
    if before and (os.getuid() != 0 or shutil.which("setpriv") is None):
        pytest.skip("needs root and setpriv")
    upstream = start_upstream()
    url = f"https://localhost:{upstream.port}/v1/chat/completions"
    environ |= {"PROVIDER_PROXY_HOSTS": f"localhost:{upstream.port}", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", COMMANDS, url, str(database), str(upstream.port)]
    started = [*before, *COMMAND, "run", "--mode", "read-write", "--enclosed", "--allow-local", str(database)]
    done = subprocess.run(
        [*started, "--", *command],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("pythonpath").endswith(str(tmp_path))
    refused = "ConnectionRefusedError"
    assert found == {
        "uid": os.getuid(),
        "provider": "false",
        "past": refused,
        "address": refused,
        "datagram": refused,
        "plain": "403 Refused by provider-proxy (PROVIDER_PROXY_TUNNEL=refuse)",
        "local": "hello",
        "other": refused,
    }
    report = json.loads((tmp_path / ".provider-proxy" / "last-run.json").read_text())
    program = Path(sys.executable).name
    assert report["outside"] == {
        f"api.openai.com:443 by {program}": 1,
        f"192.0.2.99:8443 by {program}": 1,
        f"192.0.2.99:443 over UDP by {program}": 1,
    }
    assert report["inside"] == {
        f"the proxy by {program}": 2,
        f"port {database} of this machine by {program}": 1,
    }
    assert f"provider-proxy: refused: api.openai.com:443 by {program} (process " in done.stderr
    assert f"past the proxy, refused: 192.0.2.99:443 over UDP by {program} 1" in done.stderr
    assert upstream.count == 1


def test_where_it_cannot_be(environ: dict[str, str], tmp_path: Path) -> None:
    """Exit 2 with the reason, and the command does not run; a command that does not exist is 127."""
    limits = "for n in net user; do echo 0 > /proc/sys/user/max_${n}_namespaces; done"
    script = f"{limits}; exec {shlex.quote(COMMAND[0])} run --enclosed -- touch ran"
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", script],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert (
        "--enclosed: this machine does not let a command have a network namespace (No space left"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "ran").exists()
    missing = provider_proxy("run", "--enclosed", "--", "no-such-command", environ=environ, folder=tmp_path)
    assert missing.returncode == 127
    assert "provider-proxy: no-such-command: command not found" in missing.stderr
    alone = provider_proxy("run", "--allow-local", "1", "--", "true", environ=environ, folder=tmp_path)
    assert (alone.returncode, "--allow-local needs --enclosed" in alone.stderr) == (2, True)


def test_doctor_lists_every_connection(environ: dict[str, str], tmp_path: Path) -> None:
    """By program, those that went past the proxy as failures."""
    script = "import socket; socket.create_connection(('db.internal', 5432))"
    command = ("doctor", "--enclosed", "--", sys.executable, "-c", script)
    environ |= {"PROVIDER_PROXY_LISTEN": "127.0.0.1:0"}
    done = provider_proxy(*command, environ=environ, folder=tmp_path)
    assert done.returncode == 1
    assert f"BAD  outside   db.internal:5432 by {Path(sys.executable).name} 1: refused" in done.stdout
