"""Closes the client's connection where mitmproxy's core has crashed on it.

mitmproxy logs the crash and leaves the connection open: a client would wait until its own timeout.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from mitmproxy import ctx

from addon.mitm.core import internals

__all__ = ["CloseAfterCrash"]

_LOGGER = "mitmproxy.proxy.server"
_CRASHED = "mitmproxy has crashed!"

logger = logging.getLogger(__name__)


class CloseAfterCrash(logging.Handler):
    """Listens to mitmproxy's log between `install` and `uninstall`."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)

    def install(self) -> None:
        """Start listening, where mitmproxy still logs a crash in these words."""
        if internals.usable(internals.CRASHES):
            logging.getLogger(_LOGGER).addHandler(self)

    def uninstall(self) -> None:
        """Stop listening."""
        logging.getLogger(_LOGGER).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Close the connection that a crash is logged for."""
        if record.msg != _CRASHED:
            return
        addons: Any = ctx.master.addons
        for handler in list(addons.get("proxyserver").connections.values()):
            if (
                handler.client.peername == getattr(record, "client", None)
                and handler.client in handler.transports
            ):
                # Not from within: this is called in the middle of an event of the same connection.
                asyncio.get_running_loop().call_soon(_close, handler)


def _close(handler: Any) -> None:
    if handler.client in handler.transports:
        logger.warning(
            "closed a client's connection after a fault of mitmproxy; nothing of its request is stored"
        )
        handler.close_connection(handler.client)
