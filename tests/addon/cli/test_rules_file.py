"""Rules are added to the file that holds the settings."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from addon.cli.rules_file import add_tables, check_rules_file, rules_file
from addon.settings.configuration import raw_settings
from cache_store.errors import UsageError

RULE = 'name = "r"\nhost = "a"\npath = "/v1/*"\npointer = "/x"\nkind = "uuid"\n'


@pytest.mark.parametrize(("name", "text", "header"), [
    ("provider-proxy.toml", "# mine\ncache_mode = 'read-only'", "[[volatile]]"),
    ("pyproject.toml", "[tool.provider-proxy]\nstrict = true\n[tool.x]\ny = 1\n",
     "[[tool.provider-proxy.volatile]]"),
    ("pyproject.toml", "[project]\nname = 'x'\n", "[[volatile]]"),
    ("none", "", "[[volatile]]"),
])  # fmt: skip
def test_what_is_there_stays_and_the_rule_counts(tmp_path: Path, name: str, text: str, header: str) -> None:
    """In provider-proxy.toml, or in pyproject.toml if the settings are there; with the file's rights."""
    (tmp_path / name).write_text(text)
    (tmp_path / name).chmod(0o600)
    before = raw_settings({}, tmp_path)
    file = rules_file(tmp_path)
    check_rules_file(file)
    assert file.header == header
    add_tables(file, f"{header}\n{RULE}")
    assert file.path.read_text().startswith(text.rstrip()) or file.path.name != name
    after = raw_settings({}, tmp_path)
    assert '"kind": "uuid"' in after.pop("volatile_rules")
    assert after == before
    if file.path.name == name:
        assert file.path.stat().st_mode & 0o777 == 0o600
    add_tables(file, f"{header}\n{RULE.replace('r', 's', 1)}")
    assert raw_settings({}, tmp_path)["volatile_rules"].count('"kind"') == 2


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file behind it is written."""
    (tmp_path / "real.toml").write_text("strict = true\n")
    (tmp_path / "provider-proxy.toml").symlink_to("real.toml")
    add_tables(rules_file(tmp_path), f"[[volatile]]\n{RULE}")
    assert (tmp_path / "provider-proxy.toml").is_symlink()
    assert len(tomllib.loads((tmp_path / "real.toml").read_text())["volatile"]) == 1


def test_a_file_that_cannot_hold_rules_is_left_alone(tmp_path: Path) -> None:
    """One that does not parse, one with kinds in the place of the tables, tables that do not parse."""
    path = tmp_path / "provider-proxy.toml"
    for text in ("volatile = 'uuid'\n", "x ="):
        path.write_text(text)
        with pytest.raises(UsageError):
            check_rules_file(rules_file(tmp_path))
    path.write_text("strict = true\n")
    with pytest.raises(UsageError, match="by hand"):
        add_tables(rules_file(tmp_path), "[[volatile")
    assert path.read_text() == "strict = true\n"
