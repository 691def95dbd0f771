"""Shows a review as text for a terminal or a log."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from addon.accounting.figures import plural
from addon.printing import printable
from addon.reviewing.changes import Change
from addon.reviewing.review import Block, Review

__all__ = ["name_of", "render_text", "summary_line"]


def name_of(block: Block) -> str:
    """The name of a block's test, or what its recording asks."""
    return block.test or f"no known test: {block.title}"


def summary_line(review: Review) -> str:
    """How many tests changed, and how many recordings did not."""
    tests = sum(1 for block in review.blocks if block.test)
    said = [plural(tests, "test") + " changed"] if tests or not review.blocks else []
    if others := len(review.blocks) - tests:
        said.append(f"{plural(others, 'recording')} of no known test changed")
    said.append(f"{plural(review.equal, 'recording')} equal")
    if review.again:
        said.append(f"{review.again} recorded again and saying the same")
    if review.left_out:
        said.append(f"{review.left_out} left out, for which no test asks any more")
    return ", ".join(said)


def render_text(review: Review, width: int | None = None) -> str:
    """The whole review; with `width`, lines are wrapped at so many columns."""
    lines = [line for block in review.blocks for line in (*_block(block), (0, ""))]
    lines += [(0, line) for line in (summary_line(review), *_figures(review))]
    lines += [(0, f"could not be read: {note}") for note in review.notes]
    return "\n".join(text for indent, line in lines for text in _wrapped(line, indent, width)) + "\n"


def _block(block: Block) -> Iterator[tuple[int, str]]:
    yield 0, name_of(block)
    if block.others:
        yield 2, f"also used by {plural(len(block.others), 'other test')}"
    for change, times in block.changes.items():
        again = f"  ({times} times)" if times > 1 else ""
        yield 2, f"{change.what}  {change.place}{again}"
        yield from ((6, line) for line in _what_changed(change))
    if block.more:
        yield 2, f"and {plural(block.more, 'more change')}"
    if block.before != block.after:
        yield 2, f"before  {block.before.line}"
        yield 2, f"after   {block.after.line}"


def _what_changed(change: Change) -> Iterator[str]:
    for hunk in change.hunks:
        old = f"[-{hunk.old}-]" if hunk.old else ""
        new = f"{{+{hunk.new}+}}" if hunk.new else ""
        yield f"{hunk.before}{old}{new}{hunk.after}"
    if change.old is not None:
        yield f"- {change.old}"
    if change.new is not None:
        yield f"+ {change.new}"


def _figures(review: Review) -> list[str]:
    if review.before == review.after:
        return [f"in all {review.after.line}"]
    return [f"before  {review.before.line}", f"after   {review.after.line}"]


def _wrapped(line: str, indent: int, width: int | None) -> list[str]:
    line = printable(line)
    if width is None or not line:
        return [" " * indent + line]
    return textwrap.wrap(
        line,
        max(width, 40),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_on_hyphens=False,
    )
