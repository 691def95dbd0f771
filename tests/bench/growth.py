"""A cache of 3,000 entries and one of 300,000: start, memory, hits, misses that are explained, and commands.

`python -m tests.bench.growth FOLDER COUNT` fills a cache. `python -m tests.bench.growth 1000000` measures one of a
million entries beside one of 3,000, which takes half an hour.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from cache_store.disk.disk_store import DiskStore
from tests.bench.proxies import OURS, ROOT, Stand
from tests.bench.storage import entry, question
from tests.bench.work import PATH

__all__ = ["measure"]

HITS, MISSES, NEW = 500, 25, 10
HOST = "api.openai.com"
SETTINGS = {"PROVIDER_PROXY_HOSTS": HOST, "PROVIDER_PROXY_CACHE_MODE": "read-only-require-hit"}


def measure(stand: Stand, counts: list[int], rounds: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """For each count, a value a round: `start`, `hit`, `miss` and `worst_miss` in ms, `resident` bytes. `named` is
    the share of misses whose explanation names the right entry. Once: seconds of `commands`.
    """
    rows: list[dict[str, Any]] = []
    for count in counts:
        say(f"growth: filling a cache with {count:,} entries")
        subprocess.run([sys.executable, "-m", "tests.bench.growth", str(_cache(stand, count)), str(count)],
                       cwd=ROOT, env=stand.environ, check=True)  # fmt: skip
        row = {"entries": count} | {
            name: [] for name in ("start", "resident", "hit", "miss", "worst_miss", "named")
        }
        rows.append(row)
    for number in range(rounds):
        for row in rows:
            _round(stand, row, number)
    for row in rows:
        say(f"growth: commands on {row['entries']:,} entries")
        row["commands"] = _commands(stand, row["entries"])
    return rows


def _cache(stand: Stand, count: int) -> Path:
    return stand.folder / f"growth-{count}" / ".provider-proxy/cache"


def _round(stand: Stand, row: dict[str, Any], number: int) -> None:
    pick = random.Random(number)
    with stand.ours(f"growth-{row['entries']}", **SETTINGS) as peer:
        row["start"].append(peer.process.ready * 1000)
        connection = http.client.HTTPConnection("127.0.0.1", peer.doors["plain"].port, timeout=60)
        _wait(connection)
        _ask(connection, pick.randrange(row["entries"]))  # what is loaded at the first request
        hits = [_ask(connection, which)[0] for which in pick.choices(range(row["entries"]), k=HITS)]
        misses, named = [], 0
        for which in pick.sample(range(row["entries"]), MISSES):
            seconds, body = _ask(connection, which, " now")
            misses.append(seconds)
            named += (json.loads(body)["error"].get("nearest") or {}).get("nearest") == entry(which).key
        row["resident"].append(peer.process.memory())
        connection.close()
    row["hit"].append(statistics.median(hits) * 1000)
    row["miss"].append(statistics.median(misses) * 1000)
    row["worst_miss"].append(max(misses) * 1000)
    row["named"].append(named / MISSES)


def _wait(connection: http.client.HTTPConnection) -> None:
    """Until it answers: the port is open a moment before the cache."""
    while True:
        connection.request("GET", "/-/healthz")
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            return
        time.sleep(0.01)


def _ask(connection: http.client.HTTPConnection, number: int, change: str = "") -> tuple[float, bytes]:
    """Seconds until the answer was read, and its body."""
    content = question(number, change)
    began = time.perf_counter()
    connection.request("POST", f"/https/{HOST}{PATH}", content, {"content-type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    seconds = time.perf_counter() - began
    if (answer.status == 200) == bool(change):
        raise ConnectionError(body[:300].decode("latin-1"))
    return seconds, body


def _commands(stand: Stand, count: int) -> dict[str, float]:
    """Seconds of each. `ls` is timed to its first line; `push` is of ten entries that are new since another one."""
    cache = _cache(stand, count)
    environ = stand.environ | {
        "PROVIDER_PROXY_CACHE_DIR": str(cache),
        "PROVIDER_PROXY_REMOTE": f"file://{stand.folder}/growth-{count}/bucket",
    }

    def seconds(*arguments: str) -> float:
        began = time.perf_counter()
        subprocess.run([OURS, *arguments], cwd=stand.folder, env=environ, check=True, capture_output=True)
        return time.perf_counter() - began

    found = {
        "ls": _first_line(environ, stand.folder),
        "verify": seconds("verify"),
        "push all": seconds("push"),
    }
    with closing(DiskStore(cache)) as store:
        store.put_newer(entry(count + number) for number in range(NEW))
    found["push"] = seconds("push")
    found["prune"] = seconds("prune", "--older-than", "0s")
    return found


def _first_line(environ: dict[str, str], folder: Path) -> float:
    began = time.perf_counter()
    with subprocess.Popen([OURS, "ls"], cwd=folder, env=environ, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.perf_counter() - began
        process.kill()
    return seconds


def _fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    with closing(DiskStore(folder)) as store:
        store.open()
        for start in range(0, count, 500):
            store.put_newer([entry(number) for number in range(start, min(count, start + 500))])


def _alone(count: int) -> None:
    from tests.bench.provider import providers

    with tempfile.TemporaryDirectory(prefix="bench-") as folder, providers(Path(folder)) as provider:
        rows = measure(
            Stand(Path(folder), provider), [3_000, count], 3, lambda line: print(line, file=sys.stderr)
        )
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        _fill(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        _alone(int(sys.argv[1]))
