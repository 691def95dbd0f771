"""What cannot be used is refused in one line that says what to do, with exit status 2 and nothing lost."""

from __future__ import annotations

import os
import pickle
import socket
import sqlite3
from pathlib import Path

import pytest

from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry
from tests.e2e.command import provider_proxy as provider_proxy


def refused(*arguments: str, environ: dict[str, str], folder: Path) -> str:
    """The one line on stderr of a command that exits 2."""
    done = provider_proxy(*arguments, environ=environ, folder=folder)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("provider-proxy: ")
    return done.stderr


@pytest.mark.parametrize(("name", "value", "says"), [
    ("CACHE_MODE", "read-sometimes", "read-only-require-hit"),
    ("LISTEN", "127.0.0.1:http", "127.0.0.1:8080"),
    ("LISTEN", "127.0.0.1:70000", "127.0.0.1:8080"),
    ("LISTEN", "0.0.0.0:0", "PROVIDER_PROXY_AUTH"),
    ("LISTEN", "192.0.2.7:8080", "PROVIDER_PROXY_AUTH"),
    ("CACHE_MOD", "off", "did you mean PROVIDER_PROXY_CACHE_MODE?"),
    ("MAX_BODY", "plenty", "64MiB"),
    ("MAX_AGE", "-5", "seconds"),
    ("HOSTS", "https://", "host:port"),
    ("STORE_ERRORS", "429", "PROVIDER_PROXY_STORE_ERRORS: '429' cannot be stored"),
    ("IGNORE_FIELDS", "no-pointer", "IGNORE_FIELDS"),
    ("PROFILE", "robots", "agents"),
    ("COALESCE", "sometimes", "wait"),
    ("REPEAT", "often", "sequence"),
    ("WEBSOCKET", "maybe", "refuse"),
    ("MISS_STATUS", "200", "400 to 599"),
    ("SAVE_REQUEST", "perhaps", "write true or false"),
    ("AUTH", "nopassword", "user:password"),
])  # fmt: skip
def test_bad_settings(name: str, value: str, says: str, environ: dict[str, str], tmp_path: Path) -> None:
    """Every bad value stops the start."""
    environ[f"PROVIDER_PROXY_{name}"] = value
    assert says in refused("run", "--", "true", environ=environ, folder=tmp_path)


def test_port_in_use(environ: dict[str, str], tmp_path: Path) -> None:
    """A port that is taken is named, with the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused("serve", "--listen", f"127.0.0.1:{port}", environ=environ, folder=tmp_path)
    assert str(port) in line
    assert "PROVIDER_PROXY_LISTEN=127.0.0.1:0" in line


def test_cache_path_that_is_a_file(environ: dict[str, str], tmp_path: Path) -> None:
    """A file where the cache should be is refused and left alone."""
    (tmp_path / "cache").write_text("precious")
    line = refused("run", "--cache-dir", "cache", "--", "true", environ=environ, folder=tmp_path)
    assert "PROVIDER_PROXY_CACHE_DIR" in line
    assert (tmp_path / "cache").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every directory")
def test_cache_path_that_cannot_be_read(environ: dict[str, str], tmp_path: Path) -> None:
    """A directory without permission is refused."""
    (tmp_path / "cache").mkdir(mode=0)
    assert "cannot be read" in refused(
        "run", "--cache-dir", "cache", "--", "true", environ=environ, folder=tmp_path
    )


def filled(folder: Path) -> Path:
    """A cache with one entry."""
    store = DiskStore(folder)
    store.put(Entry("pp1-a", 200, "OK", (), b"x", 1.0, 0.1, "run"))
    store.close()
    return folder / "cache.db"


@pytest.mark.parametrize("statement", [
    "UPDATE Cache SET value = x'39' WHERE key = 'provider-proxy:format'",
    "DELETE FROM Cache WHERE key = 'provider-proxy:format'",
    "UPDATE Cache SET mode = 4, value = ? WHERE key = 'pp1-a'",
    "UPDATE Cache SET raw = 0, key = ? WHERE key = 'pp1-a'",
    "UPDATE Cache SET mode = 2, value = NULL, filename = '../../precious' WHERE key = 'pp1-a'",
    "INSERT INTO Settings VALUES ('sqlite_evil', 1)",
    "UPDATE Settings SET value = 'off; DROP TABLE Cache' WHERE key = 'sqlite_journal_mode'",
    "CREATE TRIGGER evil AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
])  # fmt: skip
def test_foreign_caches(statement: str, environ: dict[str, str], tmp_path: Path) -> None:
    """A newer, pickled, pointing-elsewhere or tampered cache is refused; nothing is executed, read or removed."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    database = filled(tmp_path / "x" / "cache")
    with sqlite3.connect(database) as connection:
        bomb = (pickle.dumps(Bomb(str(precious))),) if "?" in statement else ()
        connection.execute(statement, bomb)
    connection.close()
    before = database.read_bytes()
    line = refused("run", "--cache-dir", "x/cache", "--", "true", environ=environ, folder=tmp_path)
    assert "PROVIDER_PROXY_CACHE_DIR" in line
    assert precious.read_text() == "precious"
    assert database.read_bytes() == before


class Bomb:
    """Unpickling it would remove a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.remove, (self.path,)


def test_wrong_usage(environ: dict[str, str], tmp_path: Path) -> None:
    """No command after `--`, an unknown command, an unknown option, no cache: one line each."""
    assert "run -- pytest" in refused("run", "--", environ=environ, folder=tmp_path)
    assert "No such command" in refused("frobnicate", environ=environ, folder=tmp_path)
    assert "No such option" in refused("ls", "--frobnicate", environ=environ, folder=tmp_path)
    for command in (["ls"], ["drift"], ["review", "."], ["probe", "--", "true"]):
        assert "there is no cache at " in refused(*command, environ=environ, folder=tmp_path)


def test_bad_settings_file(environ: dict[str, str], tmp_path: Path) -> None:
    """A settings file that does not parse, or has an unknown key, is named."""
    (tmp_path / "provider-proxy.toml").write_text("cache_mode = [")
    assert "provider-proxy.toml" in refused("run", "--", "true", environ=environ, folder=tmp_path)
    (tmp_path / "provider-proxy.toml").write_text("cache_mod = 'off'")
    assert "cache_mode" in refused("run", "--", "true", environ=environ, folder=tmp_path)
