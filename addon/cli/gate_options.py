"""The flags of `run` and `ci` that make a run fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from addon.accounting.gates import Gates, parse_rate
from addon.settings.settings import Settings

__all__ = ["gate_arguments", "gate_options", "gates_for", "read_rate", "take_gates"]


def read_rate(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """The callback of an option that takes a rate or a share."""
    try:
        return None if value is None else parse_rate(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a rate from 0 to 1; write 0.95") from None


_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--min-hit-rate",
        {
            "callback": read_rate,
            "metavar": "RATE",
            "help": "Fail (exit 3) if the rate of hits is lower, e.g. 0.95.",
        },
    ),
    (
        "--max-misses",
        {"type": click.IntRange(0), "metavar": "N", "help": "Fail if there are more misses."},
    ),
    (
        "--fail-on-live",
        {"multiple": True, "metavar": "GLOB", "help": "Fail if a test that fits went to a provider."},
    ),
    (
        "--fail-on-unused",
        {"is_flag": True, "help": "Fail if a recording of the tests that ran was not used."},
    ),
    ("--fail-on-tunnel", {"is_flag": True, "help": "Fail if a host was tunnelled that is not allowed."}),
    ("--allow-tunnel", {"multiple": True, "metavar": "HOSTS", "help": "Host globs that may be tunnelled."}),
    (
        "--allow-refusals",
        {"is_flag": True, "help": "In read-only-require-hit, do not fail because of refused requests."},
    ),
    ("--require-traffic", {"is_flag": True, "help": "Fail if no request reached the proxy."}),
    ("--allow-misses", {"is_flag": True, "help": "In read-only-require-hit, do not fail because of misses."}),
)


def gate_options(*, hidden: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds the flags to a command; `take_gates` reads them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, attributes in reversed(_OPTIONS):
            command = click.option(name, hidden=hidden, **attributes)(command)
        return command

    return decorate


def take_gates(flags: dict[str, Any]) -> Gates:
    """Take the gates out of a command's `flags`; the flags of settings stay."""
    names = [name.strip("-").replace("-", "_") for name, _ in _OPTIONS]
    values = {name: flags.pop(name) for name in names}
    globs = [glob.strip() for text in values.pop("allow_tunnel") for glob in text.split(",")]
    return Gates(**values, allow_tunnel=tuple(glob for glob in globs if glob))


def gates_for(gates: Gates, settings: Settings) -> Gates:
    """`gates` and the budgets, which are settings."""
    return replace(gates, max_live=settings.max_live, max_usd=settings.max_usd)


def gate_arguments(gates: Gates) -> list[str]:
    """The flags as typed, for another process."""
    arguments = []
    for name, attributes in _OPTIONS:
        value = getattr(gates, name.strip("-").replace("-", "_"))
        if attributes.get("is_flag"):
            arguments += [name] if value else []
        elif attributes.get("multiple"):
            arguments += [part for item in value for part in (name, item)]
        elif value is not None:
            arguments += [name, str(value)]
    return arguments
