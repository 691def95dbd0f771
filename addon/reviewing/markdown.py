"""Shows a review as Markdown for a pull request or the summary of a GitHub job.

All that recordings hold stands in `code` and `pre` elements of HTML blocks. There, Markdown means nothing, and
GitHub looks for no mentions, issue numbers and links (html-pipeline's MentionFilter ignores `pre` and `code`). A
backslash before an `@` would not be enough: the filter sees the finished page. An HTML block ends at an empty line
(CommonMark 0.31, section 4.6), so each is written without one, and each text from a recording in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from addon.accounting.figures import plural
from addon.printing import printable
from addon.reviewing.changes import Change
from addon.reviewing.recordings import Figures
from addon.reviewing.review import Block, Review
from addon.reviewing.text import name_of, summary_line

__all__ = ["COMMENT", "STEP_SUMMARY", "Bound", "render_markdown"]

_NAME = 200  # characters
_NOTES = 5
_END = 200  # left for the line that says how much is left out


@dataclass(frozen=True, slots=True)
class Bound:
    """How long the text may be, and how its length is measured."""

    most: int
    measure: Callable[[str], int]


COMMENT = Bound(65_536, lambda text: len(text.encode("utf-16-le")) // 2)
"""GitHub refuses a comment with more characters ("body is too long (maximum is 65536 characters)")."""

STEP_SUMMARY = Bound(2**20, lambda text: len(text.encode()))
"""GitHub refuses a longer summary of a step: 1 MiB ("Adding a job summary", GitHub's documentation)."""


def render_markdown(review: Review, bound: Bound = COMMENT, failed: tuple[str, ...] = ()) -> str:
    """The review, one block that opens for each test, as many as fit. `failed` are lines of failed conditions."""
    parts = [_head(review, failed)]
    left = bound.most - bound.measure(parts[0]) - _END
    shown = 0
    for block in review.blocks:
        for text in (_whole(block), _short(block)):
            length = bound.measure(text)
            if length <= left:
                parts.append(text)
                left -= length
                break
        else:
            break
        shown += 1
    if more := len(review.blocks) - shown:
        parts.append(f"and {plural(more, 'more test')}, for which there is no room here\n")
    return "".join(parts)


def _head(review: Review, failed: tuple[str, ...]) -> str:
    lines = ["### Review of recordings", "", f"{summary_line(review)}.", ""]
    lines += ["| | answers | tokens in | tokens out | cost |", "|---|---:|---:|---:|---:|"]
    lines += [_row("before", review.before), _row("after", review.after), ""]
    lines += [f"<p><b>Failed:</b> {_code(line)}</p>\n" for line in failed]
    lines += [f"<p>Could not be read: {_code(note[: 2 * _NAME])}</p>\n" for note in review.notes[:_NOTES]]
    if len(review.notes) > _NOTES:
        lines += [f"and {len(review.notes) - _NOTES} more could not be read", ""]
    return "\n".join(lines) + "\n"


def _row(name: str, figures: Figures) -> str:
    cost = figures.line.rpartition(" out, ")[2].replace("$", "&#36;")
    return f"| {name} | {figures.answers:,} | {figures.input_tokens:,} | {figures.output_tokens:,} | {cost} |"


def _whole(block: Block) -> str:
    lines = ["<details>", f"<summary>{_title(block)}</summary>"]
    if block.others:
        lines.append(f"<p>Also used by {plural(len(block.others), 'other test')}.</p>")
    lines.append("<ul>")
    for change, times in block.changes.items():
        again = f" ({times} times)" if times > 1 else ""
        lines.append(f"<li><b>{change.what}</b> {_code(change.place)}{again}")
        lines += _what_changed(change)
        lines.append("</li>")
    if block.more:
        lines.append(f"<li>and {plural(block.more, 'more change')}</li>")
    lines.append("</ul>")
    if block.before != block.after:
        lines.append(f"<p>Before: {_text(block.before.line)}. After: {_text(block.after.line)}.</p>")
    return "\n".join([*lines, "</details>"]) + "\n\n"


def _short(block: Block) -> str:
    return f"<p>{_title(block)} (too long to be shown here)</p>\n\n"


def _title(block: Block) -> str:
    name = name_of(block)
    name = name if len(name) <= _NAME else f"{name[:_NAME]}…"
    return f"{_code(name)}: {', '.join(block.kinds)}"


def _what_changed(change: Change) -> Iterator[str]:
    for hunk in change.hunks:
        old = f"<del>{_text(hunk.old)}</del>" if hunk.old else ""
        new = f"<ins>{_text(hunk.new)}</ins>" if hunk.new else ""
        yield f"<pre>{_text(hunk.before)}{old}{new}{_text(hunk.after)}</pre>"
    if change.old is not None or change.new is not None:
        old = "" if change.old is None else f"<del>{_text(change.old)}</del>"
        new = "" if change.new is None else f"<ins>{_text(change.new)}</ins>"
        yield f"<pre>{old}{' ' if old and new else ''}{new}</pre>"


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    """`text` in one line without markup."""
    return escape(printable(text).encode("utf-8", "replace").decode())
