"""The picture, read as XML."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.bench import names
from tests.bench.picture import LONGEST, picture

SVG = "{http://www.w3.org/2000/svg}"


def _drawn(bars: dict[str, float]) -> ET.Element:
    return ET.fromstring(picture({"a <door> & more": bars}))


def _widths(root: ET.Element) -> list[int]:
    return [int(bar.attrib["width"]) for bar in root.iter(f"{SVG}rect")]


def test_bars_are_as_long_as_their_ratios() -> None:
    """Twice as fast is twice as long."""
    base, twice = _widths(_drawn({names.CONSTANT: 1.0, names.OURS: 2.0}))
    assert abs(twice - 2 * base) <= 1


def test_a_bar_that_would_dwarf_the_others_is_cut_and_says_so() -> None:
    """It is marked, and its label has the true ratio."""
    root = _drawn({names.CONSTANT: 1.0, names.NGINX: 66.0})
    base, cut = _widths(root)
    assert abs(cut - LONGEST * base) <= LONGEST
    assert len(list(root.iter(f"{SVG}path"))) == 2
    assert "66×" in [text.text for text in root.iter(f"{SVG}text")]  # noqa: RUF001 - a multiplication sign is meant


def test_no_bar_is_cut_without_need() -> None:
    """Nor is one too short to be seen."""
    root = _drawn({names.CONSTANT: 1.0, names.LITELLM: 0.001})
    assert list(root.iter(f"{SVG}path")) == []
    assert min(_widths(root)) >= 2


def test_nothing_is_drawn_outside() -> None:
    """Every bar, line and label begins within the view."""
    root = _drawn({names.OURS: 3.4, names.CONSTANT: 1.0, names.NGINX: 66.0})
    _, _, width, height = map(int, root.attrib["viewBox"].split())
    for bar in root.iter(f"{SVG}rect"):
        assert int(bar.attrib["x"]) + int(bar.attrib["width"]) < width - 40  # its label fits
    assert all(0 < int(text.attrib["y"]) < height for text in root.iter(f"{SVG}text"))


def test_it_has_colours_for_light_and_dark_and_words_for_those_who_hear_it() -> None:
    """The style asks for the scheme; names and ratios are in the label, escaped."""
    root = _drawn({names.OURS: 2.34})
    style = root.find(f"{SVG}style")
    assert style is not None
    assert "prefers-color-scheme: dark" in (style.text or "")
    assert root.attrib["aria-label"] == f"a <door> & more: {names.OURS} 2.3×"  # noqa: RUF001 - as above
