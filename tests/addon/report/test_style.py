"""How the report's page looks: in itself complete."""

from __future__ import annotations

from addon.report.style import STYLE


def test_it_needs_nothing_from_elsewhere() -> None:
    """No import, no address, no end of the element that it stands in; every brace is closed, by day and by night."""
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    assert "<" not in STYLE
    assert STYLE.count("{") == STYLE.count("}")
    assert "prefers-color-scheme: dark" in STYLE
