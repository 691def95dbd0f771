"""What test runners load: a pytest plugin and an ES module, which tell the proxy which test runs.

They run in the user's environment and import nothing of ours.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["PYTEST_FOLDER", "PYTEST_PLUGIN", "SETUP_FILE"]

PYTEST_PLUGIN = "provider_proxy_pytest"
PYTEST_FOLDER = Path(__file__).with_name("for_pytest")
"""The folder of the plugin, which holds nothing else: all of it becomes importable in the user's environment."""

SETUP_FILE = Path(__file__).with_name("provider-proxy-setup.mjs")
