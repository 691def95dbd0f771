"""What mitmproxy's core cannot do, in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from addon.mitm.core.limits import TRAILERS, explain_crashes, explain_status

SERVER = logging.getLogger("mitmproxy.proxy.server")


@pytest.fixture(autouse=True)
def _filters() -> Iterator[None]:
    """Leaves the logger as it was."""
    before = list(SERVER.filters)
    yield
    SERVER.filters[:] = before


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotImplementedError("HTTP trailers are not implemented yet."), TRAILERS),
        (NotImplementedError("something else"), "mitmproxy has crashed!"),
        (ValueError("trailers"), "mitmproxy has crashed!"),
    ],
)
def test_a_crash_on_trailers_is_one_line(
    error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It says what came of the exchange, once however often it is asked for; other crashes keep their traceback."""
    explain_crashes()
    explain_crashes()
    try:
        raise error
    except (NotImplementedError, ValueError):
        SERVER.error("mitmproxy has crashed!", exc_info=True)
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info is None) == (said, said == TRAILERS)


@pytest.mark.parametrize(("status", "lines"), [(100, 1), (103, 1), (101, 0), (200, 0), (99, 0)])
def test_an_informational_answer_is_one_line(
    status: int, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It names the host and the status; a WebSocket's 101 and final answers are not spoken of."""
    explain_status("api.openai.com", status)
    assert [f"api.openai.com answered {status}" in record.getMessage() for record in caplog.records] == [
        True
    ] * lines
