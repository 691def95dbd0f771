"""The file to load with `mitmdump -s`, `mitmweb -s` or `mitmproxy -s`.

mitmproxy puts this file's folder on sys.path; the package itself is one folder up.
"""

import sys
from pathlib import Path

if str(Path(__file__).resolve().parents[1]) not in sys.path:
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from addon.mitm.provider_cache import ProviderCache
from addon.report.table import log_report

addons = [ProviderCache(at_end=log_report)]
