"""Load with `mitmdump -s`, `mitmweb -s` or `mitmproxy -s`.

mitmproxy runs this file outside of sys.modules and puts its folder on sys.path; the package itself lies one up.
"""

import sys
from pathlib import Path

if str(Path(__file__).resolve().parents[1]) not in sys.path:
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from addon.mitm.provider_cache import ProviderCache
from addon.report.table import log_report

addons = [ProviderCache(at_end=log_report)]
