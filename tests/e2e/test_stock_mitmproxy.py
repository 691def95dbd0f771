"""The addon inside mitmproxy's own programs."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.e2e.clients import CHAT_URL
from tests.e2e.command import COMMAND
from tests.e2e.conftest import MAP_HOSTS, ROOT, Proxy, wait_for
from tests.e2e.upstream import Upstream

SCRIPT = ROOT / "addon" / "script.py"


def free_port() -> int:
    """A port that was free a moment ago."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """Whether something accepts connections there."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("program", ["mitmdump", "mitmweb", "mitmproxy"])
def test_the_script_works_in(
    program: str, upstream: Upstream, environ: dict[str, str], tmp_path: Path,
    certificates: tuple[object, Path],
) -> None:  # fmt: skip
    """`-s addon/script.py` records and replays in each of mitmproxy's programs."""
    port, web = free_port(), free_port()
    environ |= {"TEST_UPSTREAM_PORT": str(upstream.port), "TERM": "xterm"}
    command = [str(Path(sys.executable).with_name(program)), "-s", str(SCRIPT), "-s", str(MAP_HOSTS),
               "--listen-host", "127.0.0.1", "--listen-port", str(port), "--set", f"confdir={tmp_path / 'conf'}",
               "--set", f"ssl_verify_upstream_trusted_ca={certificates[1]}",
               "--set", "provider_proxy_cache_mode=read-write"]  # fmt: skip
    if program == "mitmweb":
        command += ["--web-port", str(web), "--no-web-open-browser", "--set", "web_password=test-password"]
    if program == "mitmproxy":  # wants a terminal
        sized = f"stty cols 120 rows 40; exec {subprocess.list2cmdline(command)}"
        command = ["script", "-qec", sized, "/dev/null"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environ, stdin=subprocess.PIPE, stdout=log, stderr=log
        )
    try:
        assert wait_for(lambda: listening(port), 30), (tmp_path / "log").read_text()
        with requests.Session() as client:
            client.trust_env = False
            client.proxies = {"https": f"http://127.0.0.1:{port}"}
            client.verify = str(tmp_path / "conf" / "mitmproxy-ca-cert.pem")
            seen = [client.post(CHAT_URL, json={"model": "m"}, timeout=120) for _ in range(2)]
        assert [answer.headers["x-provider-proxy-cache"] for answer in seen] == ["false", "true"]
        if program == "mitmweb":
            flows = requests.get(f"http://127.0.0.1:{web}/flows?token=test-password", timeout=120).json()
            assert "hit; key=" in flows[-1]["comment"]
    finally:
        process.terminate()
        process.communicate(timeout=120)
    if program == "mitmdump":
        assert re.search(r"api\.openai\.com +2 +1 +1", (tmp_path / "log").read_text())


def test_a_bad_setting_stops_stock_mitmdump(environ: dict[str, str], tmp_path: Path) -> None:
    """mitmdump exits 1 and names what is wrong."""
    environ["PROVIDER_PROXY_CACHE_MOD"] = "off"
    mitmdump = str(Path(sys.executable).with_name("mitmdump"))
    command = [mitmdump, "-s", str(SCRIPT), "-p", "0", "--set", f"confdir={tmp_path}"]
    done = subprocess.run(
        command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "did you mean PROVIDER_PROXY_CACHE_MODE?" in done.stdout + done.stderr


_LACKS_ORJSON = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "orjson":
            raise ModuleNotFoundError("No module named 'orjson'", name=name)
sys.meta_path.insert(0, Missing())
from mitmproxy.tools.main import mitmdump
mitmdump(["-s", *sys.argv[1:]])
"""


def test_a_mitmproxy_without_our_packages_says_how_to_get_them(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """It ends, with one line instead of a traceback."""
    command = [sys.executable, "-c", _LACKS_ORJSON, str(SCRIPT), "-p", "0", "--set", f"confdir={tmp_path}"]
    done = subprocess.run(
        command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("provider-proxy: this mitmproxy lacks the package orjson; get it with `")
    assert f"-m pip install {shlex.quote(str(ROOT))}`" in line
    assert f"{shlex.quote(str(ROOT / 'run-proxy.sh'))} web`" in line


def test_serve_web_runs_mitmweb(upstream: Upstream, environ: dict[str, str], tmp_path: Path) -> None:
    """`serve --web` is mitmweb with the cache in it; its log, and the report in it, are written once."""
    port, web = free_port(), free_port()
    environ |= {"TEST_UPSTREAM_PORT": str(upstream.port), "PROVIDER_PROXY_CACHE_MODE": "read-write"}
    command = [*COMMAND, "serve", "--web", "--listen", f"127.0.0.1:{port}", "--",
               "-s", str(MAP_HOSTS), "--web-port", str(web), "--no-web-open-browser"]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        assert wait_for(lambda: listening(port) and listening(web), 30)
        ca = Path(environ["XDG_DATA_HOME"]) / "provider-proxy" / "mitmproxy-ca-cert.pem"
        with requests.Session() as client:
            client.trust_env = False
            client.proxies, client.verify = {"https": f"http://127.0.0.1:{port}"}, str(ca)
            seen = [client.post(CHAT_URL, json={"model": "m"}, timeout=120) for _ in range(2)]
        assert [answer.headers["x-provider-proxy-cache"] for answer in seen] == ["false", "true"]
    finally:
        process.terminate()
        output, errors = process.communicate(timeout=120)
    assert f"export HTTPS_PROXY=http://127.0.0.1:{port}" in output
    assert (output + errors).count("provider-proxy, mode read-write, 2 requests") == 1


def test_options_after_the_dashes_reach_mitmproxy(
    start_proxy: Callable[..., Proxy], upstream: Upstream
) -> None:
    """`serve -- -w FILE -s SCRIPT`: the flows are written, and other people's addons see them."""
    watcher = MAP_HOSTS.parent / "watcher.py"
    proxy = start_proxy(upstream, "read-write", ("-w", "flows.mitm", "-s", str(watcher)))
    with requests.Session() as client:
        client.trust_env = False
        client.proxies, client.verify = {"https": proxy.url}, proxy.bundle
        for _ in range(2):
            client.post(CHAT_URL, json={"model": "m"}, timeout=120)
    time.sleep(0.1)
    proxy.stop()
    from mitmproxy.io import FlowReader

    with (proxy.folder / "flows.mitm").open("rb") as file:
        flows = list(FlowReader(file).stream())
    assert [flow.response.headers["x-provider-proxy-cache"] for flow in flows] == ["false", "true"]
    assert (proxy.folder / "watched").read_text() == "-\ntrue\n"  # our marks are added last
