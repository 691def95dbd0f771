"""How much a run says on stderr; tests/e2e/test_log.py reads what it prints."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from addon.host import log
from addon.host.log import FewWarnings, log_to_stderr, share_warnings


def _record(message: str, level: int = logging.WARNING, **more: Any) -> logging.LogRecord:
    record = logging.LogRecord("addon.x", level, "x.py", 1, "%s", (message,), None)
    record.__dict__.update(more)
    return record


def _said(few: FewWarnings, *records: logging.LogRecord) -> list[str]:
    return [record.getMessage() for record in records if few.filter(record)]


def test_a_run_warns_a_few_times_and_once_of_each() -> None:
    """The last line says where the rest is; errors come however many there are."""
    few = FewWarnings(3)
    assert _said(few, _record("a"), _record("a"), _record("b"), _record("a")) == ["a", "b"]
    last, *errors = _said(few, *map(_record, "cde"), *(_record("x", logging.ERROR) for _ in range(5)))
    assert last == "there are more warnings; `provider-proxy report` shows what they are about"
    assert errors == ["x"] * 5


def test_a_test_is_warned_of_once() -> None:
    """Of a test that misses many times the first miss is said."""
    few = FewWarnings(20)
    assert _said(few, *(_record(f"miss {n}", test=f"t{n % 2}") for n in range(6))) == ["miss 0", "miss 1"]


def test_a_server_warns_again_the_next_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no report before it ends."""
    now = 0.0
    monkeypatch.setattr(log.time, "monotonic", lambda: now)
    few = FewWarnings(2)
    assert len(_said(few, *map(_record, "abc"))) == 2
    now = 24 * 3600 + 1.0
    assert _said(few, _record("a")) == ["a"]


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, which gets its handlers back."""
    root = logging.getLogger()
    handlers, level, names = root.handlers[:], root.level, [logging.getLevelName(n) for n in (30, 40)]
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, name in zip((30, 40), names, strict=True):
        logging.addLevelName(number, name)


def test_the_processes_of_a_run_share_the_warnings(root: logging.Logger) -> None:
    """Twenty lines in all; a process of very many may still warn once."""
    before = root.handlers[:]
    log_to_stderr()
    (handler,) = (handler for handler in root.handlers if handler not in before)
    (few,) = (few for few in handler.filters if isinstance(few, FewWarnings))
    assert few.most == 20
    for processes, most in ((4, 5), (64, 1)):
        share_warnings(processes)
        assert few.most == most
