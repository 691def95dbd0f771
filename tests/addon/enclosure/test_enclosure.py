"""The side of `run`: what it says where nothing can be enclosed. tests/e2e/test_enclosed.py encloses commands."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest

from addon.enclosure import enclosure
from addon.enclosure.enclosure import Enclosure, check_enclosing
from cache_store.errors import UsageError


def test_a_machine_that_refuses() -> None:
    """Its reason is in the one line, whatever the process that tried says or leaves unsaid."""

    async def open_with(said: bytes | None) -> str:
        made = Enclosure("127.0.0.1", 8080, (), print)
        if said is not None:
            os.write(made.theirs.fileno(), said)
        try:
            with pytest.raises(UsageError) as refused:
                await asyncio.wait_for(made.open(), 60)
        finally:
            made.close()
        return str(refused.value)

    assert "(Operation not permitted)" in asyncio.run(
        open_with(json.dumps({"refused": "Operation not permitted"}).encode())
    )
    assert "(the process ended)" in asyncio.run(open_with(None))


def test_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Network namespaces are Linux's."""
    monkeypatch.setattr(enclosure.sys, "platform", "darwin")
    with pytest.raises(UsageError, match="Linux"):
        check_enclosing("127.0.0.1")


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_the_proxy_must_be_on_loopback(host: str) -> None:
    """A namespace has no other address at which it could be reached."""
    check_enclosing(host)
    with pytest.raises(UsageError, match="PROVIDER_PROXY_LISTEN"):
        check_enclosing("0.0.0.0")
