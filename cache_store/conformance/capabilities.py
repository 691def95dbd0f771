"""Says which routes cache prompts, from the table in `capabilities.toml` and nothing else."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from cache_store.conformance.normalise import InputBasis

__all__ = ["Profile", "Route", "Support", "SupportStatus", "Table", "provider_of_host", "support_of", "table"]


class SupportStatus(StrEnum):
    """Whether a route caches prompts. Unknown means that the table does not name it, not that it does not cache."""

    SUPPORTED = "cache_supported"
    UNSUPPORTED = "cache_unsupported"
    UNKNOWN = "cache_support_unknown"


class BreakpointStyle(StrEnum):
    """How a request asks for caching: not at all (automatic), with a top-level marker, or on its last block."""

    NONE = "none"
    TOP_LEVEL = "top_level"
    LAST_BLOCK = "last_block"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's name, the other names it goes by, and globs of its hosts."""

    name: str
    aliases: tuple[str, ...]
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the table: globs for provider and model, and how they cache. Counts are tokens."""

    provider: str
    models: tuple[str, ...]
    supported: bool
    source: str
    style: BreakpointStyle = BreakpointStyle.NONE
    min_prefix: int | None = None
    floors: tuple[tuple[str, int], ...] = ()
    ttl: str | None = None
    read_field: str = ""
    write_field: str = ""
    read_header: str = ""
    basis: InputBasis = InputBasis.INCLUSIVE

    def minimum(self, model: str) -> int | None:
        """The shortest prefix in tokens that is cached: the first floor that matches `model`, or the row's own."""
        return next((tokens for glob, tokens in self.floors if fnmatchcase(model, glob)), self.min_prefix)


@dataclass(frozen=True, slots=True)
class Table:
    """The whole table. `path_basis` has globs of request paths whose wire format fixes the input basis."""

    providers: tuple[Provider, ...]
    routes: tuple[Route, ...]
    path_basis: tuple[tuple[str, InputBasis], ...]

    def canonical(self, provider: str) -> str:
        """The table's name for a provider in any spelling; the name in lower case if the table has none."""
        name = provider.strip().lower()
        plain = name.replace("-", "_")
        return next((p.name for p in self.providers if plain == p.name or plain in p.aliases), name)

    def route(self, provider: str, model: str) -> Route:
        """The first row that matches. The last row matches everything."""
        name, wanted = self.canonical(provider), model.strip().lower()
        return next(
            row
            for row in self.routes
            if fnmatchcase(name, row.provider) and any(fnmatchcase(wanted, glob) for glob in row.models)
        )

    def basis(self, provider: str, model: str, path: str) -> InputBasis:
        """Whether a raw input count includes cached tokens: told by the wire format of the path, or by the row."""
        by_path = (basis for glob, basis in self.path_basis if fnmatchcase(path, glob))
        return next(by_path, self.route(provider, model).basis)


@dataclass(frozen=True, slots=True)
class Profile:
    """What may explain a run that read nothing from the cache. Field paths are dotted, "" without a field."""

    prompt_caching: bool = False
    cache_breakpoint_style: str = "none"
    min_useful_prefix_tokens: int | None = None
    ttl_notes: str | None = None
    cache_read_usage_field: str = ""
    cache_write_usage_field: str = ""


@dataclass(frozen=True, slots=True)
class Support:
    """What the table says about a route. `evidence` is the row's own source, "" if no row was consulted."""

    status: SupportStatus
    provider: str
    model: str
    source: str
    profile: Profile
    evidence: str = ""


def support_of(provider: str, model: str) -> Support:
    """Whether a route caches. For a blank or `auto` provider or a blank model that is unknown, never "no"."""
    provider, model = provider.strip(), model.strip()
    if not provider or provider.lower() == "auto" or not model:
        return Support(SupportStatus.UNKNOWN, provider, model, "unresolved", Profile())
    row = table().route(provider, model)
    if not row.supported:
        profile = Profile(cache_breakpoint_style=row.style)
    else:
        minimum = row.minimum(model.lower())
        profile = Profile(True, row.style, minimum, row.ttl, row.read_field, row.write_field)
    status = SupportStatus.SUPPORTED if row.supported else SupportStatus.UNSUPPORTED
    return Support(status, provider, model, "provider-capabilities", profile, row.source)


def provider_of_host(host: str) -> str:
    """The provider that a host belongs to; "" for a host that the table does not know (gateway, local server)."""
    host = host.lower()
    return next((p.name for p in table().providers if any(fnmatchcase(host, glob) for glob in p.hosts)), "")


@cache
def table() -> Table:
    """The table as shipped. The first use raises if it has a mistake."""
    raw = tomllib.loads(files(__package__).joinpath("capabilities.toml").read_text("utf-8"))
    return Table(
        providers=tuple(
            Provider(p["name"], tuple(p.get("aliases", ())), tuple(p.get("hosts", ())))
            for p in raw["provider"]
        ),
        routes=tuple(_route(row, raw) for row in raw["route"]),
        path_basis=tuple((glob, InputBasis(basis)) for glob, basis in raw["basis_by_path"].items()),
    )


def _route(row: dict[str, Any], raw: dict[str, Any]) -> Route:
    """A row, with the parts that it shares with others (usage fields, floors) filled in."""
    fields: dict[str, Any] = {**row, **raw["usage_fields"][row.get("usage", "none")]}
    fields.pop("usage", None)
    fields["models"] = tuple(row["models"])
    fields["style"] = BreakpointStyle(row.get("style", "none"))
    fields["basis"] = InputBasis(row.get("basis", "inclusive"))
    fields["floors"] = tuple(raw["floors"][row["floors"]].items()) if "floors" in row else ()
    return Route(**fields)
