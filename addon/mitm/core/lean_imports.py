"""Imports only the mitmproxy addons that are used, which halves the time of a start.

`mitmproxy.addons` imports all its addons, web frameworks and LDAP included, whenever one is imported. A package of
that name without its `__init__` lets each be imported by itself. The real package takes its place as soon as
anything else is asked of it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

__all__ = ["install"]

_NAME = "mitmproxy.addons"


def install() -> None:
    """Put the bare package in place, unless the real one is imported already or is not where we expect it."""
    spec = importlib.util.find_spec("mitmproxy")
    if _NAME in sys.modules or spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).with_name("addons")
    if (folder / "__init__.py").is_file():
        sys.modules[_NAME] = _BarePackage(folder)


class _BarePackage(types.ModuleType):
    def __init__(self, folder: Path) -> None:
        super().__init__(_NAME)
        self.__path__ = [str(folder)]
        self.__file__ = str(folder / "__init__.py")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if Path(self.__path__[0], f"{name}.py").is_file():
            return importlib.import_module(f"{_NAME}.{name}")
        spec = importlib.util.spec_from_file_location(
            _NAME, self.__file__, submodule_search_locations=list(self.__path__)
        )
        if spec is None or spec.loader is None:
            raise AttributeError(name)
        real = importlib.util.module_from_spec(spec)
        sys.modules[_NAME] = real
        spec.loader.exec_module(real)
        return getattr(real, name)
