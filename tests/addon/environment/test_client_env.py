"""The environment that clients get."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from addon.environment.client_env import EnvChanges, apply, client_environment, render
from addon.settings.hosts import parse_hosts
from cache_store.errors import UsageError

URL = "http://user:p%40ss@127.0.0.1:8080"
BUNDLE = Path("/data/bundle.pem")
METADATA = "169.254.169.254,169.254.170.2,metadata.google.internal,fd00:ec2::254"
AWKWARD = "it's a \"$HOME\" `x` \\ \\' %s {a,b} *\nsecond line\nEOF\n\ttab"


def _changes(environ: dict[str, str] | None = None, hosts: str = "") -> EnvChanges:
    return client_environment(environ or {}, proxy_url=URL, bundle=BUNDLE, rules=parse_hosts(hosts))


def _no_proxy(no_proxy: str, hosts: str = "") -> str:
    changes = _changes({"NO_PROXY": no_proxy}, hosts)
    assert changes.set["no_proxy"] == changes.set["NO_PROXY"]
    return changes.set["NO_PROXY"]


def test_exactly_these_variables() -> None:
    """These variables are set and unset, and no others."""
    bundle = str(BUNDLE)
    no_proxy = f"localhost,127.0.0.1,::1,{METADATA}"
    assert _changes() == EnvChanges(
        set={
            "HTTPS_PROXY": URL,
            "https_proxy": URL,
            "HTTP_PROXY": URL,
            "http_proxy": URL,
            "SSL_CERT_FILE": bundle,
            "REQUESTS_CA_BUNDLE": bundle,
            "CURL_CA_BUNDLE": bundle,
            "AWS_CA_BUNDLE": bundle,
            "NODE_EXTRA_CA_CERTS": bundle,
            "NODE_USE_ENV_PROXY": "1",
            "_PROVIDER_PROXY_OUTER": "127.0.0.1:8080",
            "GIT_SSL_CAINFO": bundle,
            "PIP_CERT": bundle,
            "DENO_CERT": bundle,
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": bundle,
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        },
        unset=("SSL_CERT_DIR", "ALL_PROXY", "all_proxy"),
    )


def test_metadata_goes_through_a_proxy_that_answers_it() -> None:
    """Otherwise clients ask their cloud directly, and an entry of an outer run is not kept."""
    environ = {"NO_PROXY": f"a.corp,{METADATA}"}
    changes = client_environment(environ, proxy_url=URL, bundle=BUNDLE, rules=parse_hosts(""), metadata=True)
    assert changes.set["NO_PROXY"] == "a.corp,localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    "hiding",
    [
        "api.openai.com",
        ".openai.com",
        "openai.com",
        "*.openai.com",
        "*",
        "com",
        "amazonaws.com",
        "API.OpenAI.com:443",
    ],
)
def test_entries_that_hide_intercepted_hosts_go(hiding: str) -> None:
    """An entry that would lead a client past the proxy is dropped, the others stay in order."""
    kept = _no_proxy(f"a.corp,{hiding},.internal,10.0.0.0/8")
    assert kept == f"a.corp,.internal,10.0.0.0/8,localhost,127.0.0.1,::1,{METADATA}"


def test_localhost_goes_where_it_is_intercepted() -> None:
    """A local server that is intercepted is reached through the proxy; other names and ports of it are not."""
    assert (
        _no_proxy("localhost:3000,localhost", "+localhost:11434")
        == f"localhost:3000,127.0.0.1,::1,{METADATA}"
    )
    assert _no_proxy("localhost", "+localhost:11434") == f"127.0.0.1,::1,{METADATA}"
    assert _no_proxy("localhost:3000", "+127.0.0.1:11434") == f"localhost:3000,localhost,::1,{METADATA}"


def test_every_host_intercepted() -> None:
    """With every host intercepted only the metadata addresses are excepted."""
    assert _no_proxy("a.corp,10.0.0.0/8", "*") == METADATA


def test_nothing_twice() -> None:
    """Entries that are there already are not repeated, so a nested run changes nothing."""
    once = _no_proxy("localhost,169.254.169.254")
    assert once.split(",").count("localhost") == once.split(",").count("169.254.169.254") == 1
    assert _no_proxy(once) == once


def test_httpx_accepts_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx, on which most SDKs stand, makes a client from it (IPv6 addresses have upset it before)."""
    monkeypatch.setenv("NO_PROXY", _no_proxy("a.corp"))
    monkeypatch.setenv("HTTPS_PROXY", URL)
    httpx.Client(verify=False).close()


def test_apply() -> None:
    """Values are overridden, unset names are gone, the rest stays, and the original is not touched."""
    environ = {"SSL_CERT_DIR": "/d", "ALL_PROXY": "x", "SSL_CERT_FILE": "/old", "OTHER": "1"}
    changes = _changes(environ)
    assert apply(environ, changes) == {"OTHER": "1", **changes.set}
    assert environ["SSL_CERT_FILE"] == "/old"


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh"])
def test_shell_reads_it_back(shell: str) -> None:
    """A shell that evaluates the text has the very values, and not the unset ones."""
    _reads_back(shell, "sh", 'eval "$1"; printf %s "$AWKWARD"; printf "|%s" "${GONE-unset}"')


def test_fish_reads_it_back() -> None:
    """fish has the very values too."""
    # `string collect` keeps the newlines, as `env --format fish | source` does.
    _reads_back(
        "fish", "fish", 'printf %s $argv[2] | source; printf %s "$AWKWARD"; set -q GONE; or printf "|unset"'
    )


def _reads_back(shell: str, fmt: str, script: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    text = render(EnvChanges({"AWKWARD": AWKWARD}, ("GONE",)), fmt)
    done = subprocess.run(
        [shell, "-c", script, "-", text], env={"GONE": "here"}, capture_output=True, check=True
    )
    assert done.stdout.decode() == f"{AWKWARD}|unset"


def test_fish_quoting() -> None:
    """Within fish's single quotes only the quote and the backslash are escaped."""
    text = render(EnvChanges({"A": "it's \\ $x"}, ("B", "C")), "fish")
    assert text == "set -gx A 'it\\'s \\\\ $x'\nset -e B\nset -e C\n"


def _github_runner(text: str) -> dict[str, str]:
    """Reads a GITHUB_ENV file as GitHub documents it: NAME=value, or NAME<<END, lines, END."""
    values, lines = {}, iter(text.split("\n"))
    for line in lines:
        if "<<" in line:
            name, end = line.split("<<", 1)
            body = []
            while (part := next(lines)) != end:
                body.append(part)
            values[name] = "\n".join(body)
        elif line:
            name, values[name.split("=")[0]] = line, line.split("=", 1)[1]
    return values


def test_github() -> None:
    """GITHUB_ENV has the very values; an unset variable is an empty one there."""
    text = render(EnvChanges({"AWKWARD": AWKWARD, "PLAIN": "x"}, ("GONE",)), "github")
    assert _github_runner(text) == {"AWKWARD": AWKWARD, "PLAIN": "x", "GONE": ""}


def test_json() -> None:
    """JSON has null for what is unset."""
    text = render(EnvChanges({"AWKWARD": AWKWARD}, ("GONE",)), "json")
    assert json.loads(text) == {"AWKWARD": AWKWARD, "GONE": None}


def test_unknown_format() -> None:
    """Another format is refused with the list of those that are known."""
    with pytest.raises(UsageError, match="sh, fish, github, json"):
        render(EnvChanges({}, ()), "powershell")
