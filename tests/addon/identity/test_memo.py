"""The memo of recent identities."""

from __future__ import annotations

import threading

from addon.identity.memo import Memo, digests


def test_the_latest_are_kept() -> None:
    """Beyond the limit of entries, the least recently used one is removed."""
    memo: Memo[str] = Memo(max_entries=2)
    memo.put("a", "A", 1)
    memo.put("b", "B", 1)
    assert memo.get("a") == "A"
    memo.put("c", "C", 1)
    assert (memo.get("a"), memo.get("b"), memo.get("c")) == ("A", None, "C")


def test_bytes_are_bounded() -> None:
    """Beyond the limit of bytes the oldest are removed, and a value of more than a quarter is not kept."""
    memo: Memo[str] = Memo(max_bytes=100)
    memo.put("huge", "x", 26)
    assert memo.get("huge") is None
    for name in "abcde":
        memo.put(name, name, 25)
    memo.put("e", "again", 25)
    assert [memo.get(name) for name in "abcde"] == [None, "b", "c", "d", "e"]


def test_digests_differ_wherever_a_part_does() -> None:
    """Moving bytes from one part to another gives another digest."""
    parts = [(("a", [(b"n", b"v")]), b""), (("a", [(b"n", b"")]), b"v"), (("a", [(b"nv", b"")]), b""), (("a", []), b"nv"),
             (("a", [("n", b"v")]), b""), (("a\ud800", []), b"")]  # fmt: skip
    assert len({digests(*part)[1] for part in parts}) == len(parts)


def test_threads_may_share_it() -> None:
    """Concurrent puts and gets keep the limits."""
    memo: Memo[int] = Memo(max_entries=8)

    def work() -> None:
        for at in range(2000):
            memo.put(at % 16, at % 16, 1)
            assert memo.get(at % 16) in (at % 16, None)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(memo.get(at) is not None for at in range(16)) == 8
