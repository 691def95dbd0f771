"""Which hosts are intercepted: parsing of PROVIDER_PROXY_HOSTS and the match."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from addon.identity.url_form import normal_host
from addon.settings.providers import PROVIDER_HOSTS
from cache_store.errors import UsageError

__all__ = ["HostRules", "parse_hosts", "quoted"]

_PATTERN = re.compile(r"(?:(https?)://)?(\[[0-9a-f:.%]+\]|[^\s:/@\[\]]+)(?::(\d{1,5}|\*))?/?")


@dataclass(frozen=True, slots=True)
class _Rule:
    host: str
    port: int | None
    plain_http: bool

    def regexes(self) -> list[str]:
        # mitmproxy has a name of other letters than ASCII's as it is read, except in a TLS hello.
        names = dict.fromkeys((self.host, ".".join(map(_read_label, self.host.split(".")))))
        port = self.port if self.port is not None else "[0-9]+"
        return [rf"^{re.escape(name).replace(r'\*', '.*')}\.?:{port}$" for name in names]


def _read_label(label: str) -> str:
    try:
        return label[4:].encode().decode("punycode") if label.startswith("xn--") else label
    except UnicodeError:
        return label


@dataclass(frozen=True)
class HostRules:
    """The hosts that are intercepted. `*` crosses dots; without a port every port matches."""

    rules: tuple[_Rule, ...]

    @property
    def plain_http(self) -> bool:
        """Whether a host is named that is spoken to in plain http, so that HTTP_PROXY is needed too."""
        return any(rule.plain_http for rule in self.rules)

    @property
    def regexes(self) -> list[str]:
        """For mitmproxy's `allow_hosts`, which searches them in `host:port`; [] means every host."""
        if any(rule.host == "*" and rule.port is None for rule in self.rules):
            return []
        return [regex for rule in self.rules for regex in rule.regexes()]

    def match(self, host: str, port: int | None = None) -> bool:
        """Whether `host` is intercepted on `port`; without a port, whether it is on any."""
        return "@" not in host and _match(self.rules, normal_host(host).rstrip("."), port)

    def names(self) -> list[str]:
        """The globs, for `doctor` and messages."""
        return [rule.host + (f":{rule.port}" if rule.port else "") for rule in self.rules]


@lru_cache(maxsize=4096)
def _match(rules: tuple[_Rule, ...], host: str, port: int | None) -> bool:
    return any(
        (port is None or rule.port is None or rule.port == port)
        and re.fullmatch(re.escape(rule.host).replace(r"\*", ".*"), host)
        for rule in rules
    )


_BUILT_IN = tuple(_Rule(glob, None, plain_http=False) for _, glob in PROVIDER_HOSTS)


def parse_hosts(text: str) -> HostRules:
    """Rules from PROVIDER_PROXY_HOSTS: comma-separated globs; blank is the built-in list, `+…` adds to it.

    Raises UsageError for what is no host glob.
    """
    text = text.strip()
    adds = text.startswith("+")
    rules = [_parse_rule(part) for part in text.removeprefix("+").split(",") if part.strip()]
    return HostRules((*_BUILT_IN, *rules) if adds or not rules else tuple(rules))


def quoted(value: str) -> str:
    """A value that was meant to name a host, for a message; what stands before an `@` may be a password."""
    return repr("…@" + value.rpartition("@")[2] if "@" in value else value)


def _parse_rule(part: str) -> _Rule:
    match = _PATTERN.fullmatch(part.strip().lower())
    port = match.group(3) if match else None
    if not match or (port not in (None, "*") and not 0 < int(port or 0) < 65536):
        raise UsageError(
            f"PROVIDER_PROXY_HOSTS: {quoted(part.strip())} is no host; "
            "write host, host:port or a glob such as *.example.com"
        )
    return _Rule(
        host=normal_host(match.group(2)).rstrip("."),
        port=None if port in (None, "*") else int(port or 0),
        plain_http=match.group(1) == "http",
    )
