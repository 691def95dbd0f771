"""map_hosts.py for every Python process that has this folder on PYTHONPATH: `-s` would mean one worker."""

import os
import runpy
from pathlib import Path

if "TEST_UPSTREAM_PORT" in os.environ:
    runpy.run_path(str(Path(__file__).parents[1] / "map_hosts.py"))
