"""Renders the report as one self-contained HTML page: no script, no font, no external address."""

from __future__ import annotations

import datetime
from html import escape
from typing import Any

from addon.accounting.figures import money, plural, seconds, size
from addon.printing import printable
from addon.report.by_test import FIGURES, cells_of, name_of, rows_to_show, unshown_line
from addon.report.style import STYLE
from addon.report.words import cost_of, rate_text, side_lines

__all__ = ["render_html"]

_TESTS = 1000

_KINDS = (
    ("hits", "hit", "answered from the cache"),
    ("misses", "miss", "no entry"),
    ("bypassed", "bypass", "the cache was not asked"),
    ("refused", "refused", "cannot be cached, and the mode forbids sending it"),
)


def render_html(run: dict[str, Any]) -> str:
    """Render the page of a run, given as `RunCounts.as_dict` returns it. All values are escaped."""
    title = f"provider-proxy: {rate_text(run['total']) or 'nothing looked up'}"
    parts = [
        _header(run),
        _gates(run),
        _tiles(run),
        _hosts(run),
        _tests(run),
        _misses(run),
        _costs(run),
        _sides(run),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_text(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _text(value: str) -> str:
    return escape(printable(value))


def _header(run: dict[str, Any]) -> str:
    started = _when(run["started_at"])
    seen = f" · {started}" if started else ""
    figure = rate_text(run["total"]).removesuffix(" hits") or "-"
    return (
        f"<header><div><h1>provider-proxy</h1><p>mode <b>{_text(run['mode'])}</b>{_text(seen)}</p></div>"
        f'<div class="rate"><b>{figure}</b><span>hits</span></div></header>'
    )


def _when(at: float) -> str:
    try:
        return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%d %B %Y, %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return ""


def _gates(run: dict[str, Any]) -> str:
    lines = "".join(f"<li>{_text(line)}</li>" for line in run["failed_gates"])
    return f'<section class="failed"><h2>Gate failed</h2><ul>{lines}</ul></section>' if lines else ""


def _tiles(run: dict[str, Any]) -> str:
    total = run["total"]
    tiles = [
        (str(total["requests"]), "request" if total["requests"] == 1 else "requests", ""),
        (seconds(total["saved_seconds"]), "not waited for", f"{seconds(total['live_seconds'])} live"),
        (_amount(run["saved"]), "saved", f"{_unpriced(run['saved'])}{_amount(run['spent'])} spent"),
        (str(total["stored"]), "stored", size(total["hit_bytes"] + total["live_bytes"]) + " in all"),
    ]
    drawn = "".join(
        f"<div><b>{_text(figure)}</b><span>{_text(name)}</span><small>{_text(more)}</small></div>"
        for figure, name, more in tiles
    )
    return f'<section class="tiles">{drawn}</section>'


def _amount(costs: dict[str, Any]) -> str:
    return money(costs["usd"]) if costs["answers"] else "$0"


def _unpriced(costs: dict[str, Any]) -> str:
    if not costs["unknown"] or not costs["usd"]:
        return ""
    return f"and {plural(costs['unknown'], 'answer')} of unknown price · "


def _hosts(run: dict[str, Any]) -> str:
    if not run["hosts"]:
        return '<section><h2>Hosts</h2><p class="quiet">No requests.</p></section>'
    legend = "".join(f'<li class="{css}" title="{what}">{name}</li>' for name, css, what in _KINDS)
    rows = "".join(_host(name, row) for name, row in run["hosts"].items())
    return f'<section><h2>Hosts</h2><ul class="legend">{legend}</ul><div class="hosts">{rows}</div></section>'


def _host(name: str, row: dict[str, Any]) -> str:
    """A bar of this host's requests, so that its hits are a share of them."""
    all_drawn = sum(max(0, row[kind]) for kind, _, _ in _KINDS) or 1
    pieces = "".join(
        f'<i class="{css}" style="width:{100 * row[kind] / all_drawn:.3f}%" title="{
            plural(row[kind], kind, kind)
        }"></i>'
        for kind, css, _ in _KINDS
        if row[kind] > 0
    )
    said = [plural(row["hits"], "hit"), plural(row["misses"], "miss", "misses"), f"{row['stored']} stored"]
    said += [f"{row[kind]} {kind}" for kind in ("bypassed", "refused") if row[kind]]
    said += [plural(row["errors"], "error")] if row["errors"] else []
    said += [f"{size(row['hit_bytes'] + row['live_bytes'])}", f"{seconds(row['saved_seconds'])} saved"]
    figures = " · ".join(said)
    return (
        f'<div class="host"><div class="name">{_text(name)}</div><div class="bar">{pieces}</div>'
        f'<div class="quiet">{_text(figures)}</div></div>'
    )


def _tests(run: dict[str, Any]) -> str:
    if not run["tests"]:
        return ""
    shown = rows_to_show(run, _TESTS, quiet=True)
    rows = "".join(map(_test, shown))
    head = "".join(f"<th>{name}</th>" for name in ("test", *FIGURES))
    more = unshown_line(run, len(shown), quiet=True)
    rest = f'<p class="quiet">{_text(more)}</p>' if more else ""
    table = f'<div class="scroll"><table class="figures"><tr>{head}</tr>{rows}</table></div>'
    return f"<section><h2>Tests</h2>{table}{rest}</section>"


def _test(row: dict[str, Any]) -> str:
    pointers = dict.fromkeys(miss["pointer"] for miss in row["misses"] if miss["pointer"])
    where = "".join(f"<small>{_text(pointer)}</small>" for pointer in list(pointers)[:3])
    cells = "".join(f"<td>{_text(cell)}</td>" for cell in cells_of(row))
    return f"<tr><td><code>{_text(name_of(row))}</code>{where}</td>{cells}</tr>"


def _misses(run: dict[str, Any]) -> str:
    if not run["missed"]:
        return ""
    more = run["unexplained_misses"]
    rest = (
        f'<p class="quiet">{plural(more, "more miss", "more misses")} without an explanation.</p>'
        if more
        else ""
    )
    misses = "".join(map(_miss, run["missed"]))
    return f"<section><h2>Misses</h2>{misses}{rest}</section>"


def _miss(miss: dict[str, Any]) -> str:
    badges = [plural(miss["times"], "try", "tries")] if miss["times"] > 1 else []
    badges += (
        [plural(miss["follows"], "later miss follows", "later misses follow")] if miss["follows"] else []
    )
    marks = "".join(f"<em>{_text(badge)}</em>" for badge in badges)
    rows = "".join(map(_difference, miss["differences"]))
    asked = f" “{_text(miss['question'])}”" if miss["question"] else ""
    table = (
        f'<div class="scroll"><table><tr><th>where</th><th>recorded</th><th>now</th></tr>{rows}</table></div>'
    )
    near = f" · nearest {_text(str(miss['nearest'])[:12])}…" if miss["nearest"] else ""
    shared = miss["shared_messages"]
    first = "first message is" if shared == 1 else f"first {shared} messages are"
    same = f" · the {first} the same" if shared else ""
    return (
        f'<details class="missed" open><summary><b>{_text(miss["place"])}</b>{asked}{marks}</summary>'
        f'<p class="quiet">{_text(miss["key"][:12])}…{near}{_text(same)}</p>'
        + (table if rows else "")
        + "".join(f'<p class="{css}">{_text(miss[css])}</p>' for css in ("note", "remedy") if miss[css])
        + "</details>"
    )


def _difference(difference: dict[str, Any]) -> str:
    cells = "".join(
        f'<td class="{css}">{_text(str(value)) if value is not None else "<i>nothing</i>"}</td>'
        for css, value in (("old", difference["old"]), ("new", difference["new"]))
    )
    place, kind = _text(difference["place"]), _text(difference["kind"])
    return f"<tr><td><code>{place}</code><small>{kind}</small></td>{cells}</tr>"


def _costs(run: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{_text(row['model'])}</td><td>{title}</td><td>{row['answers']:,}</td>"
        f"<td>{row['input_tokens']:,}</td><td>{row['output_tokens']:,}</td><td>{_text(cost_of(row))}</td></tr>"
        for title in ("saved", "spent")
        for row in run[title]["models"]
    )
    head = "".join(
        f"<th>{name}</th>" for name in ("model", "", "answers", "tokens in", "tokens out", "price")
    )
    table = f'<div class="scroll"><table class="figures"><tr>{head}</tr>{rows}</table></div>'
    return f"<section><h2>Models</h2>{table}</section>" if rows else ""


def _sides(run: dict[str, Any]) -> str:
    lines = "".join(f"<li>{_text(line)}</li>" for line in side_lines(run))
    return f'<section><h2>Other</h2><ul class="plain">{lines}</ul></section>' if lines else ""
