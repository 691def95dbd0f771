"""Where tracing services take in what an application did."""

from __future__ import annotations

import pytest

from addon.messages import WireRequest
from addon.offline.answering import answer_offline
from addon.offline.telemetry import INGESTION
from addon.policy.never_cached import refusal


@pytest.mark.parametrize("row", INGESTION, ids=lambda row: row.host + row.path)
def test_every_row(row: tuple[str, str, str]) -> None:
    """Each endpoint is answered with 202 where nothing is sent, and is never cached elsewhere."""
    host, path, who = row
    request = WireRequest("POST", "https", host.replace("*", "eu"), 443, f"{path}?x", (), b"{}")
    found = answer_offline(request, 0)
    assert found is not None
    assert (found[1].status, refusal(request), bool(who)) == (202, "telemetry", True)


def test_the_api_itself_is_not_telemetry() -> None:
    """Only the path of the ingestion is; the models of the same host are asked as ever."""
    request = WireRequest("POST", "https", "api.openai.com", 443, "/v1/responses", (), b"{}")
    assert answer_offline(request, 0) is None
    assert refusal(request) is None
