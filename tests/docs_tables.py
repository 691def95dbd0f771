"""The generated parts of README.md and docs/. `python tests/docs_tables.py` writes them into the pages."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def tables() -> dict[str, str]:
    """Markdown by the name of its block."""
    blocks = {
        "modes": _modes(),
        "settings": _settings(),
        "hosts": _hosts(),
        "headers": _headers(),
        "query": _query(),
        "response-headers": _response_headers(),
        "never-cached": _never_cached(),
        "commands": _commands(),
        "action-inputs": _action_inputs(),
        "base-urls": _base_urls(),
        "clients": _clients(),
        "fault-errors": _fault_errors(),
        "agents": _agents(),
        "rooms": _rooms(),
        "imports": _imports(),
    }
    return blocks | _measured()


def block(name: str) -> str:
    """The text between a block's markers, on the one page that has them."""
    texts = [
        text
        for page in PAGES
        for text in re.findall(
            rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", page.read_text(encoding="utf-8"), re.DOTALL
        )
    ]
    assert len(texts) == 1, f"{len(texts)} pages have the block {name}"
    return texts[0]


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
    from addon.identity.families import PROVIDER_HEADERS

    rows = [(verdict.value, _names([place.pattern for place in places])) for verdict, places in HEADERS]
    providers = _names([place.pattern for place in PROVIDER_HEADERS])
    rows.insert(1, ("left out for built-in providers; in, as a hash, for other hosts", providers))
    return _table(("in the key?", "headers"), *rows)


def _query() -> str:
    from addon.identity.families import FAMILIES, QUERY_BESIDE_SIG

    rows = [
        (
            family.name,
            _names(list(family.hosts)),
            _names([place.pattern for place in family.query]),
        )
        for family in FAMILIES
        if family.query
    ]
    table = _table(("provider", "hosts", "left out of the key"), *rows)
    return f"{table}\nBeside a `sig` of Azure Storage, also {_names(sorted(QUERY_BESIDE_SIG))}.\n"


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
    for kind, exempt in zip(("telemetry", "hub-file"), EXEMPT, strict=True):
        said[kind] += f", but for `{''.join(exempt)}`"
    return _table(("kind", "host and path"), *said.items())


def _clients() -> str:
    rows = json.loads((ROOT / "tests" / "clients" / "results.json").read_text(encoding="utf-8"))
    said = [
        (name.partition(": ")[2], name.partition(":")[0], row["version"], row["outcome"], row["remark"])
        for name, row in rows.items()
    ]
    return _table(("client", "runs in", "version", "outcome", "remarks"), *said)


def _fault_errors() -> str:
    from addon.faults.provider_errors import ERRORS

    rows = [
        (
            provider,
            f"`{kind}`",
            f"{error.status}",
            f"`{said}`" if (said := _said(error)) else "-",
            error.source,
        )
        for (provider, kind), error in ERRORS.items()
    ]
    return _table(("provider", "kind", "status", "name", "source"), *rows)


def _said(error: Any) -> str:
    """The name by which a provider calls an error."""
    body = error.body.get("error", error.body)
    names = (error.headers.get("x-amzn-errortype"), body.get("code"), body.get("status"), body.get("type"))
    return next((name for name in names if isinstance(name, str)), "")


def _agents() -> str:
    rows = json.loads((ROOT / "tests" / "clients" / "agents.json").read_text(encoding="utf-8"))
    ways = ("version", "same", "folder", "home", "day")
    said = [(name, *(row[way] for way in ways)) for name, row in rows.items()]
    return _table(("agent", "version", "same place", "another folder", "fresh HOME", "another day"), *said)


def _base_urls() -> str:
    from addon.environment.base_urls import BASE_URLS

    rows = [(f"`{row.variable}`", f"`{row.url}`", row.read_by) for row in BASE_URLS]
    return _table(("variable", "stands for", "read by"), *rows)


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


def _action_inputs() -> str:
    import yaml

    action = ROOT / ".github" / "actions" / "provider-proxy" / "action.yml"
    inputs = yaml.safe_load(action.read_text(encoding="utf-8"))["inputs"]
    rows = [
        (f"`{name}`", f"`{item['default']}`" if item.get("default") else "-", item["description"])
        for name, item in inputs.items()
    ]
    return _table(("input", "default", "meaning"), *rows)


def _measured() -> dict[str, str]:
    from tests.bench.readme import RESULTS, rendered

    if not RESULTS.exists():  # before `python -m tests.bench --readme` put one there
        return {}
    return {"measured": rendered(json.loads(RESULTS.read_text(encoding="utf-8")))}


def _rooms() -> str:
    rows = []
    for room in _room_order():
        folder = ROOT / room.replace(".", "/")
        path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        shown = path.relative_to(ROOT).as_posix().removesuffix("__init__.py")
        rows.append((f"`{shown}`", " ".join(text.split("\n\n")[0].split())))
    return _table(("room", "does"), *rows)


def _imports() -> str:
    """A Mermaid graph of the rooms: an arrow is an import that no path of other arrows implies."""
    from tests import test_house as house

    order = _room_order()
    arrows: dict[str, set[str]] = {room: set() for room in order}
    for path in house.MODULES:
        room = house._room(house._name(path))
        for name in house._modules_imported(path):
            other = house._room(name)
            if name in house.NAMES and other != room and other in arrows and room in arrows:
                arrows[room].add(other)
    lines = ["```mermaid", "graph TD"]
    for package in ("addon", "cache_store"):
        lines.append(f"  subgraph {package}")
        lines += [
            f'    {_node(room)}["{room.removeprefix(package + ".")}"]'
            for room in order
            if room.startswith(package)
        ]
        lines.append("  end")
    for room in order:
        implied = {far for near in arrows[room] for far in _reach(near, arrows)}
        lines += [f"  {_node(room)} --> {_node(other)}" for other in order if other in arrows[room] - implied]
    return "\n".join([*lines, "```"]) + "\n"


def _room_order() -> list[str]:
    from tests.test_house import MAY_IMPORT

    return list(MAY_IMPORT)


def _node(room: str) -> str:
    return room.replace(".", "_")


def _reach(room: str, arrows: dict[str, set[str]]) -> set[str]:
    """Every room that `room` reaches through its arrows."""
    reached: set[str] = set()
    waiting = list(arrows[room])
    while waiting:
        other = waiting.pop()
        if other not in reached:
            reached.add(other)
            waiting += arrows[other]
    return reached


def main() -> None:
    """Write every block."""
    blocks = tables()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name, content in blocks.items():
            text = re.sub(
                rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
                lambda m, c=content: m[1] + c + m[2],
                text,
                flags=re.DOTALL,
            )
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
