"""Where raw settings come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.settings.configuration import raw_settings
from addon.settings.settings import SETTINGS
from cache_store.errors import UsageError

OWN = "provider-proxy.toml"
PROJECT = "pyproject.toml"


def test_nothing_set_is_nothing(tmp_path: Path) -> None:
    """Defaults are not filled in here."""
    assert raw_settings({"PATH": "/bin"}, tmp_path) == {}


def test_flag_beats_environment_beats_file(tmp_path: Path) -> None:
    """Each place fills in what the ones before it leave open."""
    (tmp_path / OWN).write_text('cache_mode = "off"\nmax_age = 1\nrepeat = "sequence"\n')
    environ = {"PROVIDER_PROXY_CACHE_MODE": "read-only", "PROVIDER_PROXY_MAX_AGE": "2"}
    flags = {"cache_mode": "write-only", "listen": None}
    assert raw_settings(environ, tmp_path, flags) == {
        "cache_mode": "write-only",
        "max_age": "2",
        "repeat": "sequence",
    }
    assert raw_settings(environ, tmp_path)["cache_mode"] == "read-only"
    assert raw_settings({}, tmp_path)["cache_mode"] == "off"


def test_a_blank_variable_does_not_hide_the_file(tmp_path: Path) -> None:
    """CI systems set variables to nothing."""
    (tmp_path / OWN).write_text('cache_mode = "off"\n')
    assert raw_settings({"PROVIDER_PROXY_CACHE_MODE": " "}, tmp_path) == {"cache_mode": "off"}


def test_every_variable_is_read(tmp_path: Path) -> None:
    """Each setting comes from its own variable."""
    environ = {setting.variable: f"value of {setting.name}" for setting in SETTINGS}
    assert raw_settings(environ, tmp_path) == {s.name: f"value of {s.name}" for s in SETTINGS}


def test_pyproject_has_a_table_of_its_own(tmp_path: Path) -> None:
    """[tool.provider-proxy] counts where there is no provider-proxy.toml; with one it does not."""
    (tmp_path / PROJECT).write_text('[project]\nname = "x"\n[tool.provider-proxy]\ncache-mode = "off"\n')
    assert raw_settings({}, tmp_path) == {"cache_mode": "off"}
    (tmp_path / OWN).write_text("max_age = 1\n")
    assert raw_settings({}, tmp_path) == {"max_age": "1"}


@pytest.mark.parametrize(
    "text", ["", '[project]\nname = "x"\n', "[tool.ruff]\nline-length = 9\n", "tool = 5\n"]
)
def test_a_pyproject_without_the_table_is_nothing(tmp_path: Path, text: str) -> None:
    """Most projects have none."""
    (tmp_path / PROJECT).write_text(text)
    assert raw_settings({}, tmp_path) == {}


def test_toml_values_become_text(tmp_path: Path) -> None:
    """Booleans, numbers and lists are written as a variable would have them; `-` counts as `_`."""
    (tmp_path / OWN).write_text(
        'save-request = false\nmax-age = 1.5\nstore_errors = [400, 404]\nhosts = ["a.example", "b.example"]\n'
    )
    assert raw_settings({}, tmp_path) == {
        "save_request": "false",
        "max_age": "1.5",
        "store_errors": "400,404",
        "hosts": "a.example,b.example",
    }


def test_arrays_of_tables_become_json(tmp_path: Path) -> None:
    """`[[fault]]` and `[[volatile]]`, whose rules others read."""
    (tmp_path / OWN).write_text('[[fault]]\nkind = "reset"\nnth = [1, 2]\n[[volatile]]\nname = "a"\n')
    assert raw_settings({}, tmp_path) == {
        "faults": '[{"kind": "reset", "nth": [1, 2]}]',
        "volatile_rules": '[{"name": "a"}]',
    }


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (OWN, "cache_mod = 'off'", "cache_mode"),
        (PROJECT, "[tool.provider-proxy]\ncache_mod = 'off'", "cache_mode"),
        (PROJECT, "tool.provider-proxy = 5", "table"),
        (OWN, "not toml", "cannot be read"),
        (PROJECT, "[tool", "cannot be read"),
        (OWN, "a = '\xff'", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_that_names_it(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    """An unknown key names the nearest; what does not parse says where it stops."""
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=says) as refused:
        raw_settings({}, tmp_path)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_variable_stops_before_the_file(tmp_path: Path) -> None:
    """The environment is checked first."""
    (tmp_path / OWN).write_text("not toml")
    with pytest.raises(UsageError, match="did you mean PROVIDER_PROXY_CACHE_MODE"):
        raw_settings({"PROVIDER_PROXY_CACHE_MODES": "off"}, tmp_path)


def test_a_directory_of_the_files_name_is_no_file(tmp_path: Path) -> None:
    """Only files are read."""
    (tmp_path / OWN).mkdir()
    (tmp_path / PROJECT).mkdir()
    assert raw_settings({}, tmp_path) == {}
