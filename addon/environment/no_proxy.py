"""The hosts that an entry of NO_PROXY covers.

There is no standard. These are the rules that most clients share (curl's CURLOPT_NOPROXY, Python's urllib, Go's
httpproxy): `*` is every host; a name covers itself and its subdomains, with or without a leading `.` or `*.`; an
address covers itself, CIDR notation a range; a port limits the entry to that port.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

__all__ = ["NoProxyEntry", "no_proxy_entries"]

_ENTRY = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?")
_MAX_ENTRIES = 2000


@dataclass(frozen=True, slots=True)
class NoProxyEntry:
    """One entry; `text` is as written. `suffix` is the name without leading `*` and `.`: "" is every host, None is
    none by name.
    """

    text: str
    suffix: str | None
    network: IPv4Network | IPv6Network | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """An entry from its text. Nothing is invalid: an entry that is not a host covers no existing host."""
        match = _ENTRY.fullmatch(text)  # a bare IPv6 address does not match: it has more colons
        host, port = (match[1], match[2]) if match else (text, None)
        host = host.lower().strip("[]").rstrip(".")
        try:
            network = ip_network(host, strict=False)
        except ValueError:
            network = None
        suffix = host.lstrip("*.")  # clients treat a star further in as an ordinary character
        names_none = network is not None or (not suffix and "*" not in host)
        return cls(text, None if names_none else suffix, network, int(port) if port else None)

    def covers(self, host: str, port: int | None = None) -> bool:
        """Whether a client that reads this entry goes to `host` directly (`port` None: to any port)."""
        if port is not None and self.port is not None and port != self.port:
            return False
        host = host.lower().strip("[]").rstrip(".")
        try:
            address = ip_address(host)
        except ValueError:
            return self._names(host)
        return address in self.network if self.network else self.suffix == ""

    def _names(self, host: str) -> bool:
        if self.suffix is None:
            return False
        return not self.suffix or host == self.suffix or host.endswith("." + self.suffix)

    def covers_some(self, glob: str, port: int | None = None) -> bool:
        """Whether it covers any host that `glob` matches (`*` crosses dots; `port` None: on any port)."""
        head, star, tail = glob.lower().rpartition("*")
        if not star:
            return self.covers(glob, port)
        if port is not None and self.port is not None and port != self.port:
            return False
        if self.network is not None:
            return re.fullmatch(r"[0-9a-f.:*]*", head + tail) is not None
        if self.suffix is None:
            return False
        # The last star matches anything, so only the two ends must agree.
        end = "." + self.suffix
        return not self.suffix or tail.endswith(end) or end.endswith(tail)


def no_proxy_entries(environ: Mapping[str, str]) -> tuple[NoProxyEntry, ...]:
    """The entries of `no_proxy` and `NO_PROXY`, each once, in order, separated by commas or blanks."""
    text = f"{environ.get('no_proxy', '')},{environ.get('NO_PROXY', '')}"
    entries = dict.fromkeys(part for part in re.split(r"[,\s]+", text) if part)
    return tuple(NoProxyEntry.parse(part) for part in list(entries)[:_MAX_ENTRIES])
