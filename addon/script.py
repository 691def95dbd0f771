"""The file to load with `mitmdump -s`, `mitmweb -s` or `mitmproxy -s`.

mitmproxy puts this file's folder on sys.path; the package itself is one folder up.
"""

import shlex
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
if str(_ROOT) not in sys.path:
    sys.path.append(str(_ROOT))

try:
    from addon.mitm.provider_cache import ProviderCache
    from addon.report.table import log_report
except ModuleNotFoundError as error:
    # mitmproxy would print a traceback, and go on without us.
    if error.name is None or error.name.partition(".")[0] in ("addon", "cache_store"):
        raise
    _install = f"`{shlex.quote(sys.executable)} -m pip install {shlex.quote(str(_ROOT))}`"
    _wrapper = f"`{shlex.quote(str(_ROOT / 'run-proxy.sh'))} web`"
    _advice = _wrapper if getattr(sys, "frozen", False) else f"{_install}, or use {_wrapper}"
    sys.exit(f"provider-proxy: this mitmproxy lacks the package {error.name}; get it with {_advice}")

addons = [ProviderCache(at_end=log_report)]
