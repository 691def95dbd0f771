"""The environment in which pytest loads our plugin."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from addon.environment.client_env import EnvChanges
from addon.runners import PYTEST_FOLDER, PYTEST_PLUGIN

__all__ = ["ignores_pythonpath", "pytest_environment"]

_STRICT = "_PROVIDER_PROXY_STRICT"
_TOLD = "_PROVIDER_PROXY_TESTS"  # a pytest outside this run talks to another proxy
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*t?(?:\.exe)?")
# Options of Python that take a value, and those after which the program's own arguments begin.
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
_PROGRAM = ("-m", "-c", "-")


def pytest_environment(environ: Mapping[str, str], *, strict: bool | None) -> EnvChanges:
    """The changes to `environ` with which pytest loads the plugin; what the user named there stays.

    `strict` says whether a test that missed fails; None leaves that to the mode.
    """
    plugins = [name for name in environ.get("PYTEST_PLUGINS", "").split(",") if name.strip() != PYTEST_PLUGIN]
    folders = environ.get("PYTHONPATH", "").split(os.pathsep)
    folders = [folder for folder in folders if folder != str(PYTEST_FOLDER)]
    changes = {
        "PYTEST_PLUGINS": ",".join([PYTEST_PLUGIN, *filter(None, plugins)]),
        # An empty part of PYTHONPATH is the working directory; an empty variable is not.
        "PYTHONPATH": os.pathsep.join([str(PYTEST_FOLDER), *(folders if any(folders) else [])]),
    }
    if strict is None:
        return EnvChanges(set=changes, unset=(_TOLD, _STRICT))
    return EnvChanges(set=changes | {_STRICT: str(strict).lower()}, unset=(_TOLD,))


def ignores_pythonpath(command: Sequence[str]) -> bool:
    """Whether `command` is a Python with `-I` or `-E`.

    Its pytest would read PYTEST_PLUGINS, not find the plugin, and exit with 4.
    """
    if not command or not _PYTHON.fullmatch(PurePath(command[0]).name):
        return False
    words = iter(command[1:])
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-") or word in _PROGRAM:
            return False
        elif re.match(r"-[A-Za-z]*?[IE]", word) and not re.match(r"-[a-zA-Z]*?[mcWX].", word):
            return True
    return False
