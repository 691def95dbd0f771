"""Draws the terminal cast of the README: `python docs/cast.py` runs the real demo and writes docs/demo.svg."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path

PICTURE = Path(__file__).with_name("demo.svg")

_COLUMNS = 104
_CHARACTER, _LINE, _MARGIN = 8.4, 20.0, 22.0  # pixels
_STEP = 0.25  # seconds between two lines

_STYLE = """\
text { font: 14px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d7dae0;
  white-space: pre; }
.prompt { fill: #7fd1ae; font-weight: 600; }
.head { fill: #8f96a3; }
.hit { fill: #7fd1ae; }
.miss { fill: #f0a868; }
g { animation: appear .2s backwards; }
@keyframes appear { from { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { g { animation: none; } }
"""


def transcript() -> list[str]:
    """The lines that a terminal of _COLUMNS columns shows when the demo runs."""
    command = [sys.executable, "-m", "addon.cli", "demo"]
    root = Path(__file__).resolve().parents[1]
    # Its own settings only: a PROVIDER_PROXY_… of the caller would change the story.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PROVIDER_PROXY_")}
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=root, env=environ, capture_output=True, text=True, check=True, timeout=120
    )
    lines = ["$ provider-proxy demo"]
    for line in done.stdout.rstrip().split("\n"):
        indent = " " * (len(line) - len(line.lstrip()))
        lines += textwrap.wrap(line, _COLUMNS, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return lines


def drawn(lines: list[str]) -> str:
    """The lines as an SVG that shows one after the other."""
    width = _COLUMNS * _CHARACTER + 2 * _MARGIN
    height = len(lines) * _LINE + 2 * _MARGIN
    rows = "".join(
        f'<g style="animation-delay: {number * _STEP:.2f}s">{_row(line, _MARGIN + (number + 0.75) * _LINE)}</g>\n'
        for number, line in enumerate(lines)
        if line
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">\n'
        f"<title>provider-proxy demo</title>\n<style>\n{_STYLE}</style>\n"
        f'<rect width="100%" height="100%" rx="10" fill="#16181d"/>\n{rows}</svg>\n'
    )


def shown(svg: str) -> list[str]:
    """The lines of such an SVG, without empty ones."""
    return [
        unescape("".join(re.findall(r"<tspan[^>]*>([^<]*)</tspan>", row)))
        for row in re.findall(r"<text.*?</text>", svg)
    ]


def _row(line: str, y: float) -> str:
    spans = "".join(f'<tspan class="{kind}">{escape(text)}</tspan>' for kind, text in _spans(line))
    return f'<text x="{_MARGIN:.0f}" y="{y:.0f}" textLength="{len(line) * _CHARACTER:.1f}">{spans}</text>'


def _spans(line: str) -> Iterator[tuple[str, str]]:
    if line.startswith("$"):
        yield "prompt", line
    elif line.startswith("request "):
        yield "head", line
    else:
        # The status and what the cache said, where the line is a row of the table.
        row = re.fullmatch(r"(.*? (?:on|off) +)(\d{3} +(?:true|false))( .*)", line)
        if row is None:
            yield "plain", line
            return
        yield "plain", row[1]
        yield ("hit" if "true" in row[2] else "miss" if row[2].startswith("5") else "plain"), row[2]
        yield "plain", row[3]


if __name__ == "__main__":
    PICTURE.write_text(drawn(transcript()), encoding="utf-8")
