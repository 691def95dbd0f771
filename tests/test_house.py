"""The rules of the house, read from the source without importing it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(
    path.relative_to(ROOT) for package in ("addon", "cache_store") for path in (ROOT / package).rglob("*.py")
)
TESTS = sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py"))

# Room → the rooms above which it stands: what it may import besides itself. A room is a folder or a file.
# `docs/architecture.md` draws this table; change both together.
_STORE = ("cache_store.entry", "cache_store.store", "cache_store.errors", "cache_store.answers")
_MESSAGES = ("addon.messages",)
_PURE_ROOMS = ("addon.identity", "addon.volatile", "addon.redaction", "addon.judging")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "addon.cli": ("addon", "cache_store"),
    "addon.workers": ("addon.host", "addon.mitm", "addon.mitm.core", "addon.exchange", "addon.report",
                      "addon.accounting", "addon.policy", "addon.environment", "addon.settings", *_PURE_ROOMS,
                      *_MESSAGES, "cache_store"),
    "addon.host": ("addon.mitm", "addon.mitm.core", "addon.environment", "addon.settings", "addon.printing",
                   "cache_store"),
    "addon.script": ("addon.mitm", "addon.report", "addon.settings"),
    "addon.mitm": ("addon.mitm.core", "addon.page", "addon.exchange", "addon.pacing", "addon.sockets", "addon.accounting",
                   "addon.scopes", "addon.settings",
                   "addon.judging.reasons", "addon.identity.url_form", *_MESSAGES, "cache_store"),
    "addon.mitm.core": ("addon.exchange.recording", "addon.pacing", "addon.sockets", *_MESSAGES, *_STORE),
    "addon.page": ("addon.exchange", "addon.report", "addon.accounting", "addon.diagnosis", "addon.redaction",
                   "addon.pacing", "addon.printing", "addon.sockets", "cache_store"),
    "addon.exchange": ("addon.transfer", "addon.accounting", "addon.probing", "addon.policy", "addon.scopes", "addon.settings", "addon.offline", "addon.printing",
                       "addon.diagnosis", "addon.faults", "addon.pacing", "addon.sockets",
                       *_PURE_ROOMS, *_MESSAGES, "cache_store"),
    "addon.learning": ("addon.policy", "addon.scopes", "addon.diagnosis", "addon.printing", *_PURE_ROOMS, *_MESSAGES, *_STORE),
    "addon.report": ("addon.accounting", "addon.settings", "addon.printing", "cache_store"),
    "addon.drift": ("addon.policy", "addon.identity", "addon.diagnosis", "addon.redaction", "addon.judging", *_MESSAGES,
                    *_STORE),
    "addon.reviewing": ("addon.accounting", "addon.diagnosis", "addon.redaction", "addon.printing", *_STORE,
                        "cache_store.nearest"),
    "addon.transfer": ("addon.policy", "addon.settings", *_PURE_ROOMS, *_MESSAGES, "cache_store"),
    "addon.accounting": ("addon.identity", "addon.scopes", "addon.settings", *_MESSAGES, "cache_store"),
    "addon.scopes": ("addon.settings", "addon.faults", "cache_store.errors"),
    "addon.policy": ("addon.settings", "addon.offline", *_PURE_ROOMS, *_MESSAGES, *_STORE),
    "addon.environment": ("addon.settings", "addon.runners", "cache_store"),
    "addon.settings": ("addon.faults", "addon.offline", "addon.identity", "addon.judging", "cache_store"),
    "addon.faults": _STORE,
    "addon.enclosure": ("cache_store.errors",),
    "addon.offline": ("addon.identity.url_form", *_MESSAGES, "cache_store.entry"),
    "addon.identity": ("addon.volatile", "addon.redaction", *_MESSAGES, *_STORE),
    "addon.sockets": ("addon.judging.reasons", *_MESSAGES, *_STORE),
    "addon.diagnosis": ("addon.volatile", "addon.redaction", "addon.printing", *_STORE, "cache_store.nearest"),
    "addon.probing": ("addon.volatile", *_MESSAGES, *_STORE),
    "addon.volatile": ("addon.redaction", *_STORE),
    "addon.redaction": (*_MESSAGES, *_STORE),
    "addon.judging": _STORE,
    "addon.pacing": _STORE,
    "addon.messages": ("cache_store.entry",),
    "addon.printing": (),
    "addon.runners": (),
    "cache_store.conformance": _STORE,
    "cache_store.transfer": ("cache_store.disk", "cache_store.tiers", "cache_store.atomic_file",
                             "cache_store.plain_files", *_STORE),
    "cache_store.tiers": ("cache_store.nearest", *_STORE),
    "cache_store.disk": ("cache_store.nearest", "cache_store.atomic_file", "cache_store.plain_files", *_STORE),
    "cache_store.nearest": _STORE,
    "cache_store.answers": ("cache_store.entry", "cache_store.errors"),
    "cache_store.store": ("cache_store.entry", "cache_store.errors"),
    "cache_store.entry": ("cache_store.errors",),
    "cache_store.atomic_file": ("cache_store.plain_files",),
    "cache_store.plain_files": (),
    "cache_store.errors": (),
}  # fmt: skip
# Where a flow, a layer or the host process is at hand; everything else is free of mitmproxy's types.
MAY_IMPORT_MITMPROXY = ("addon.mitm", "addon.host", "addon.cli.serve", "addon.transfer.flow_files")
MAY_IMPORT_DISKCACHE = ("cache_store.disk",)
# These decide; they are tested without a proxy and without a store, whatever they import on the way.
PURE = (
    "addon.identity",
    "addon.judging",
    "addon.settings.modes",
    "addon.redaction",
    "addon.faults",
    "cache_store.answers",
    "cache_store.conformance",
)

# The only modules that write to stdout and stderr.
MAY_PRINT = (Path("addon/cli/output.py"), Path("addon/host/log.py"))

WITHOUT_A_TEST_OF_ITS_NAME = {
    "addon/enclosure/entering.py": "tests/e2e/test_enclosed.py runs it, since it changes its process for good",
    "addon/enclosure/netlink.py": "the same",
    "addon/cli": "commands are driven end to end, as users type them (tests/e2e)",
    "addon/script.py": "two lines that stock mitmproxy runs (tests/e2e)",
    "addon/cli/sample_provider.py": "the provider of `demo`, which tests/e2e runs",
    "addon/messages.py": "records without behaviour",
    "addon/drift/reason.py": "a record without behaviour",
    "cache_store/conformance/report.py": "tested with the entries and fixtures that it reports on",
    "addon/exchange/decisions.py": "records without behaviour",
    "addon/exchange/takes.py": "protocols without behaviour",
    "cache_store/store.py": "a protocol and a record without behaviour",
}


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {_name(path): path for path in MODULES}


def _room(name: str) -> str:
    """The room of a module: the longest row of the table that it lies in."""
    return max((room for room in MAY_IMPORT if _is_in(name, (room,))), key=len, default=name)


def _is_in(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def _test_of(path: Path) -> Path:
    return Path("tests") / path.with_name(f"test_{path.name}")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def _imported(path: Path) -> Iterator[tuple[str, str]]:
    """Every import anywhere in a file: the module, and the name taken from it ('' for the module itself)."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from ((node.module or "", alias.name) for alias in node.names)


def _modules_imported(path: Path) -> set[str]:
    """The modules that an import may load: `from a.b import c` names a.b, and a.b.c where that is a module."""
    found = set()
    for module, name in _imported(path):
        found.add(module)
        if f"{module}.{name}" in NAMES:
            found.add(f"{module}.{name}")
    return found


def _top(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@cache
def _reached(name: str) -> frozenset[str]:
    """Every module that a module of ours imports, directly or through others of ours, packages included."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in reached:
            continue
        reached.add(current)
        if current in NAMES:
            waiting += _modules_imported(NAMES[current])
            waiting += [parent for parent in (current.rpartition(".")[0],) if parent]
    return frozenset(reached)


def _ids(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=str)


def test_there_is_something_to_look_at() -> None:
    """The two packages and their tests are found."""
    assert Path("addon/mitm/provider_cache.py") in MODULES
    assert Path("cache_store/entry.py") in MODULES
    assert Path("tests/test_house.py") in TESTS


@_ids(MODULES)
def test_who_imports_what(path: Path) -> None:
    """`cache_store` knows neither `addon` nor mitmproxy; mitmproxy and diskcache are known where they are at home."""
    imported = _top(_modules_imported(path))
    if path.parts[0] == "cache_store":
        assert not imported & {"addon", "mitmproxy"}
    if not _is_in(_name(path), MAY_IMPORT_MITMPROXY):
        assert "mitmproxy" not in imported
    if not _is_in(_name(path), MAY_IMPORT_DISKCACHE):
        assert "diskcache" not in imported


@_ids(MODULES)
def test_a_room_imports_what_the_table_allows(path: Path) -> None:
    """The import table, module by module; a folder's own modules are always allowed."""
    room = _room(_name(path))
    foreign = {name for name in _modules_imported(path) if name in NAMES and _room(name) != room}
    assert sorted(name for name in foreign if not _is_in(name, MAY_IMPORT[room])) == []


def test_the_table_names_every_room_and_no_other() -> None:
    """Each room has a row, no row is left over, and no arrow points up: rooms stand in an order."""
    assert {_room(name) for name in NAMES if NAMES[name].name != "__init__.py" or "." in name} == set(
        MAY_IMPORT
    )
    order = {room: number for number, room in enumerate(MAY_IMPORT)}
    up = [
        f"{room} imports {_room(name)}"
        for room in MAY_IMPORT
        for path in MODULES
        if _room(_name(path)) == room
        for name in _modules_imported(path)
        if name in NAMES and "." in name and order[_room(name)] < order[room] and _room(name) != room
    ]
    assert up == []


@pytest.mark.parametrize("room", [room for room in MAY_IMPORT if NAMES[room].name == "__init__.py"])
def test_a_room_says_what_it_is_for(room: str) -> None:
    """In the docstring of its `__init__`, in a sentence or two."""
    said = ast.get_docstring(_tree(NAMES[room])) or ""
    assert len(said) > 40


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(PURE)])
def test_pure_modules_reach_neither_mitmproxy_nor_diskcache(name: str) -> None:
    """Not even through what they import."""
    assert not _top(set(_reached(name))) & {"mitmproxy", "diskcache"}


@pytest.mark.parametrize("place", [*MAY_IMPORT_MITMPROXY, *MAY_IMPORT_DISKCACHE])
def test_no_exception_is_left_over(place: str) -> None:
    """Who may import mitmproxy or diskcache does."""
    inside = [path for name, path in NAMES.items() if _is_in(name, (place,))]
    assert any(_top(_modules_imported(path)) & {"mitmproxy", "diskcache"} for path in inside)


@_ids(MODULES)
def test_nothing_unpickles(path: Path) -> None:
    """No pickle, and nothing that is one under another name."""
    unpickles = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
    assert not _top(_modules_imported(path)) & unpickles


@_ids(MODULES)
def test_private_names_stay_in_their_module(path: Path) -> None:
    """What begins with `_` is not imported by another module of ours."""
    ours = [
        (module, name)
        for module, name in _imported(path)
        if module.partition(".")[0] in ("addon", "cache_store")
    ]
    assert [f"{module}.{name}" for module, name in ours if name.startswith("_")] == []


@_ids(MODULES)
def test_public_modules_say_what_is_public(path: Path) -> None:
    """Each has `__all__`, and each name in it is there."""
    tree = _tree(path)
    defined: set[str] = set()
    public: list[str] | None = None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.TypeAlias):
            defined.add(node.name.id)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                defined |= {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
            if "__all__" in {target.id for target in targets if isinstance(target, ast.Name)}:
                assert node.value is not None
                public = ast.literal_eval(node.value)
    if public is None:
        # A start file, and a package that holds nothing itself.
        assert path.name in ("__main__.py", "script.py") or not defined
        return
    assert sorted(set(public) - defined) == []
    assert len(set(public)) == len(public)
    assert not any(name.startswith("_") for name in public)


@cache
def _taken_by(*folders: str) -> frozenset[tuple[str, str]]:
    """(module, name) for every name that the files below `folders` take from a module, by import or attribute."""
    taken: set[tuple[str, str]] = set()
    for path in (path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")):
        taken |= set(_imported(path))
        aliases = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(_tree(path))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                taken.add((aliases.get(node.value.id, ""), node.attr))
    return frozenset(taken)


@_ids([path for path in MODULES if path.name != "__init__.py" and path.parts[:2] != ("addon", "cli")])
def test_what_is_public_is_used(path: Path) -> None:
    """By another module of ours, or by its own module and a test; a class may be the type of what is."""
    name, tree = _name(path), _tree(path)
    types = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    types |= {node.name.id for node in tree.body if isinstance(node, ast.TypeAlias)}
    public = [
        one
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if node.targets[0].id == "__all__"
        for one in ast.literal_eval(node.value)
    ]
    read = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    tested = {one for module, one in _taken_by("tests") if module == name}
    used = {one for module, one in _taken_by("addon", "cache_store") if module == name}
    # `provider_proxy_start.py` runs `main` of a module by name.
    assert [one for one in public if one not in used | types | (read & tested) | {"main"}] == []


@_ids(MODULES)
def test_no_module_is_named_like_one_of_the_standard_librarys(path: Path) -> None:
    """mitmproxy puts a script's folder on sys.path: such a module would be imported in the place of the other."""
    assert path.stem in ("__init__", "__main__") or path.stem not in sys.stdlib_module_names


@_ids([path for path in MODULES if path not in MAY_PRINT])
def test_one_place_prints(path: Path) -> None:
    """Everything printed goes through `addon.printing`, which escapes what could act on a terminal or a CI runner."""
    printing = [
        node.lineno
        for node in ast.walk(_tree(path))
        if (isinstance(node, ast.Name) and node.id == "print")
        or (isinstance(node, ast.Attribute) and node.attr in ("echo", "secho"))
        or (isinstance(node, ast.Attribute) and node.attr in ("write", "buffer") and _is_standard(node.value))
    ]
    assert printing == []


def _is_standard(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr", "__stdout__", "__stderr__")


@_ids([path for path in MODULES if path.name not in ("__init__.py", "__main__.py")])
def test_every_module_has_a_test_file_of_its_name(path: Path) -> None:
    """At the same path under tests/, unless the list says why not."""
    excused = {str(path), *(str(parent) for parent in path.parents)} & set(WITHOUT_A_TEST_OF_ITS_NAME)
    assert excused or _test_of(path) in TESTS


@pytest.mark.parametrize("excused", WITHOUT_A_TEST_OF_ITS_NAME)
def test_no_excuse_is_left_over(excused: str) -> None:
    """What is excused exists, and a single file has no test of its name after all."""
    assert (ROOT / excused).exists()
    if excused.endswith(".py"):
        assert _test_of(Path(excused)) not in TESTS


@_ids(TESTS)
def test_every_test_says_what_it_shows(path: Path) -> None:
    """Each has a docstring."""
    silent = [
        node.name
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


@_ids([*MODULES, *TESTS])
def test_no_file_knows_the_machine_that_it_was_written_on(path: Path) -> None:
    """No path of a home or a working directory."""
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not any(f"/{folder}/" in text for folder in ("ro" + "ot", "wo" + "rk"))
