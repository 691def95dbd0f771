"""Measures sharing: a pack against one object per entry.

Run it as `python -m tests.bench.transfer`. Ratios are of one run on one machine. The layout of one object per entry
is moved as `aws s3 sync` moves it, 10 requests at a time over kept connections, by the same SDK; where `aws`
itself is installed it is measured too.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import boto3
from botocore.config import Config

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from tests.s3_server import BUCKET, Gateway, running_s3

ENTRIES = 10_000
SYNC_REQUESTS = 10  # aws-cli's default for max_concurrent_requests


def entry(number: int, size: int = 4096) -> Entry:
    """An entry of about `size` bytes, half of it text that compresses."""
    pick = random.Random(number)
    body = json.dumps({"id": number, "text": pick.randbytes(size // 4).hex(), "more": "word " * (size // 10)})
    label = {"method": "POST", "host": "api.openai.com", "path": "/v1/chat/completions", "model": "gpt-4.1"}
    headers = ((b"content-type", b"application/json"),)
    return Entry(
        f"pp1-{number:064x}", 200, "OK", headers, body.encode()[:size], 1e9 + number, 0.5, "run", label
    )


def fill(folder: Path, count: int, size: int) -> None:
    """A cache of `count` entries."""
    with closing(DiskStore(folder)) as store:
        store.open()
        for start in range(0, count, 500):
            store.put_newer([entry(number, size) for number in range(start, min(count, start + 500))])


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def command(gateway: Gateway, *arguments: str) -> tuple[float, float]:
    """Seconds that a command took and its peak memory in MB."""
    env = os.environ | gateway.environ() | {
        "AWS_ENDPOINT_URL": gateway.target, "PROVIDER_PROXY_REMOTE": f"s3://{BUCKET}/packs"
    }  # fmt: skip
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "addon.cli", *arguments], env=env, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def one_file_per_entry(gateway: Gateway, folder: Path) -> tuple[float, float]:
    """Seconds to upload and to download a directory of one file per entry."""
    client = boto3.client("s3", endpoint_url=gateway.target, region_name="us-east-1", aws_access_key_id="t",
                          aws_secret_access_key="t", config=Config(max_pool_connections=SYNC_REQUESTS))  # fmt: skip
    names = sorted(path.name for path in folder.iterdir())
    back = folder.with_name("back")
    back.mkdir()
    with ThreadPoolExecutor(SYNC_REQUESTS) as threads:
        up = timed(lambda: list(threads.map(
            lambda n: client.put_object(Bucket=BUCKET, Key=f"files/{n}", Body=(folder / n).read_bytes()), names
        )))  # fmt: skip
        down = timed(lambda: list(threads.map(
            lambda n: (back / n).write_bytes(client.get_object(Bucket=BUCKET, Key=f"files/{n}")["Body"].read()), names
        )))  # fmt: skip
    return up, down


def transfers(folder: Path) -> None:
    """`push` and `pull` against one file per entry, over the same server."""
    cache, files = folder / "cache", folder / "files"
    fill(cache, ENTRIES, 4096)
    files.mkdir()
    for number in range(ENTRIES):
        (files / f"api.openai.com-{number:064x}").write_bytes(entry(number).encode())
    with running_s3() as gateway:
        push, push_memory = command(gateway, "push", "--cache-dir", str(cache))
        pull, pull_memory = command(gateway, "pull", "--cache-dir", str(folder / "other"))
        again, _ = command(gateway, "pull", "--cache-dir", str(folder / "other"))
        up, down = one_file_per_entry(gateway, files)
        aws = _aws(gateway, files, folder)
    print(f"{ENTRIES} entries of 4 KB      up       down")
    print(f"push, pull               {push:6.1f} s {pull:6.1f} s   nothing new: {again:.1f} s")
    print(
        f"one object per entry     {up:6.1f} s {down:6.1f} s   {up / push:.0f}x and {down / pull:.0f}x as long"
    )
    if aws:
        print(
            f"aws s3 sync              {aws[0]:6.1f} s {aws[1]:6.1f} s   {aws[0] / push:.0f}x and {aws[1] / pull:.0f}x as long"
        )
    print(f"peak memory              {push_memory:6.0f} MB {pull_memory:5.0f} MB")


def _aws(gateway: Gateway, files: Path, folder: Path) -> tuple[float, float] | None:
    program = shutil.which("aws")
    env = os.environ | gateway.environ() | {"AWS_ENDPOINT_URL": gateway.target}
    if program is None or subprocess.run([program, "--version"], capture_output=True, check=False).returncode:
        return None
    sync = [program, "s3", "sync", "--quiet"]
    bucket = f"s3://{BUCKET}/synced"
    return (
        timed(lambda: subprocess.run([*sync, str(files), bucket], env=env, check=True)),
        timed(lambda: subprocess.run([*sync, bucket, str(folder / "synced")], env=env, check=True)),
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        transfers(Path(folder))


if __name__ == "__main__":
    main()
