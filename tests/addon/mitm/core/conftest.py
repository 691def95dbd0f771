"""A mitmproxy that lacks something."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from addon.mitm.core import (
    internals,
    layers,  # noqa: F401 -- it reads the features when it is first imported
)
from addon.mitm.core.internals import Feature, Name


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[Feature], None]:
    """`lose(feature)` makes mitmproxy lack one name of it."""

    def run(feature: Feature) -> None:
        lost = feature._replace(needs=(*feature.needs, Name("mitmproxy.master", "Master.was_never_there")))
        (attribute,) = [name for name, value in vars(internals).items() if value is feature]
        known = tuple(lost if one is feature else one for one in internals.FEATURES)
        monkeypatch.setattr(internals, attribute, lost)
        monkeypatch.setattr(internals, "FEATURES", known)

    return run
