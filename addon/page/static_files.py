"""The files of the page, and the headers of all its answers."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from addon.exchange.direct import PAGE_HEADERS, Page

__all__ = ["SAFE_HEADERS", "as_json", "as_octets", "refusal", "static_page"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

SAFE_HEADERS = {
    **PAGE_HEADERS,
    "content-security-policy": _POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Nothing stored can run, load anything or be framed, whatever it contains. `trusted-types` forbids `innerHTML`."""

_MODULES = ("page", "data", "dom", "rows", "run", "entry", "conversation", "miss", "cache")
_FILES = {
    "/-/": ("index.html", "text/html; charset=utf-8"),
    "/-/page/page.css": ("page.css", "text/css; charset=utf-8"),
    **{f"/-/page/{name}.mjs": (f"{name}.mjs", "text/javascript; charset=utf-8") for name in _MODULES},
}


def static_page(path: str) -> Page | None:
    """The file at `path`, which holds no data and needs no token; None if there is none."""
    found = _FILES.get(path)
    if found is None:
        return None
    name, media_type = found
    return Page(_read(name), {"content-type": media_type, **SAFE_HEADERS})


def as_json(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Page:
    """An answer of JSON."""
    body = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    return Page(body, {"content-type": "application/json", **SAFE_HEADERS}, status)


def as_octets(body: bytes, name: str) -> Page:
    """Bytes to save as a file. They are never shown as what they say they are."""
    more = {
        "content-type": "application/octet-stream",
        "content-disposition": f'attachment; filename="{name}"',
    }
    return Page(body, {**more, **SAFE_HEADERS})


def refusal(status: HTTPStatus, message: str) -> Page:
    """An error, which the page shows in words."""
    return as_json({"error": message}, status)


@cache
def _read(name: str) -> bytes:
    return files(__package__).joinpath("static", name).read_bytes()
