"""One log line for what mitmproxy's core cannot relay: HTTP/1.1 trailers and informational answers.

The exchange ends as it does in mitmproxy itself, and nothing of it is stored.
"""

from __future__ import annotations

import logging

__all__ = ["explain_crashes", "explain_status"]

logger = logging.getLogger(__name__)

TRAILERS = (
    "HTTP/1.1 trailers came, which mitmproxy cannot relay: the exchange ends here, and nothing is stored"
)
INFORMATIONAL = (
    "%s answered %d, which mitmproxy takes for the whole answer: the real one is lost, and nothing is stored"
)


def explain_crashes() -> None:
    """Log mitmproxy's crash on trailers as one line from now on."""
    logging.getLogger("mitmproxy.proxy.server").addFilter(_in_one_line)


def explain_status(host: str, status: int) -> None:
    """Log that `status` is informational (RFC 9110, 15.2). 101 is a WebSocket, which mitmproxy relays."""
    if 100 <= status < 200 and status != 101:
        logger.warning(INFORMATIONAL, host, status)


def _in_one_line(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, NotImplementedError) and "trailers" in str(error):
        record.msg, record.args, record.exc_info = TRAILERS, None, None
    return True
