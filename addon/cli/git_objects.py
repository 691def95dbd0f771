"""Reads files of a git revision from the repository's objects; the work tree and the index are not touched.

A repository may be anybody's: no filter and no hook of it runs, nothing is fetched, and its files are counted.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from cache_store.errors import TransferError, UsageError

__all__ = ["GitObjects", "git_objects"]

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ROW = re.compile(rb"100(?:644|755) blob ([0-9a-f]{40,64}) +(\d+)\t(.+)", re.DOTALL)
_MOST_FILES = 1_000_000
_CHUNK = 2**16
_LONGEST_ROW = 2**16


class GitObjects:
    """A running `git cat-file --batch`."""

    def __init__(self, ask: IO[bytes], answer: IO[bytes]) -> None:
        self._ask = ask
        self._answer = answer

    def read(self, name: str, longest: int) -> tuple[str, str, bytes]:
        """Hash, type and content of the object `name`, as `REV:path`; a tree's content is not read.

        Raises UsageError if there is none, and TransferError if it is longer than `longest` bytes.
        """
        if not name or name.startswith("-") or not name.isprintable():
            raise UsageError(f"{name!r} is not the name of a file in a git revision; write REV:path")
        self._ask.write(name.encode("utf-8", "surrogateescape") + b"\n")
        self._ask.flush()
        line = self._answer.readline()
        if not line:
            raise UsageError("git finds no repository here; run the command inside one")
        head = line.decode("utf-8", "replace").split()
        if len(head) != 3 or not _HASH.fullmatch(head[0]) or not head[2].isdecimal():
            raise UsageError(f"git has no {name}; see `git ls-tree`")
        size = int(head[2])
        if size > longest:
            raise TransferError(f"{name} has {size} bytes, more than any file of ours")
        data = self._answer.read(size)
        self._answer.read(1)  # the line end after it
        if len(data) != size:
            raise TransferError(f"git did not send all of {name}")
        return head[0], head[1], data

    def files(self, tree: str) -> Iterator[tuple[str, str]]:
        """Path and hash of each plain file below the tree with this hash. Raises TransferError."""
        if not _HASH.fullmatch(tree):
            raise UsageError(f"{tree!r} is not the hash of a tree")
        with _git("ls-tree", "-r", "-z", "-l", "--full-tree", tree) as (_, rows):
            for number, row in enumerate(_rows(rows)):
                if number >= _MOST_FILES:
                    raise TransferError(f"the revision has more than {_MOST_FILES:,} files")
                if match := _ROW.fullmatch(row):
                    yield match[3].decode("utf-8", "surrogateescape"), match[1].decode()


@contextmanager
def git_objects() -> Iterator[GitObjects]:
    """The objects of the repository that the working directory lies in. Raises UsageError without git."""
    with _git("cat-file", "--batch") as (ask, answer):
        yield GitObjects(ask, answer)


@contextmanager
def _git(*arguments: str) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    quiet = {"GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        process = subprocess.Popen(  # noqa: S603 - a list of our own
            ["git", "--no-pager", *arguments],  # noqa: S607 - the git that the user runs
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **quiet},
        )
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror}; a revision needs it") from error
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdin, process.stdout
    except BrokenPipeError:
        raise UsageError("git finds no repository here; run the command inside one") from None
    finally:
        process.kill()
        process.stdout.close()
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass  # it had ended before it read everything
        process.wait()


def _rows(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(_CHUNK):
        *rows, rest = (rest + chunk).split(b"\0")
        if len(rest) > _LONGEST_ROW:
            raise TransferError("the revision has a file with an impossible name")
        yield from rows
