"""mitmproxy's addons are imported one by one, and everything is still there for who asks."""

from __future__ import annotations

import subprocess
import sys

import pytest


def imported(code: str) -> str:
    """The output of a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_a_start_does_not_import_what_it_does_not_need() -> None:
    """With the bare package in place the host does not import mitmproxy's web frameworks and LDAP."""
    code = "import sys, addon.host.host\nprint([n for n in ('flask', 'ldap3', 'tornado', 'mitmproxy.addons.dumper') if n in sys.modules])"
    assert imported(code) == "[]"


@pytest.mark.parametrize("wanted", ["default_addons", "view"])
def test_who_asks_for_more_gets_it(wanted: str) -> None:
    """A function of the package itself, and an addon that nobody has imported yet, are found."""
    code = f"import addon.host.host\nfrom mitmproxy.addons import {wanted}\nprint({wanted}.__name__)"
    assert imported(code).endswith(wanted)


def test_the_real_package_stays_where_it_is() -> None:
    """Where mitmproxy's addons are imported already nothing is changed."""
    code = ("import mitmproxy.addons, sys\nbefore = sys.modules['mitmproxy.addons']\nfrom addon.mitm.core import lean_imports\n"
            "lean_imports.install()\nprint(sys.modules['mitmproxy.addons'] is before)")  # fmt: skip
    assert imported(code) == "True"


def test_mitmproxy_is_laid_out_as_this_relies_on() -> None:
    """The package of addons is a folder with an `__init__` beside its modules."""
    code = ("from addon.mitm.core import lean_imports\nlean_imports.install()\nimport sys\n"
            "print(type(sys.modules['mitmproxy.addons']).__name__)")  # fmt: skip
    assert imported(code) == "_BarePackage"
