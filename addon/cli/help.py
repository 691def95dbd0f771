"""`help`: topics, taken from the docs, and the help of a command."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import click

from addon.cli.output import print_lines
from cache_store.errors import UsageError

__all__ = ["TOPICS", "help_"]

# Topic → page and heading; "" is the page's beginning, up to its first heading of the second level.
TOPICS = {
    "modes": ("README.md", "Modes"),
    "key": ("docs/identity.md", ""),
    "secrets": ("docs/secrets.md", ""),
    "misses": ("README.md", "When it misses"),
}
_ROOT = Path(__file__).parents[2]
# Where a wheel has them; in a checkout they are where they are.
_PACKAGED = Path(__file__).parents[1] / "pages"


@click.command("help")
@click.argument("topic", required=False)
@click.pass_context
def help_(context: click.Context, topic: str | None) -> None:
    """Explain TOPIC: modes, key, secrets or misses; or show the help of a command.

    `key` says what makes two requests the same, `secrets` what is never stored, `misses` what to do about one.
    """
    root = context.find_root()
    if topic in TOPICS:
        print_lines(_rendered(_section(*TOPICS[topic])))
        return
    assert isinstance(root.command, click.Group)
    command = root.command.get_command(root, topic) if topic else None
    if topic and command is None:
        raise UsageError(f"{topic} is neither a topic nor a command; topics are {', '.join(TOPICS)}")
    if command is None:
        print_lines(f"{root.get_help()}\n\nTopics: {', '.join(TOPICS)}")
    else:
        print_lines(command.get_help(click.Context(command, info_name=topic, parent=root)))


def _section(page: str, heading: str) -> str:
    folder = _PACKAGED if _PACKAGED.is_dir() else _ROOT
    text = (folder / page).read_text(encoding="utf-8")
    before, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    if not heading:
        return before
    return next(f"# {section}" for section in sections if section.startswith(f"{heading}\n"))


def _rendered(markdown: str) -> str:
    from rich.console import Console
    from rich.markdown import Markdown

    out = io.StringIO()
    width = min(shutil.get_terminal_size().columns, 100)
    console = Console(file=out, width=width, color_system=None, legacy_windows=False)
    console.print(Markdown(markdown, hyperlinks=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
