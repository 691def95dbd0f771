"""Log lines of the proxy on stderr: warnings and worse, one line each."""

import logging

__all__ = ["log_to_stderr"]


def log_to_stderr() -> None:
    """Send warnings and errors of this process to stderr."""
    logging.basicConfig(
        level=logging.WARNING, format="provider-proxy: %(levelname)s: %(message)s", force=True
    )
    logging.addLevelName(logging.WARNING, "warning")
    logging.addLevelName(logging.ERROR, "error")
