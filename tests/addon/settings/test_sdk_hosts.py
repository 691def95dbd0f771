"""The hosts that the installed SDKs of the built-in providers dial are intercepted."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from addon.policy.never_cached import refused_host
from addon.settings.hosts import parse_hosts

SDKS = ("openai", "anthropic", "google.genai", "mistralai", "cohere", "groq", "together", "huggingface_hub")
# Where SDKs keep the addresses that they dial.
FILES = ("_client.py", "client.py", "_constants.py", "constants.py", "_api_client.py", "environment.py",
         "sdkconfiguration.py", "_data_residency.py", "_client_auth.py", "_x509.py", "_credentials.py")  # fmt: skip
NOT_DIALLED = {
    "api.endpoints.huggingface.cloud": "manages endpoints",
    "endpoints.huggingface.co": "manages endpoints",
    "datasets-server.huggingface.co": "data sets",
    "hub-ci.huggingface.co": "a test instance",
    "www.googleapis.com": "the name of a scope",
}


def _hosts(package: str) -> dict[str, str]:
    """Hosts in the literals of a package, by the file they were found in. Docstrings hold more than an address."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    found = {}
    for folder in map(Path, spec.submodule_search_locations):
        for file in (
            path for path in folder.rglob("*.py") if path.name in FILES and "tests" not in path.parts
        ):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
                if match := re.fullmatch(r"(?:https|wss)://([a-z0-9.-]+\.[a-z]{2,})(?:[:/][^\s]*)?", text):
                    found[match[1]] = f"{package}: {file.name}"
    return found


@pytest.mark.parametrize("package", SDKS)
def test_every_host_is_intercepted_or_refused(package: str) -> None:
    """A new release that dials a new host turns this red, instead of going past the cache unnoticed."""
    rules = parse_hosts("")
    hosts = _hosts(package)
    unknown = {
        host: where
        for host, where in hosts.items()
        if not rules.match(host, 443) and refused_host(host) is None and host not in NOT_DIALLED
    }
    assert unknown == {}
    assert any(rules.match(host, 443) for host in hosts), f"no host of {package} was found"
