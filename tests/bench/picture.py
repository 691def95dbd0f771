"""The picture of docs/measured.md: hits per second as bars, relative to stock mitmdump. Pure: text from numbers."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from tests.bench import names

__all__ = ["LONGEST", "picture"]

WIDTH, LEFT, RIGHT = 760, 250, 70
BAR, GAP, HEAD = 20, 8, 34
# A bar beyond this many times stock is cut, and says so; else nginx would leave the others a pixel each.
LONGEST = 6.0

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px } .note { fill: #59636e; font-size: 12px } .ours { font-weight: 600 }
.bar { fill: #9aa4af } .bar.ours { fill: #1a7f64 } .bar.base { fill: #6e7781 }
.axis { stroke: #59636e; stroke-dasharray: 3 3 } .cut { stroke: #ffffff; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note { fill: #9198a1 } .axis { stroke: #9198a1 }
  .bar { fill: #656e79 } .bar.ours { fill: #2fb88f } .bar.base { fill: #848d97 } .cut { stroke: #0d1117 }
}
"""


def picture(panels: Mapping[str, Mapping[str, float]]) -> str:
    """An SVG of a panel a door: by its title the peers and their hits/s relative to stock mitmdump's."""
    parts, top = [], 8
    longest = min(LONGEST, max((ratio for bars in panels.values() for ratio in bars.values()), default=1.0))
    for title, bars in panels.items():
        top += 18
        parts.append(_text(0, top, title, "title"))
        top += HEAD - 22
        begin = top
        for name, ratio in bars.items():
            parts += _bar(name, ratio, longest, top)
            top += BAR + GAP
        stock = LEFT + _length(1.0, longest)
        parts.append(f'<line class="axis" x1="{stock}" y1="{begin - 3}" x2="{stock}" y2="{top - GAP + 3}"/>')
        top += 10
    top += 10
    parts.append(_text(0, top, "hits per second relative to stock mitmdump with a constant answer; 2 KB, 16 connections",
                       "note"))  # fmt: skip
    height = top + 8
    said = "; ".join(
        f"{title}: " + ", ".join(f"{name} {_times(ratio)}" for name, ratio in bars.items())
        for title, bars in panels.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(said)}">\n<style>{STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bar(name: str, ratio: float, longest: float, top: int) -> list[str]:
    kind = "ours" if name in (names.OURS, names.OURS_2) else "base" if name == names.CONSTANT else ""
    length, middle = _length(ratio, longest), top + BAR - 6
    parts = [
        _text(LEFT - 10, middle, name, kind, anchor="end"),
        f'<rect class="bar {kind}" x="{LEFT}" y="{top}" width="{length}" height="{BAR}" rx="3"/>',
        # Beside the dashed line rather than across it.
        _text(LEFT + max(length, _length(1.0, longest)) + 8, middle, _times(ratio), kind),
    ]
    if ratio > longest:
        cuts = (LEFT + length - 30, LEFT + length - 22)
        parts += [f'<path class="cut" d="M{x} {top + BAR + 2} l6 -{BAR + 4}"/>' for x in cuts]
    return parts


def _length(ratio: float, longest: float) -> int:
    return max(2, round(min(ratio, longest) / longest * (WIDTH - LEFT - RIGHT)))


def _times(ratio: float) -> str:
    return f"{ratio:.0f}×" if ratio >= 10 else f"{ratio:.1f}×" if ratio >= 1 else f"{ratio:.2f}×"  # noqa: RUF001 - a multiplication sign is meant


def _text(x: int, y: int, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
