"""Starts a process of ours as provider_proxy_start.py does, with map_hosts.py in it and in those that it starts.

mitmproxy's `-s` would mean one worker, and nothing on PYTHONPATH reaches a process of ours.
"""

import runpy
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import provider_proxy_start


def own_command(module: str, *arguments: str, optimise: bool = False) -> list[str]:
    """The command that runs a module of ours from this file."""
    flags = ["-P", "-O"] if optimise or sys.flags.optimize else ["-P"]
    return [sys.executable, *flags, __file__, module, *arguments]


if __name__ == "__main__":
    provider_proxy_start.own_command = own_command
    provider_proxy_start.isolate = lambda _: None
    runpy.run_path(str(Path(__file__).with_name("map_hosts.py")))
    provider_proxy_start.run_module(sys.argv.pop(1))
