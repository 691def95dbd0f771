"""The environment in which pytest loads our plugin."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from addon.environment.client_env import apply
from addon.environment.pytest_env import ignores_pythonpath, pytest_environment
from addon.runners import PYTEST_FOLDER, PYTEST_PLUGIN

FOLDER = str(PYTEST_FOLDER)


def test_the_users_own_values_stay() -> None:
    """The plugin and its folder come first; the user's plugins and folders follow in their order."""
    environ = {"PYTEST_PLUGINS": "a.b,c", "PYTHONPATH": os.pathsep.join(["src", "", "lib"])}
    changed = apply(environ, pytest_environment(environ, strict=None))
    assert changed == {
        "PYTEST_PLUGINS": "provider_proxy_pytest,a.b,c",
        "PYTHONPATH": os.pathsep.join([FOLDER, "src", "", "lib"]),
    }
    assert apply(changed, pytest_environment(changed, strict=None)) == changed


@pytest.mark.parametrize("empty", [{}, {"PYTEST_PLUGINS": "", "PYTHONPATH": ""}])
def test_nothing_is_added_to_an_empty_path(empty: dict[str, str]) -> None:
    """An empty part would put the working directory on the path."""
    changed = apply(empty, pytest_environment(empty, strict=None))
    assert changed == {"PYTEST_PLUGINS": "provider_proxy_pytest", "PYTHONPATH": FOLDER}


def test_the_folder_holds_nothing_else() -> None:
    """Nothing but the plugin becomes importable."""
    found = {path.name for path in PYTEST_FOLDER.iterdir()}
    assert found - {"__pycache__"} == {"provider_proxy_pytest.py"}


def test_the_plugin_is_packed_twice() -> None:
    """In its folder, and at the top of site-packages for its entry point, which has the name of the module."""
    root = Path(__file__).parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["pytest11"] == {PYTEST_PLUGIN: PYTEST_PLUGIN}
    # hatchling packs a file once, so that the second one is a link.
    packed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert packed[f"{PYTEST_PLUGIN}.py"] == f"{PYTEST_PLUGIN}.py"
    assert (root / f"{PYTEST_PLUGIN}.py").resolve() == PYTEST_FOLDER / f"{PYTEST_PLUGIN}.py"


@pytest.mark.parametrize(("strict", "value"), [(True, "true"), (False, "false"), (None, None)])
def test_strictness(*, strict: bool | None, value: str | None) -> None:
    """It is handed on, and an outer run's value and client are not."""
    environ = {"_PROVIDER_PROXY_STRICT": "outer", "_PROVIDER_PROXY_TESTS": "main.0"}
    changed = apply(environ, pytest_environment(environ, strict=strict))
    assert changed.get("_PROVIDER_PROXY_STRICT") == value
    assert "_PROVIDER_PROXY_TESTS" not in changed


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python -I -m pytest", True),
        ("/usr/bin/python3.12 -sE -m pytest", True),
        ("python3 -X dev -W error -I tests.py", True),
        ("pypy3 -BI -c pass", True),
        ("python -m pytest -I", False),
        ("python -WIgnore -m pytest", False),
        ("python -B -m pytest", False),
        ("python -c pass -E", False),
        ("python tests.py -I", False),
        ("pytest -I", False),
        ("python", False),
        ("", False),
    ],
)
def test_a_python_that_ignores_pythonpath(command: str, *, expected: bool) -> None:
    """Only Python's own options count, alone or together with others."""
    assert ignores_pythonpath(command.split()) == expected
