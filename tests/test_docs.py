"""README.md and docs/ are true: tables, commands, variables, examples and links."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from addon.environment.client_env import client_environment
from addon.settings.hosts import parse_hosts
from docs import cast
from tests import docs_tables

ROOT = docs_tables.ROOT
PAGES = docs_tables.PAGES
GITLAB = ROOT / ".gitlab" / "provider-proxy.yml"
WRAPPER_WORDS = {"web", "extras", "wheels"}
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def examples(language: str) -> Iterator[tuple[Path, str]]:
    """Every code block in that language, with its page."""
    for page in PAGES:
        for code in re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            yield page, code


def texts() -> Iterator[tuple[Path, str]]:
    """Every page with its text."""
    return ((page, page.read_text(encoding="utf-8")) for page in PAGES)


def per_page(argument: str = "page") -> pytest.MarkDecorator:
    """A case for each page."""
    return pytest.mark.parametrize(argument, PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pytest.mark.parametrize("name", sorted(docs_tables.tables()))
def test_generated_parts_are_current(name: str) -> None:
    """Every table and diagram is what the code says now (`python tests/docs_tables.py` writes them)."""
    assert docs_tables.block(name) == docs_tables.tables()[name]


def test_every_command_has_help() -> None:
    """`--help` works for every command, and has more than a usage line."""
    from click.testing import CliRunner

    from addon.cli.commands import COMMANDS, cli

    for name in COMMANDS:
        result = CliRunner().invoke(cli, [name, "--help"])
        assert result.exit_code == 0, name
        assert len(result.output.splitlines()) > 4, name


@per_page()
def test_commands_exist(page: Path) -> None:
    """Each `provider-proxy WORD` and `run-proxy.sh WORD` in code is a command or a word of the wrapper."""
    from addon.cli.commands import COMMANDS

    text = page.read_text(encoding="utf-8")
    code = "\n".join(
        re.findall(r"```(?:sh|yaml)\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    )
    words = re.findall(r"(?:(?<![\w./-])provider-proxy|run-proxy\.sh) ([a-z][a-z-]*)(?![\w.-])", code)
    assert {word for word in words if word not in COMMANDS} - WRAPPER_WORDS == set()


@pytest.mark.parametrize(("page", "code"), [*examples("sh"), *examples("yaml")])
def test_options_exist(page: Path, code: str) -> None:
    """Each option that an example gives to a command is one of that command's."""
    from addon.cli.commands import cli

    for line in code.splitlines():
        match = re.search(r"(?:^|[\s/])(?:run-proxy\.sh|provider-proxy) (.*)", line.partition(" #")[0])
        if not match or "path:" in line or match[1].split()[0] in WRAPPER_WORDS - {"web"}:
            continue
        words = shlex.split(re.split(r"&&|[|>]", match[1])[0].rstrip(')"'))
        name = "run" if words[0] == "--" else "serve" if words[0] == "web" else words[0]
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None, line
        known = {option for parameter in command.params for option in parameter.opts}
        given = words[1 : words.index("--")] if "--" in words else words[1:]
        assert {word for word in given if word.startswith("-")} <= known, line


@per_page()
def test_variables_exist(page: Path) -> None:
    """Each PROVIDER_PROXY_… is a setting, or one that run-proxy.sh reads."""
    from addon.settings.settings import SETTINGS

    named = set(re.findall(r"(?<!_)PROVIDER_PROXY_[A-Z_]+(?<!_)", page.read_text(encoding="utf-8")))
    assert named - {setting.variable for setting in SETTINGS} - {"PROVIDER_PROXY_WHEELS"} == set()


def test_clients_md_names_every_variable_that_clients_get() -> None:
    """The table of client variables is complete."""
    changes = client_environment(
        {},
        proxy_url="http://127.0.0.1:8080",
        bundle=Path("bundle.pem"),
        rules=parse_hosts("+http://localhost:1"),
    )
    text = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    assert [name for name in (*changes.set, *changes.unset) if f"`{name}`" not in text] == []


@per_page()
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of ours leads to one, and each anchor to a heading of it."""
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, target


@per_page()
def test_files_exist(page: Path) -> None:
    """Each file or folder of ours that a page names in code exists."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:addon|cache_store|tests|docs)/[\w./-]*\w/?)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_page_is_linked_from_the_readme() -> None:
    """A stranger finds every page."""
    assert [page.name for page in PAGES if page.name != "README.md" and f"{page.name})" not in README] == []


def test_the_readme_is_short() -> None:
    """A stranger reads it in five minutes."""
    assert len(README) < 12_000


def test_the_picture_is_the_demos() -> None:
    """The terminal in the README shows what the demo prints, but for ports, times and keys."""
    picture = cast.PICTURE.read_text(encoding="utf-8")
    assert [_timeless(line) for line in cast.shown(picture)] == [
        _timeless(line) for line in cast.transcript() if line
    ]


def _timeless(line: str) -> str:
    return " ".join(re.sub(r"[0-9a-f]{8}|\d+", "0", line).split())


def test_the_two_commands_are_there() -> None:
    """`./run-proxy.sh` and `./tests/run.sh` can be run, and the docs name them."""
    everything = "".join(text for _, text in texts())
    for script in ("run-proxy.sh", "tests/run.sh"):
        assert os.access(ROOT / script, os.X_OK)
        assert f"./{script}" in everything


@pytest.mark.parametrize(("page", "code"), list(examples("python")))
def test_python_examples_parse(page: Path, code: str) -> None:
    """The Python examples are Python; tests/e2e/test_recipes.py runs them."""
    compile(code, page.name, "exec")


@pytest.mark.parametrize(("page", "code"), list(examples("sh")))
def test_shell_examples_parse(page: Path, code: str) -> None:
    """The shell examples are shell."""
    subprocess.run(["sh", "-n"], input=code, text=True, check=True)


@pytest.mark.parametrize(("page", "code"), list(examples("yaml")))
def test_yaml_examples_parse(page: Path, code: str) -> None:
    """The workflows are YAML; tests/e2e/test_ci_recipe.py runs the complete one."""
    assert yaml.safe_load(code)


def test_pytest_leaves_the_checked_out_tool_alone(tmp_path: Path) -> None:
    """In the CI examples, a bare `pytest` collects the suite's tests and none of the tool's."""
    everything = "".join(text for _, text in texts()) + GITLAB.read_text(encoding="utf-8")
    folders = re.findall(r"provider-proxy, path: (\S+) }|\.git\" (\S+)", everything)
    assert len(folders) >= 2
    for folder in [name for pair in folders for name in pair if name]:
        theirs = tmp_path / folder / "tests" / "test_tool.py"
        theirs.parent.mkdir(parents=True, exist_ok=True)
        theirs.write_text("import nothing_of_that_name")
    (tmp_path / "test_suite.py").write_text("def test_own(): pass")
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-c", os.devnull, "--rootdir", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "test_suite.py::test_own")


def test_a_merge_queue_replays_from_a_bucket() -> None:
    """No example lets a merge queue look for a pull request's recordings in actions/cache, which hides them."""
    workflows = [code for _, code in examples("yaml")]
    assert any("merge_group" in code and "pull --optional" in code for code in workflows)
    assert not any("merge_group" in code and "actions/cache" in code for code in workflows)


def test_a_proxy_that_does_not_start_ends_the_gitlab_job(tmp_path: Path) -> None:
    """A job by the GitLab template does not reach its tests without a proxy: they would go live."""
    (example,) = re.findall(r"# \.gitlab-ci\.yml\n.*?```", CI, re.DOTALL)
    job = yaml.safe_load(example.removesuffix("```"))
    assert f"/{GITLAB.relative_to(ROOT)}" == job["include"][0]["file"]
    declared, template = yaml.safe_load_all(GITLAB.read_text(encoding="utf-8"))
    assert job["include"][0]["inputs"].keys() <= declared["spec"]["inputs"].keys()
    script = template[job["test"]["extends"]]["before_script"] + job["test"]["script"]
    assert template[job["test"]["extends"]]["after_script"] == ["./.tools/provider-proxy/run-proxy.sh stop"]
    wrapper = tmp_path / ".tools" / "provider-proxy" / "run-proxy.sh"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text("#!/bin/sh\nexit 2\n")
    wrapper.chmod(0o755)
    script = [line.replace("$[[ inputs.options ]]", "--require-traffic") for line in script]
    lines = [line.replace("pytest", "echo went live") for line in script if "git clone" not in line]
    assert "echo went live" in lines
    # GitLab's runner starts bash with these options.
    command = ["bash", "-eo", "pipefail", "-c", "\n".join(lines)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")


def test_the_filter_that_finds_hits_is_mitmproxys() -> None:
    """The filter that the README names for mitmweb finds a flow that was answered from an entry, and no other."""
    from mitmproxy import flowfilter
    from mitmproxy.test import tflow

    (words,) = re.findall(r"`(~[a-z]+)` into the search\s+box", README)
    hit, miss = tflow.tflow(resp=True), tflow.tflow(resp=True)
    hit.is_replay = "response"
    assert [flowfilter.match(words, flow) for flow in (hit, miss)] == [True, False]
