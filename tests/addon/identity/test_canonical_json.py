"""The canonical form of JSON."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from addon.identity.canonical_json import CREDENTIALS, MARKERS, MAX_DEPTH, NotCanonical, parse
from addon.identity.exact_number import canonical

VECTORS = json.loads((Path(__file__).parent / "canonical.json").read_text("utf-8"))

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["properties", "\x7f", '"\x7f1\x7f"', "cache_control", "a", "b"]
)
# Floats as text would do it; what matters is that json.dumps writes them.
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def form(text: str | bytes) -> str:
    """The canonical form of a JSON text."""
    return parse(text.encode() if isinstance(text, str) else text).dump().decode()


def same(one: Any, other: Any, *, ordered: bool = False) -> bool:
    """Whether two values are equal as JSON: no bool is a number, and order counts directly under `properties`."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = list(one) == list(other) if ordered else one.keys() == other.keys()
        return names and all(same(one[n], other[n], ordered=n == "properties") for n in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return isinstance(one, bool) == isinstance(other, bool) and Decimal(repr(+one)) == Decimal(
            repr(+other)
        )
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("vector", VECTORS["vectors"] + VECTORS["numbers"], ids=lambda vector: vector["name"])
def test_published_vectors(vector: dict[str, Any]) -> None:
    """The published hashes of canonical JSON come out, nulls at the top dropped first as their rule says."""
    value = {name: member for name, member in vector["input"].items() if member is not None}
    assert hashlib.sha256(form(json.dumps(value)).encode()).hexdigest() == vector["sha256"]


@given(VALUES)
def test_idempotent(value: Any) -> None:
    """The canonical form of a canonical form is itself."""
    once = form(json.dumps(value))
    assert form(once) == once


@given(VALUES)
def test_spelling_does_not_matter(value: Any) -> None:
    """Escapes, spaces and indentation do not affect the form."""
    assert form(json.dumps(value)) == form(json.dumps(value, ensure_ascii=False, indent=2))


@given(VALUES, VALUES)
def test_forms_differ_as_values_do(one: Any, other: Any) -> None:
    """Two values have one form if and only if they are equal."""
    assert (form(json.dumps(one)) == form(json.dumps(other))) == same(one, other)


NEAR: list[Any] = [
    None, False, 0, -0.0, "", "0", "null", [], {}, True, 1, 1.0, "1", 0.1, 0.10000000000000002, 2**53, 2**53 + 1,
    float(2**53), 10**22, 1e22, 10**22 + 1, "a", "A", "é", "e\u0301", "\u212b", "\u00c5", [None], {"a": None},
]  # fmt: skip
NEARBY = st.recursive(
    st.sampled_from(NEAR),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, ...]]:
    """The way to each value within `value`, itself included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((name, *inner) for name, member in items for inner in places(member))]


def with_member(value: Any, place: tuple[Any, ...], member: Any) -> Any:
    """`value` with another value in one place."""
    if not place:
        return member
    items = value.copy()
    items[place[0]] = with_member(value[place[0]], place[1:], member)
    return items


@given(NEARBY, st.data())
def test_forms_differ_where_one_member_does(value: Any, data: st.DataObject) -> None:
    """Documents that differ in one place have one form if and only if the values there are equal."""
    place = data.draw(st.sampled_from(places(value)))
    forms = [form(json.dumps(with_member(value, place, member))) for member in NEAR]
    for (one, its), (other, others) in combinations(zip(NEAR, forms, strict=True), 2):
        assert (its == others) == same(one, other), (one, other)


@given(VALUES, st.randoms(use_true_random=False))
def test_shuffled_keys(value: Any, chance: random.Random) -> None:
    """The order of keys outside of `properties` does not affect the form."""

    def shuffled(inner: Any, keep: bool = False) -> Any:
        if isinstance(inner, list):
            return [shuffled(item) for item in inner]
        if not isinstance(inner, dict):
            return inner
        names = list(inner)
        if not keep:
            chance.shuffle(names)
        return {name: shuffled(inner[name], name == "properties") for name in names}

    assert form(json.dumps(shuffled(value))) == form(json.dumps(value))


@pytest.mark.parametrize("piece", ["", "é", "\x7f", "1.0", '"', "\\", *map(chr, range(32))])
@pytest.mark.parametrize("is_ascii", [True, False])
def test_a_long_text_is_written_like_any(piece: str, is_ascii: bool) -> None:
    """A long text, such as an image, has the same form as a short one, whatever characters it contains."""
    for value in (
        ["b" * 4_000 + piece],
        {"a": piece, "b": "b" * 4_000 + piece + "b" * 4_000, "c": {piece: 1}},
    ):
        expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        assert form(json.dumps(value, ensure_ascii=is_ascii)) == expected


@pytest.mark.parametrize("parent", ["a", "properties"])
def test_every_character_is_written_as_the_standard_library_does(parent: str) -> None:
    """A key depends on no writer: each character, in a text and in a name, has the standard library's spelling and
    place."""
    characters = [chr(at) for at in range(sys.maxunicode + 1) if not 0xD800 <= at <= 0xDFFF]
    for begin in range(0, len(characters), 50_000):
        value = {parent: {character: f"{character}a" for character in characters[begin : begin + 50_000]}}
        expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        assert form(json.dumps(value)) == expected


@given(VALUES)
def test_written_as_the_standard_library_does(value: Any) -> None:
    """Integers, literals, text and nesting are written as the standard library writes them."""
    value = json.loads(
        json.dumps(value).replace("properties", "property"),
        parse_float=str,
        # Up to 21 digits are plain; see exact_number.
        parse_int=lambda text: int(text) if len(text) <= 21 else text,
    )
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert form(json.dumps(value)) == expected


def test_order_under_properties_is_kept() -> None:
    """Order matters directly under `properties`, at any depth, and nowhere else."""
    one = '{"b":{"properties":{"z":{"y":1,"x":2},"a":{"properties":{"d":1,"c":2}}}},"a":0}'
    assert form(one) == '{"a":0,"b":{"properties":{"z":{"x":2,"y":1},"a":{"properties":{"d":1,"c":2}}}}}'
    assert form('{"properties":{"b":1,"a":2}}') != form('{"properties":{"a":2,"b":1}}')
    assert form('{"properties":[{"b":1,"a":2}]}') == '{"properties":[{"a":2,"b":1}]}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"z":1,"a":{"b":2,"a":[3,{"z":true,"a":null}]}}',
            '{"a":{"a":[3,{"a":null,"z":true}],"b":2},"z":1}',
        ),
        (" [1.0, 1e0, -0.0, 2.50] ", "[1,1,0,2.5]"),
        ("[12345678901234567890123, 1e400]", "[12345678901234567890123,1e400]"),
        ('"\\u00e9\\u4f60\\ud83d\\ude00/\\/"', '"é你😀//"'),
        ('["\x7f", 1.5, "\\u007f1\x7f"]', '["\x7f",1.5,"\x7f1\x7f"]'),
        ('"\\n\\u0001"', '"\\n\\u0001"'),
        ("1.5", "1.5"),
        ('[["1.5"],["["],[1.5,"]"],[[0.25]]]', '[["1.5"],["["],[1.5,"]"],[[0.25]]]'),
        ('["\x7f",["1.5"],[[0.25],1e3]]', '["\x7f",["1.5"],[[0.25],1000]]'),
        ('{"é":1,"z":2}', '{"z":2,"é":1}'),
    ],
)
def test_forms(text: str, expected: str) -> None:
    """Examples of each rule."""
    assert form(text) == expected


@given(
    st.from_regex(
        r"-?(0|[1-9][0-9]{0,24})(\.0{0,8}[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?",
        fullmatch=True,
        alphabet="-0123456789.eE+",
    )
)
@example("0.000001")
@example("-0.0000001")
@example("1.50")
@example("1E5")
@example("-0")
@example("9" * 30 + ".5")
def test_a_number_is_spelled_by_its_value(text: str) -> None:
    """A document spells each of its numbers as `canonical` does, whichever way it takes."""
    assert (
        form(f'{{"b":[{text},"x"],"a":{text}}}') == f'{{"a":{canonical(text)},"b":[{canonical(text)},"x"]}}'
    )


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}"), ('{"properties":', "}")])
@pytest.mark.parametrize("filler", ["", "[]," * 200])
def test_brackets_in_text_are_no_nesting(start: str, end: str, depth: int, filler: str) -> None:
    """Only arrays and objects count, at the deepest place of several, whatever brackets are in strings."""
    deepest = start * (depth - 1) + end * (depth - 1)
    text = f'["[[[","]]]]","{{",{filler}{deepest},[]]'.replace('"properties":}', '"properties":1}')
    text = text.replace('"a":}', '"a":1}')
    if depth <= MAX_DEPTH:
        assert form(text) == text
    else:
        with pytest.raises(NotCanonical):
            parse(text.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[1,]", b"{} x", b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b"[NaN]", b"[Infinity]", b"-Infinity",
        b"\xff", b'"\xed\xa0\x80"', b'"\\ud800"', b'["\\udc80",1.5]', b'["\x7f","\\udc801\\udc80"]',
        b'\xef\xbb\xbf{}', b"[01]", b"[1.]", b"{'a':1}", b'"\n"', b"1" * 4301, b"[" * 129 + b"]" * 129,
        b"[" * 100_000, b"[1e" + b"9" * 30 + b"]", "{}".encode("utf-16"),
    ],
    ids=lambda data: repr(data[:20]),
)  # fmt: skip
def test_what_has_no_form(data: bytes) -> None:
    """Text that is not JSON, or that parsers read differently, is refused."""
    with pytest.raises(NotCanonical):
        parse(data)


def test_depth_is_counted_outside_of_strings() -> None:
    """128 levels are read, 129 are not, and brackets in strings count for nothing."""
    assert form("[" * MAX_DEPTH + "]" * MAX_DEPTH) == "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse(json.dumps(["[{" * 500, '\\"[' * 500, "\\"]).encode())
    closing = '["]","]",' * 200 + "1" + "]" * 200
    with pytest.raises(NotCanonical):
        parse(closing.encode())


def test_the_digit_limit_is_ours() -> None:
    """Python's own limit for integers, set by the environment, changes nothing."""
    code = (
        "from addon.identity.canonical_json import parse; import hashlib;"
        "print(hashlib.sha256(parse(b'[' + b'7' * 4000 + b']').dump()).hexdigest())"
    )
    root = Path(__file__).parents[3]
    found = {
        subprocess.run([sys.executable, "-X", f"int_max_str_digits={limit}", "-c", code], cwd=root, check=True,
                       capture_output=True, text=True).stdout
        for limit in (640, 4300, 0)
    }  # fmt: skip
    assert len(found) == 1


@pytest.mark.parametrize(
    "text", ['{"a":' * 300_000, '"' + '\\"' * 1_000_000, "[" + '"]",' * 300_000, "1" * 3_000_000]
)
def test_bounded_time(text: str) -> None:
    """A megabyte of nonsense is refused in one pass; quadratic work would exceed the test's time limit."""
    with pytest.raises(NotCanonical):
        parse(text.encode())


def test_notable_members_are_told() -> None:
    """A document notes whether it may contain markers or credentials."""
    assert parse(b'{"a":[{"cache_control":{"type":"x"},"api_key":"k"}]}').notable == {MARKERS, CREDENTIALS}
    for text in (
        '{"headers":{"x":"y"}}',
        '{"auth":{"x":"y"}}',
        '{"name":"x-api-key","value":"k"}',
        '{"a":{"password":1}}',
    ):
        assert parse(text.encode()).notable == {CREDENTIALS}, text
    for text in (
        '{"cache_control":"x","max_tokens":5}',
        '{"key":"a word","value":"v"}',
        '{"password":""}',
        '{"headers":{}}',
    ):
        assert parse(text.encode()).notable == set(), text
