"""Untrusted YAML runs nothing and does not expand without bounds."""

from __future__ import annotations

import tracemalloc

import pytest

from addon.transfer.bounded_yaml import UnsafeTag, load_yaml


def _nested(levels: int, first: str = "lol", item: str = "[%s]") -> str:
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{n}: &a{n} " + item % ",".join([f"*a{n - 1}"] * 9) for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [_nested(9), _nested(30), _nested(9, "{k: v}", "{<<: [%s]}"), "- &x\n  a: *x", "&x [*x]"],
    ids=["lists", "deep", "merge keys", "cycle", "cycle of lists"],
)
def test_aliases_that_expand_to_much_are_refused(text: str) -> None:
    """Before anything is expanded."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="alias"):
            load_yaml(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**22


def test_the_aliases_of_a_recorder_are_expanded() -> None:
    """PyYAML writes one for each object that occurs twice."""
    headers = "&id001\n  - application/json\n"
    text = f"a:\n  x: {headers}" + "".join(f"b{n}: *id001\n" for n in range(50))
    assert load_yaml(text)["b49"] == ["application/json"]


def test_plain_values_of_python_are_understood() -> None:
    """As vcrpy's older versions write them."""
    text = """
a: !!python/unicode 'x'
b: !!python/tuple [1, 2]
c: !!python/object/new:_io.BytesIO
  state: !!python/tuple [!!binary aGk=, 0, null]
d: !!python/str 'y'
"""
    assert load_yaml(text) == {"a": "x", "b": [1, 2], "c": b"hi", "d": "y"}


def test_plain_values_of_ruby_are_understood() -> None:
    """As Psych writes bytes, symbols and texts that look like something else."""
    text = "a: !binary |-\n  aGk=\nb: !ruby/symbol x\nc: !str 1\nd: !ruby/sym y\n"
    assert load_yaml(text) == {"a": b"hi", "b": "x", "c": "1", "d": "y"}


@pytest.mark.parametrize(
    "text",
    [
        "!ruby/object:Gem::Installer {i: x}",
        "!ruby/hash:Net::WriteAdapter {}",
        "!!python/object/apply:os.system ['true']",
        "!!python/name:os.system",
        "!!python/object/new:os.system ['true']",
        "a: !!python/object/new:_io.BytesIO {state: [!!python/module:os '']}",
        "a: !!python/object/new:_io.BytesIO {state: 1}",
    ],
)
def test_other_tags_are_refused(text: str) -> None:
    """Nothing that they name is run."""
    with pytest.raises(UnsafeTag):
        load_yaml(text)


@pytest.mark.parametrize("text", ["a: [", "[" * 5000, "\t", "a: b: c"])
def test_broken_text_is_refused(text: str) -> None:
    """In words, whatever PyYAML raises."""
    with pytest.raises(ValueError, match="not YAML"):
        load_yaml(text)


def test_an_empty_document_is_nothing() -> None:
    """As PyYAML reads it."""
    assert load_yaml("") is None
