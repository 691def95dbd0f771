"""Replaces some of the commands that a method of mitmproxy's layers yields."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from mitmproxy.proxy import commands

__all__ = ["Commands", "replaced"]

type Commands = Generator[commands.Command, Any]


def replaced(
    stock: Commands, replace: Callable[[commands.Command], list[commands.Command] | None]
) -> Commands:
    """`stock`, with each command for which `replace` returns a list replaced by that list."""
    reply: Any = None
    while True:
        try:
            command = stock.send(reply)
        except StopIteration:
            return
        others = replace(command)
        if others is None:
            reply = yield command
        else:
            reply = None
            for other in others:
                _ = yield other  # `yield from` would send the reply to the list
