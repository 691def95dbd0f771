"""What the tests of the judge share: asking it about a body, and writing streams."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from addon.judging import Answer, Judgement, judge

type Ask = Callable[..., Judgement]
type Sse = Callable[..., bytes]


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of whole answers."""
    return Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Judges a body (bytes, or a value that is sent as JSON) of a media type."""

    def asked(
        body: object, media: str = "application/json", method: str = "POST", status: int = 200, **options: Any
    ) -> Judgement:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = ((b"Content-Type", media.encode()),) if media else ()
        return judge(Answer(method, "/v1/x", status, headers, raw), **options)

    return asked


@pytest.fixture(scope="session")
def sse() -> Sse:
    """A stream of events, each a text, a JSON value, or a pair of a name and one of these."""

    def written(*events: object) -> bytes:
        lines = []
        for event in events:
            name, data = event if isinstance(event, tuple) else ("", event)
            text = data if isinstance(data, str) else json.dumps(data)
            lines.append((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
        return "".join(lines).encode()

    return written
