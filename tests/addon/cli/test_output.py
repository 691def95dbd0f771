"""Nothing stored acts on the terminal or the CI runner of the person who looks at it."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.cells import cell_len

from addon.accounting.counts import RunCounts
from addon.cli.commands import main
from addon.cli.context import how_to_record
from addon.cli.output import (
    print_fields,
    print_fitted,
    print_json,
    print_json_list,
    print_lines,
    print_table,
    say,
    write_output,
)
from addon.identity import IdentityRules, identify
from addon.messages import WireRequest
from addon.printing import printable, printable_lines
from addon.report.publishing import publish
from cache_store.disk.disk_store import DiskStore
from cache_store.entry import Entry

# From the attack on the installed product: a title, colours by ESC and by C1, a new line that is a runner's command.
EVIL = "\x1b]0;PWN\x07\x1b[31mRED\x9b31m\r\n::set-env name=X::y\r\n##[error]z<script>alert(1)</script>|`[a](http://e)`\u202e"


def hostile_entry(content: str, **fields: object) -> Entry:
    """An entry as another program might have written it into the cache."""
    body = json.dumps(
        {"model": f"m{EVIL}", "messages": [{"role": "user", "content": content + EVIL}], EVIL: 1}
    )
    headers = ((b"content-type", b"application/json"),)
    request = WireRequest(
        "POST", "https", "api.openai.com", 443, "/v1/chat/completions", headers, body.encode()
    )
    identity = identify(request, IdentityRules())
    values: dict[str, object] = {
        "key": identity.key, "status": 200, "reason": "OK \x9b31m", "headers": ((b"x-a", b"\x9b31m ::error::"),),
        "body": f"text {EVIL} sk-proj-{'a1B2' * 12}".encode(), "recorded_at": time.time(), "elapsed": 0.5, "run": f"r{EVIL}",
        "label": {"method": f"POST{EVIL}", "host": f"h{EVIL}", "path": f"/p{EVIL}", "model": f"m{EVIL}"},
        "judged": f"j{EVIL}", "request_json": identity.request_json,
    }  # fmt: skip
    return Entry(**(values | fields))  # type: ignore[arg-type]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of a cache in which every text that an entry may hold is hostile."""
    monkeypatch.chdir(tmp_path)
    entries = [
        hostile_entry("a"),
        hostile_entry("b"),
        hostile_entry("c", key=f"pp1-aaaa{EVIL}", request_json=b"{}"),
    ]
    with closing(DiskStore(tmp_path / ".provider-proxy" / "cache")) as store:
        store.open()
        for entry in entries:
            store.put(entry)
    with closing(sqlite3.connect(tmp_path / ".provider-proxy" / "cache" / "cache.db")) as database, database:
        row = "INSERT INTO Cache (key, raw, store_time, access_time, size, mode, value) VALUES (?, 1, 0, 0, 0, 1, ?)"
        database.execute(row, (f"pp1-zz{EVIL}", b"junk"))
    return [entry.key for entry in entries]


@pytest.fixture
def missed(tmp_path: Path) -> None:
    """A last run whose report is hostile."""
    counts = RunCounts(run="r", mode="read-only-require-hit")
    counts.host(f"h{EVIL}").requests += 1
    counts.tunnelled[f"t{EVIL}"] = 1
    publish(tmp_path / ".provider-proxy", counts)
    path = tmp_path / ".provider-proxy" / "last-run.json"
    report = json.loads(path.read_text())
    miss = dict.fromkeys(("place", "nearest", "note", "remedy", "line"), f"x{EVIL}") | {
        "key": f"pp1-bbbb{EVIL}"
    }
    report["missed"] = [
        miss | {"differences": [{"place": f"/{EVIL}", "kind": EVIL, "old": EVIL, "new": EVIL}]}
    ]
    report["failed_gates"] = [EVIL]
    path.write_text(json.dumps(report))


@pytest.mark.parametrize(
    "arguments",
    [
        "ls", "ls --json", "stats", "stats --json", "show {a}", "show {a} --json", "show {a} --headers", "show aaaa",
        "scan", "scan --json", "verify", "verify --json", "prune --host h* --dry-run", "rekey --dry-run",
        "diff {a} {b}", "diff {a} {b} --json", "rm aaaazz\x1b[31m\n::error::x", "report", "report --json",
        "report --format markdown", "report --format html", "explain bbbb", "explain bbbb --json",
        "explain \x1b\n::error::", "cache-probe \x1b[31m --from-cache --table", "run\x1b", "--\x9b31m",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("missed")
def test_what_is_stored_does_not_act(
    keys: list[str], arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command prints hostile labels, bodies, misses and arguments so that none of it acts."""
    words = [word.format(a=keys[0], b=keys[1]) for word in arguments.split(" ")]
    monkeypatch.setattr(sys, "argv", ["provider-proxy", *words])
    with pytest.raises(SystemExit):
        main()
    said = "".join(capsys.readouterr())
    assert printable_lines(said) == said
    assert len(said) > 20


def test_a_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """`say` escapes line ends; `print_lines` keeps them and makes each line harmless."""
    say("a\n::error::b")
    print_lines("a\n::error::b\n", err=True)
    out, err = capsys.readouterr()
    assert (out, err) == ("a\\n::error::b\n", "a\n\\x3a:error::b\n")


def test_a_table_is_as_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """Cells are escaped before they are laid out, and no cell begins a command."""
    print_table(("name", "count"), [("::error::x", "1"), ("a\nb\x1b[31m", "22")], right=("count",))
    out = capsys.readouterr().out
    assert out.splitlines() == ["name           count", r"\x3a:error::x      1", r"a\nb\x1b[31m      22"]


def test_output_that_cannot_be_encoded_is_escaped() -> None:
    """On an ASCII stdout text is escaped and JSON stays JSON."""
    runner = CliRunner(charset="ascii")
    with runner.isolation() as streams:
        say("é🚀")
        print_json(["é🚀"])
        write_output(b"\x00\xff")
        out = streams[0].getvalue()
    assert out == b'\\xe9\\U0001f680\n[\n  "\\u00e9\\ud83d\\ude80"\n]\n\x00\xff'


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_a_fitted_table_has_one_line_a_row(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last column is cut at the terminal's width, in cells: a wide character takes two."""
    monkeypatch.setenv("COLUMNS", str(columns))
    print_fitted(
        ("key", "size", "question"),
        [("a", "1 B", "日本語" * 40), ("bb", "22 kB", "short\n")],
        right=("size",),
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert (lines[0], lines[2]) == ("key   size  question", r"bb   22 kB  short\n")
    assert lines[1].endswith("…")
    assert max(map(cell_len, lines)) <= columns
    print_fitted(("key",), [])
    assert capsys.readouterr().out == ""


def test_a_long_table_begins_before_its_last_row_is_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page decides the widths; a later cell that is wider moves its own row only."""
    monkeypatch.setenv("COLUMNS", "20")

    def rows() -> Iterator[tuple[str, str]]:
        for _ in range(101):
            yield "a", "b"
        assert capsys.readouterr().out.count("a    b\n") == 101
        yield "wider", "what follows is cut"

    print_fitted(("key", "text"), rows())
    assert capsys.readouterr().out == "wider  what follows…\n"


@pytest.mark.parametrize("items", [[], [{}], [1, {"a": ["b", {"c": "d\nd"}]}, "e\x1b"]])
def test_a_json_array_is_printed_as_it_comes(items: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    """It is the same text as that of the whole array."""
    print_json_list(iter(items))
    assert capsys.readouterr().out == json.dumps(items, indent=2) + "\n"


def test_fields_are_separated_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each row, whatever the cells hold."""
    print_fields([("a\tb", "c\nd", "e")])
    assert capsys.readouterr().out == "a b\tc\\nd\te\n"


def test_ls_in_a_pipe(
    keys: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entry is one line with nine fields, the first one its whole key."""
    monkeypatch.setattr(sys, "argv", ["provider-proxy", "ls"])
    with pytest.raises(SystemExit):
        main()
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [len(row) for row in rows] == [9, 9, 9]
    assert [row[0] for row in rows] == [printable(key) for key in keys]
    assert rows[0][8].startswith("a")


@pytest.mark.usefixtures("keys")
def test_an_error_names_the_command_as_it_was_typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started by the wrapper, the advice names the wrapper."""
    monkeypatch.setenv("RUN_PROXY_SH", "./run-proxy.sh")
    monkeypatch.setattr(sys, "argv", ["provider-proxy", "show", "nothing"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().err.endswith("`./run-proxy.sh ls` lists the keys\n")


@pytest.mark.parametrize("command", ["ls", "run"])
def test_a_deleted_working_directory_is_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to do."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    monkeypatch.setattr(
        sys, "argv", ["provider-proxy", command, *(["--", "true"] if command == "run" else [])]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "the working directory has been deleted; change to another one and run the command again"
    )


@pytest.mark.parametrize(
    ("flag", "advice"),
    [
        (None, "run again with PROVIDER_PROXY_CACHE_MODE=read-old-write-new"),
        ("read-only", "run again with --mode read-old-write-new instead of --mode read-only"),
    ],
)
def test_how_to_record(flag: str | None, advice: str) -> None:
    """A --mode on the command line beats the environment, so the advice is to change it."""
    assert how_to_record(flag) == advice
