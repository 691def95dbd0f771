"""The README's tables as the code has them. `python tests/readme_tables.py` puts them into the README."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

README = ROOT / "README.md"


def tables() -> dict[str, str]:
    """Markdown by the name of its block."""
    found = {
        "modes": _modes(),
        "settings": _settings(),
        "hosts": _hosts(),
        "headers": _headers(),
        "query": _query(),
        "response-headers": _response_headers(),
        "never-cached": _never_cached(),
        "commands": _commands(),
    }
    return found | _measured()


def block(text: str, name: str) -> str:
    """What stands between a block's markers."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert found, f"the README has no block {name}"
    return found.group(1)


def _table(*rows: tuple[str, ...]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]) + "\n"


def _modes() -> str:
    from addon.settings.modes import Mode

    rows = [
        (
            f"`{mode}`" + (" (default)" if mode == "read-old-write-new" else ""),
            mode.serves.value,
            "forwards" if mode.forwards else "answers 502 with a miss report; nothing is forwarded",
            "yes" if mode.stores else "no",
        )
        for mode in Mode
    ]
    return _table(("mode", "serves", "on a miss", "stores"), *rows)


def _settings() -> str:
    from addon.settings.settings import SETTINGS

    rows = [(f"`{s.variable}`", f"`{s.default}`" if s.default else "-", s.meaning) for s in SETTINGS]
    return _table(("variable", "default", "meaning"), *rows)


def _names(patterns: list[str]) -> str:
    return ", ".join(f"`{pattern}`" for pattern in patterns)


def _hosts() -> str:
    from addon.settings.hosts import PROVIDER_HOSTS

    return _names([host for _, host in PROVIDER_HOSTS]) + "\n"


def _headers() -> str:
    from addon.identity.denylist import HEADERS

    rows = [(verdict.value, _names([place.pattern for place in places])) for verdict, places in HEADERS]
    return _table(("in the key?", "headers"), *rows)


def _query() -> str:
    from addon.identity.denylist import QUERY, QUERY_BESIDE_SIG

    credentials = _names([place.pattern for place in QUERY])
    return f"{credentials}; beside a `sig` also {_names(sorted(QUERY_BESIDE_SIG))}\n"


def _response_headers() -> str:
    from addon.redaction.response_headers import NOT_STORED

    return _names([place.pattern for place in NOT_STORED]) + "\n"


def _never_cached() -> str:
    from addon.policy.never_cached import EXEMPT, METADATA_NETWORKS, NEVER_CACHED

    kinds: dict[str, list[str]] = {}
    for row in NEVER_CACHED:
        kinds.setdefault(row.kind, []).append(row.host + row.path)
    kinds["cloud-metadata"] += map(str, METADATA_NETWORKS)
    said = {kind: _names(places) for kind, places in kinds.items()}
    said["telemetry"] += f", but for `{''.join(EXEMPT)}`"
    return _table(("kind", "host and path"), *said.items())


def _commands() -> str:
    import click

    from addon.cli.commands import COMMANDS, cli

    context = click.Context(cli)
    rows = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        first = (command.help or "").strip().split("\n\n")[0]
        rows.append((f"`{name}`", " ".join(first.split())))
    return _table(("command", "does"), *rows)


def _measured() -> dict[str, str]:
    from tests.bench.readme import RESULTS, rendered

    if not RESULTS.exists():  # before `python -m tests.bench --readme` put one there
        return {}
    return {"measured": rendered(json.loads(RESULTS.read_text(encoding="utf-8")))}


def main() -> None:
    """Write every block."""
    text = README.read_text(encoding="utf-8")
    for name, content in tables().items():
        old = f"<!-- {name} -->\n{block(text, name)}<!-- /{name} -->"
        text = text.replace(old, f"<!-- {name} -->\n{content}<!-- /{name} -->")
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
