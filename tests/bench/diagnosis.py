"""What a miss's diagnosis costs against a hit: 10,000 entries of one endpoint, 8 KB bodies.

`python -m tests.bench.diagnosis` prints it alone. A hit here is the identity of the request and one read from the
store, which is the least that a hit can cost.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from addon.diagnosis import diagnose
from addon.identity import Identity, IdentityRules, identify
from addon.messages import WireRequest
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry

ENTRIES = 10_000
WORDS = [f"w{n:04d}" for n in range(3000)]


def request(number: int, change: str = "") -> WireRequest:
    """A conversation of one endpoint with a body of about 8 KB, of which `change` ends the last message."""
    pick = random.Random(number)
    turns = [" ".join(pick.choices(WORDS, k=330)) for _ in range(4)]
    messages = [{"role": "system", "content": "You are a helpful assistant. Answer in one line."}]
    messages += [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(turns)]
    messages.append(
        {"role": "user", "content": f"question {number} {' '.join(pick.choices(WORDS, k=30))}{change}"}
    )
    body = json.dumps({"model": "gpt-4.1", "temperature": 0.5, "messages": messages}).encode()
    headers = ((b"content-type", b"application/json"),)
    return WireRequest("POST", "https", "api.openai.com", 443, "/v1/chat/completions", headers, body)


def entry(identity: Identity) -> Entry:
    """An answer of 8 KB to it."""
    return Entry(identity.key, 200, "OK", ((b"content-type", b"application/json"),), b"x" * 8192, time.time(), 1.0,
                 "bench", identity.label, "chat", identity.request_json)  # fmt: skip


def measure(entries: int = ENTRIES) -> dict[str, float]:
    """Medians in ms of a hit, of a diagnosis, its worst, and the share in which it found the right entry."""
    rules = IdentityRules()
    with tempfile.TemporaryDirectory() as folder:
        store = DiskStore(Path(folder))
        for number in range(entries):
            store.put(entry(identify(request(number), rules)))
        hits, misses, found = [], [], 0
        for number in random.Random(1).sample(range(entries), 200):
            wanted = request(number)
            # The memo of identities would make a hit cheaper than a first one is.
            began = time.perf_counter()
            assert store.get(identify(wanted, rules).key) is not None
            hits.append(time.perf_counter() - began)
            changed = identify(request(number, " now"), rules)
            began = time.perf_counter()
            result = diagnose(changed.key, changed.request_json, changed.label, store)
            misses.append(time.perf_counter() - began)
            found += result.nearest == identify(wanted, rules).key
        store.close()
    hit, miss = statistics.median(hits), statistics.median(misses)
    return {"entries": entries, "hit": hit * 1e3, "diagnosis": miss * 1e3, "worst": max(misses) * 1e3,
            "found": found / len(misses)}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
