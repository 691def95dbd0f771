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

LONGEST = 350  # lines

# Where a flow, a layer or the host process is at hand; everything else is free of mitmproxy's types.
MAY_IMPORT_MITMPROXY = {
    "addon.dispatch",
    "addon.flows",
    "addon.host",
    "addon.http1_server",
    "addon.http_layer",
    "addon.open_tunnel",
    "addon.own_http",
    "addon.provider_cache",
    "addon.quick_ack",
    "addon.sweeping",
    "addon.upstream_bypass",
    "addon.workers.listening",
    "addon.cli.serve",  # starts mitmweb
    "addon.transfer.flow_files",  # reads mitmproxy's own flow files
}
MAY_IMPORT_DISKCACHE = {"cache_store.closing_cache", "cache_store.disk_store", "cache_store.safe_disk"}
# These decide; they are tested without a proxy and without a store, whatever they import on the way.
PURE = (
    "addon.identity",
    "addon.judging",
    "addon.modes",
    "addon.redaction",
    "cache_store.answers",
    "cache_store.conformance",
)

WITHOUT_A_TEST_OF_ITS_NAME = {
    "addon/cli": "commands are driven end to end, as users type them (tests/e2e)",
    "addon/script.py": "two lines that stock mitmproxy runs (tests/e2e)",
    "addon/sample_provider.py": "the provider of `demo`, which tests/e2e runs",
    "addon/providers.py": "a table, tested with the hosts that match it (test_hosts.py)",
    "addon/wire.py": "a record without behaviour",
    "addon/decisions.py": "records without behaviour",
    "cache_store/errors.py": "exceptions without behaviour",
    "cache_store/store.py": "a protocol and a record without behaviour",
}


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {_name(path): path for path in MODULES}


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
    assert Path("addon/provider_cache.py") in MODULES
    assert Path("cache_store/entry.py") in MODULES
    assert Path("tests/test_house.py") in TESTS


@_ids(MODULES)
def test_who_imports_what(path: Path) -> None:
    """`cache_store` knows neither `addon` nor mitmproxy; mitmproxy and diskcache are known where they are at home."""
    imported = _top(_modules_imported(path))
    if path.parts[0] == "cache_store":
        assert not imported & {"addon", "mitmproxy"}
    if _name(path) not in MAY_IMPORT_MITMPROXY:
        assert "mitmproxy" not in imported
    if _name(path) not in MAY_IMPORT_DISKCACHE:
        assert "diskcache" not in imported


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith(PURE)])
def test_pure_modules_reach_neither_mitmproxy_nor_diskcache(name: str) -> None:
    """Not even through what they import."""
    assert not _top(set(_reached(name))) & {"mitmproxy", "diskcache"}


@pytest.mark.parametrize("name", sorted(MAY_IMPORT_MITMPROXY | MAY_IMPORT_DISKCACHE))
def test_no_exception_is_left_over(name: str) -> None:
    """Who may import mitmproxy or diskcache does."""
    assert _top(_modules_imported(NAMES[name])) & {"mitmproxy", "diskcache"}


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


@_ids(MODULES)
def test_no_module_is_named_like_one_of_the_standard_librarys(path: Path) -> None:
    """mitmproxy puts a script's folder on sys.path: such a module would be imported in the place of the other."""
    assert path.stem in ("__init__", "__main__") or path.stem not in sys.stdlib_module_names


@_ids(MODULES)
def test_a_file_is_short_enough_to_hold_in_the_head(path: Path) -> None:
    """A few hundred lines at the most."""
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= LONGEST


@_ids([path for path in MODULES if path.name not in ("__init__.py", "__main__.py")])
def test_every_module_has_a_test_file_of_its_name(path: Path) -> None:
    """Somewhere under tests/, unless the list says why not."""
    excused = {str(path), *(str(parent) for parent in path.parents)} & set(WITHOUT_A_TEST_OF_ITS_NAME)
    assert excused or any(test.name == f"test_{path.stem}.py" for test in TESTS)


@pytest.mark.parametrize("excused", WITHOUT_A_TEST_OF_ITS_NAME)
def test_no_excuse_is_left_over(excused: str) -> None:
    """What is excused exists, and a single file has no test of its name after all."""
    assert (ROOT / excused).exists()
    if excused.endswith(".py"):
        assert not any(test.name == f"test_{Path(excused).stem}.py" for test in TESTS)


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
