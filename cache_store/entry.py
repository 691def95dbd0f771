"""One stored answer, and its form in bytes.

The layout is big endian. A hit decodes only the small `meta` part:

    b"PPE" schema:u8 | meta_len:u32 request_len:u32 body_len:u64 | meta | request | body | sha256(all before)

`meta` and `request` are UTF-8 JSON. Headers are bytes on the wire, and latin-1 text in JSON: that maps every byte
to one character and back.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Self

from cache_store.errors import CorruptEntry, UnknownSchema

__all__ = [
    "Entry",
    "Headers",
    "account_of",
    "bindings_of",
    "header_value",
    "is_expired",
    "recorded_seconds",
    "timing_of",
    "wins",
]

_SCHEMA = 1
_MAGIC = b"PPE"
_LENGTHS = struct.Struct(">IIQ")
_START = len(_MAGIC) + 1 + _LENGTHS.size
_DIGEST = 32
_LATEST = 2.0**37  # Unix seconds, the year 6325: later times do not format as dates

# RFC 9110, 5.6.2 and 5.5. mitmproxy would wait for ever for a header that it cannot send.
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ACCOUNT = re.compile(r"[0-9a-f]{32}")
_TIMING = re.compile(r"[A-Za-z0-9+/]*={0,2}")

type Headers = tuple[tuple[bytes, bytes], ...]


def header_value(headers: Headers, name: bytes) -> str:
    """The value of the header `name` (lower case); repeated ones are joined by a comma, '' where there is none."""
    return ", ".join(value.decode("latin-1") for key, value in headers if key.lower() == name)


@dataclass(frozen=True, slots=True)
class Entry:
    """A whole, successful answer under a key.

    `recorded_at` is in Unix seconds. `elapsed` is how many seconds the live answer took, from the request's end to
    the answer's end. `request_json` is the redacted request as `addon.identity` saves it, or {} if saving is off;
    then only `label` says what it was. `judged` names the rule by which the answer counted as whole. `edited` says
    that somebody changed the entry by hand after it was recorded, `ambiguous` that two tests of its run got
    different answers here. `account` is a digest that stands for the account that recorded it, '' if not known.
    `bindings` are the volatile values of its request: rule, number in the request, value. `timing` is when the
    pieces of a streamed answer came, in the form of `addon.pacing.rhythm`; '' if that is not known.
    """

    key: str
    status: int
    reason: str
    headers: Headers
    body: bytes
    recorded_at: float
    elapsed: float
    run: str
    label: dict[str, str] = field(default_factory=dict)
    judged: str = ""
    request_json: bytes = b"{}"
    edited: bool = False
    ambiguous: bool = False
    account: str = ""
    bindings: tuple[tuple[str, int, str], ...] = ()
    timing: str = ""

    @property
    def request(self) -> dict[str, Any]:
        """The saved request; {} if it was not saved. Raises CorruptEntry if it is not a JSON object."""
        try:
            saved = json.loads(self.request_json)
        except (ValueError, RecursionError) as error:
            raise CorruptEntry("an entry's request does not parse") from error
        if not isinstance(saved, dict):
            raise CorruptEntry("an entry's request is not a JSON object")
        return saved

    @property
    def size(self) -> int:
        """The size of the body in bytes."""
        return len(self.body)

    def encode(self) -> bytes:
        """The bytes to store."""
        return b"".join(self.pieces())

    def pieces(self) -> tuple[bytes, ...]:
        """The bytes to store, not joined, so that a long body is not copied."""
        meta = json.dumps(
            {
                "key": self.key,
                "status": self.status,
                "reason": self.reason,
                "headers": [
                    [name.decode("latin-1"), value.decode("latin-1")] for name, value in self.headers
                ],
                "recorded_at": self.recorded_at,
                "elapsed": self.elapsed,
                "run": self.run,
                "label": self.label,
                "judged": self.judged,
                **({"edited": True} if self.edited else {}),
                **({"ambiguous": True} if self.ambiguous else {}),
                **({"account": self.account} if self.account else {}),
                **({"bindings": self.bindings} if self.bindings else {}),
                **({"timing": self.timing} if self.timing else {}),
            },
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode("utf-8", "surrogatepass")
        lengths = _LENGTHS.pack(len(meta), len(self.request_json), len(self.body))
        pieces = (_MAGIC + bytes([_SCHEMA]) + lengths + meta, self.request_json, self.body)
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        return (*pieces, digest.digest())

    @classmethod
    def decode(cls, data: bytes, now: float | None = None) -> Self:
        """The entry in `data`.

        Pass `now` (Unix seconds) for entries that others may have written: it replaces a recording time that is not
        usable. Raises CorruptEntry if the bytes do not add up, and UnknownSchema for another schema.
        """
        meta_len, request_len, body_len = _lengths(data)
        view = memoryview(data)
        if hashlib.sha256(view[:-_DIGEST]).digest() != view[-_DIGEST:]:
            raise CorruptEntry("an entry's checksum is wrong")
        if _START + meta_len + request_len + body_len + _DIGEST != len(data):
            raise CorruptEntry("an entry's lengths do not add up")
        request_at = _START + meta_len
        body_at = request_at + request_len
        return cls._from_meta(
            data[_START:request_at], data[request_at:body_at], data[body_at : body_at + body_len], now
        )

    @classmethod
    def read_head(cls, file: BinaryIO) -> Self:
        """The entry in `file` with an empty body. The body is not read, so the checksum is not checked.

        Raises CorruptEntry if the rest does not add up, and UnknownSchema for another schema.
        """
        meta_len, request_len, _ = _lengths(file.read(_START))
        meta, request_json = file.read(meta_len), file.read(request_len)
        if len(meta) + len(request_json) != meta_len + request_len:
            raise CorruptEntry("an entry is cut short")
        return cls._from_meta(meta, request_json, b"", None)

    @classmethod
    def _from_meta(cls, meta: bytes, request_json: bytes, body: bytes, now: float | None) -> Self:
        # The checksum protects against accidents only: a directory from elsewhere may hold any meta it likes.
        try:
            fields = json.loads(meta)
            stated = fields.get("recorded_at")
            recorded_at = float(stated) if now is None else recorded_seconds(stated, now)
            entry = cls(
                key=str(fields["key"]),
                status=int(fields["status"]),
                reason=str(fields["reason"]),
                headers=tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in fields["headers"]),
                body=body,
                recorded_at=recorded_at,
                elapsed=float(fields["elapsed"]),
                run=str(fields["run"]),
                label={str(k): str(v) for k, v in fields["label"].items()},
                judged=str(fields["judged"]),
                request_json=request_json,
                edited=fields.get("edited") is True,
                ambiguous=fields.get("ambiguous") is True,
                account=account_of(fields.get("account")),
                bindings=bindings_of(fields.get("bindings", ())),
                timing=timing_of(fields.get("timing")),
            )
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise CorruptEntry("an entry's description does not parse") from error
        if not entry._is_sound():
            raise CorruptEntry("an entry's description holds values that no answer has")
        return entry

    def _is_sound(self) -> bool:
        """Whether the entry can be sent and listed: its headers are headers, and its times are times."""
        values = [value for _, value in self.headers] + [self.reason.encode("utf-8", "replace")]
        return (
            200 <= self.status <= 599
            and 0 <= self.recorded_at <= _LATEST
            and math.isfinite(self.elapsed)
            and all(map(_NAME.fullmatch, (name for name, _ in self.headers)))
            and not any(map(_CONTROL.search, values))
        )


def bindings_of(raw: Any) -> tuple[tuple[str, int, str], ...]:
    """The volatile values that a description states. Raises ValueError or TypeError if it does not."""
    return tuple((str(rule), int(n), str(value)) for rule, n, value in raw)


def timing_of(raw: object) -> str:
    """The timing that a description states; '' if `raw` cannot be one. Its numbers are checked where it is used."""
    return raw if isinstance(raw, str) and _TIMING.fullmatch(raw) else ""


def _lengths(data: bytes) -> tuple[int, int, int]:
    """The lengths of the description, the request and the body of the entry that starts with `data`."""
    if len(data) < _START or not data.startswith(_MAGIC):
        raise CorruptEntry("an entry is cut short, or another program wrote it")
    if data[len(_MAGIC)] != _SCHEMA:
        raise UnknownSchema(f"an entry has schema {data[len(_MAGIC)]}; this version knows {_SCHEMA}")
    meta_len, request_len, body_len = _LENGTHS.unpack_from(data, len(_MAGIC) + 1)
    return meta_len, request_len, body_len


def account_of(raw: object) -> str:
    """The account digest that a foreign entry states; '' if `raw` does not have the form of one."""
    return raw if isinstance(raw, str) and _ACCOUNT.fullmatch(raw) else ""


def is_expired(
    entry: Entry, max_age: float | None, stored_at: Callable[[str], float | None] = lambda _: None
) -> bool:
    """Whether `entry` is at least `max_age` seconds old.

    The age of a recording from the future, by another machine's clock, is counted from when it was stored here:
    `stored_at` is asked for that by key (Unix seconds); None counts as now.
    """
    if max_age is None:
        return False
    now = time.time()
    since = entry.recorded_at
    if since > now:
        since = stored_at(entry.key) or now
    return now - since >= max_age


def recorded_seconds(raw: object, now: float) -> float:
    """The recording time that a foreign entry states, in Unix seconds; `now` if `raw` is not a usable time."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 < raw <= _LATEST:
        return now
    return float(raw)


def wins(entry: Entry, there: Entry | None, now: float) -> bool:
    """Whether `entry` replaces the entry that is `there` under its key when recordings are merged.

    The later recording wins; a time after `now` (Unix seconds) counts as `now`. At equal times an edited entry
    wins, then the greater digest. This is one total order, on disk, in Redis, in packs and in buckets, so that
    machines that merge the same entries in any order end up with the same ones.
    """
    if there is None:
        return True
    new, old = (min(entry.recorded_at, now), entry.edited), (min(there.recorded_at, now), there.edited)
    return new > old or (new == old and entry.pieces()[-1] > there.pieces()[-1])
