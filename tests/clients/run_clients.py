"""Runs real clients through `run --enclosed` and writes what each needs to results.json, for docs/clients.md.

    .venv/bin/python tests/clients/run_clients.py FOLDER [RUNTIME: NAME…]

FOLDER keeps what is installed from the packages' registries. The provider is one on loopback, so no key is needed and
nothing is sent out. Needs Linux, and pip, npm, Go, Java, Ruby, curl and wget for the rows of these.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import trustme  # noqa: E402

from tests.clients.catalogue import CLIENTS, Client  # noqa: E402
from tests.e2e import upstream  # noqa: E402
from tests.e2e.command import MAPPED_COMMAND  # noqa: E402

RESULTS = Path(__file__).with_name("results.json")
WORKS, BASE_URLS, REPLAY_ONLY = "works with `run`", "works with `run --base-urls`", "replay only"
LOUD = "fails loudly under `--enclosed`"
_RECORD, _REPLAY = "read-write", "read-only-require-hit"
_FILES = {"python": "main.py", "go": "main.go", "java": "Main.java", "ruby": "main.rb", "sh": "main.sh"}
_VERSIONS = {
    "go": ["go", "version"], "java": ["java", "--version"], "ruby": ["ruby", "--version"],
    "curl": ["curl", "--version"], "wget": ["wget", "--version"],
}  # fmt: skip


@dataclass(frozen=True)
class Lab:
    """Where packages are, the provider's port, and an environment in which its certificate verifies."""

    folder: Path
    environ: dict[str, str]

    def run(self, client: Client, cache: Path, mode: str, *options: str) -> tuple[bool, dict[str, Any]]:
        """Whether the client succeeded, and the report of the run."""
        folder = cache.parent / f"{mode}{''.join(options)}"
        folder.mkdir(parents=True, exist_ok=True)
        command = [*MAPPED_COMMAND, "run", "--enclosed", "--allow-misses", "--mode", mode, *options]
        command += ["--cache-dir", str(cache), "--", *self.command(client)]
        done = subprocess.run(
            command, env=self.environ, cwd=folder, capture_output=True, text=True, timeout=180, check=False
        )
        (folder / "output.txt").write_text(f"{done.stdout}\n{done.stderr}")
        report = folder / ".provider-proxy" / "last-run.json"
        return done.returncode == 0, json.loads(report.read_text()) if report.exists() else {}

    def command(self, client: Client) -> list[str]:
        """The command that runs a client's code."""
        group = f"{client.runtime if client.runtime == 'python' else 'node'}-{client.group}"
        home = self.folder / (
            group if client.runtime not in _FILES or client.runtime == "python" else "others"
        )
        home.mkdir(parents=True, exist_ok=True)
        slug = re.sub("[^a-z0-9]+", "-", f"{client.runtime} {client.name}".lower())
        if client.runtime in ("go", "java", "ruby", "sh"):
            home = home / slug
            home.mkdir(exist_ok=True)
            file = home / _FILES[client.runtime]
        else:
            file = home / f"{slug}{'.py' if client.runtime == 'python' else '.mjs'}"
        file.write_text(client.code)
        runtimes = self.folder / "runtimes" / "node_modules" / ".bin"
        start = {
            "python": [str(home / "bin" / "python")],
            "node": [str(runtimes / "node")],
            "node20": [str(self.folder / "runtimes-20" / "node_modules" / ".bin" / "node")],
            "deno": [str(runtimes / "deno"), "run", "--allow-all", "--node-modules-dir=manual"],
            "bun": [str(runtimes / "bun"), "run"],
            "go": ["go", "run"],
        }
        return [*start.get(client.runtime, [client.runtime]), str(file)]

    def versions(self, client: Client) -> str:
        """The version of the client's first package, or of its runtime."""
        if client.packages:
            name = re.split(r"[\[<=>]|(?<=.)@", client.packages[0])[0]
            if client.runtime == "python":
                code = f"from importlib.metadata import version; print(version({name!r}))"
                return _first_line([*self.command(client)[:1], "-c", code])
            package = self.folder / f"node-{client.group}" / "node_modules" / name / "package.json"
            return str(json.loads(package.read_text())["version"])
        command = _VERSIONS.get(client.name) or _VERSIONS.get(client.runtime)
        found = re.search(r"\d+(\.\d+)+", _first_line(command or [*self.command(client)[:1], "--version"]))
        return found[0] if found else ""


def outcome(lab: Lab, client: Client, scratch: Path) -> str:
    """What the client needs; '' if it failed in a way that has no name."""
    if client.asks_token:
        for options, said in (((), WORKS), (("--base-urls",), BASE_URLS)):
            passed, report = lab.run(client, scratch / "cache", _REPLAY, *options)
            if passed and report.get("offline") and not report["outside"]:
                return said
        return LOUD if not passed and report.get("outside") else ""
    for options, said in (((), WORKS), (("--base-urls",), BASE_URLS)):
        cache = scratch / f"cache{len(options)}"
        recorded, _ = lab.run(client, cache, _RECORD, *options)
        replayed, report = lab.run(client, cache, _REPLAY, *options)
        if recorded and replayed and _only_hits(report):
            return said
        if not options:
            refused = not replayed and bool(report.get("outside"))
    if client.recorded_by:
        other = next(one for one in CLIENTS if f"{one.runtime}: {one.name}" == client.recorded_by)
        lab.run(other, scratch / "cache2", _RECORD)
        replayed, report = lab.run(client, scratch / "cache2", _REPLAY, "--base-urls")
        if replayed and _only_hits(report):
            return REPLAY_ONLY
    return LOUD if refused else ""


def _only_hits(report: dict[str, Any]) -> bool:
    total = report.get("total", {})
    return bool(total.get("hits")) and not total["misses"] and not report["outside"]


def answer(exchange: upstream.Exchange) -> None:
    """A provider's answer: each in the shape that its path asks for."""
    path = exchange.path.partition("?")[0]
    if path == "/v2/chat":
        message = {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]}
        exchange.json({"id": "c", "finish_reason": "COMPLETE", "message": message})
    elif path.startswith("/api/models/"):
        mapping = {"together": {"providerId": "m", "status": "live", "task": "conversational"}}
        exchange.json({"id": "org/m", "inferenceProviderMapping": mapping, "pipeline_tag": "text-generation"})
    else:
        exchange.json(upstream.answer_for(path, "Hello"))


def install(folder: Path, clients: list[Client]) -> None:
    """Install what these clients need; what is there already stays."""
    groups: dict[str, set[str]] = {}
    for client in clients:
        if client.runtime not in _FILES or client.runtime == "python":
            kind = "python" if client.runtime == "python" else "node"
            groups.setdefault(f"{kind}-{client.group}", set()).update(client.packages)
    if any(client.runtime not in _FILES for client in clients):
        groups |= {"runtimes": {"node@24", "bun", "deno"}, "runtimes-20": {"node@20"}}
    for name, packages in groups.items():
        home = folder / name
        if not name.startswith("python"):
            home.mkdir(parents=True, exist_ok=True)
            if not (home / "package.json").exists():
                (home / "package.json").write_text('{"private": true}')
            _do(["npm", "install", "--no-audit", "--no-fund", "--silent", *sorted(packages)], home)
            continue
        if not (home / "bin" / "python").exists():
            _do([sys.executable, "-m", "venv", str(home)], folder)
        if packages:
            _do([str(home / "bin" / "python"), "-m", "pip", "install", "-q", *sorted(packages)], folder)


def _do(command: list[str], folder: Path) -> None:
    print(" ".join(command), flush=True)
    subprocess.run(command, cwd=folder, check=False)


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return (done.stdout or done.stderr).partition("\n")[0].strip()


def lab_environ(folder: Path, port: int, ca: Path) -> dict[str, str]:
    """An environment with the upstream's root, and without credentials, proxies and keys."""
    kept = ("PATH", "LANG", "JAVA_HOME")
    environ = {name: value for name, value in os.environ.items() if name in kept}
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    return environ | {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "SSL_CERT_FILE": str(ca),
        "TEST_UPSTREAM_PORT": str(port),
        "AWS_REGION": "us-east-1",
        "GO111MODULE": "off",
        "GOCACHE": str(home / "go"),
        "HF_TOKEN": "hf_k",
        "GOOGLE_CLOUD_PROJECT": "p",  # google-auth-library asks the gcloud command for it otherwise
    }


def try_all(folder: Path, clients: list[Client], done: Callable[[Client, dict[str, str]], None]) -> None:
    """Run each client; `done` gets its row."""
    authority = trustme.CA()
    ca = folder / "upstream-ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    with upstream.running(authority.issue_cert(*upstream.NAMES), answer) as provider:
        lab = Lab(folder, lab_environ(folder, provider.port, ca))

        def one(client: Client) -> None:
            scratch = (
                folder / "scratch" / re.sub("[^a-z0-9]+", "-", f"{client.runtime}-{client.name}".lower())
            )
            shutil.rmtree(scratch, ignore_errors=True)
            found = outcome(lab, client, scratch)
            done(client, {"version": lab.versions(client), "outcome": found, "remark": client.remark})

        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(one, clients))


def main() -> None:
    """Try the clients that the arguments name, else all, and write what was found."""
    folder, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [client for client in CLIENTS if not names or f"{client.runtime}: {client.name}" in names]
    install(folder, chosen)
    rows: dict[str, dict[str, str]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}

    def done(client: Client, row: dict[str, str]) -> None:
        print(f"{client.runtime}: {client.name} {row['version']}: {row['outcome'] or 'FAILED'}", flush=True)
        rows[f"{client.runtime}: {client.name}"] = row
        known = [f"{one.runtime}: {one.name}" for one in CLIENTS]
        RESULTS.write_text(json.dumps({name: rows[name] for name in known if name in rows}, indent=1) + "\n")

    try_all(folder, chosen, done)


if __name__ == "__main__":
    main()
