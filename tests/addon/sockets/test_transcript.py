"""A transcript as the body of an entry."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon.sockets.transcript import ClientFrame, ProviderFrame, Transcript
from cache_store.errors import CorruptEntry

CLIENT = ClientFrame("d" * 32, {"kind": "json", "value": {"type": "hello"}})


@pytest.mark.parametrize(
    "text",
    ['{"type":"a","n":1.50}', '{"a": 1, "b": [1, 2]}', '{"a":1}', "plain", "", '{"a":1,"a":2}', '"\\u00e9"', "NaN",
     '{"n":1e400}', '{"big":' + "9" * 6000 + "}", "[" * 10_000, '{"a":"\\ud800"}', "\x00", '{"x":0.1}'],
)  # fmt: skip
def test_a_frame_of_the_provider_comes_back_as_it_was(text: str) -> None:
    """Byte for byte, whatever its JSON looks like."""
    transcript = Transcript((CLIENT, ProviderFrame(text)), "realtime", False, 4001, "over")
    assert Transcript.decode(transcript.encode()) == transcript


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_text_comes_back(text: str) -> None:
    """Also what looks like JSON."""
    for said in (text, json.dumps(text), json.dumps({text: [text]})):
        assert Transcript.decode(Transcript((ProviderFrame(said),)).encode()).answers == [(0, said)]


def test_a_frame_needs_the_frames_of_the_client_before_it() -> None:
    """That is its place in the recording."""
    transcript = Transcript((ProviderFrame("a"), CLIENT, ProviderFrame("b"), CLIENT, ProviderFrame("c")))
    assert transcript.answers == [(0, "a"), (1, "b"), (2, "c")]
    assert transcript.digests == ["d" * 32] * 2
    assert transcript.client_values == [CLIENT.value] * 2
    assert transcript.opening().frames == (ProviderFrame("a"),)
    assert Transcript((ProviderFrame("a"),)).opening().answers == [(0, "a")]


def test_json_is_stored_as_json() -> None:
    """So that secrets are found in it, and a person can read it."""
    body = json.loads(
        Transcript((ProviderFrame('{"a":1}'), ProviderFrame('{"a": 1}'), ProviderFrame("x"))).encode()
    )
    assert body["frames"] == [{"provider": {"a": 1}}, {"provider": {"a": 1}, "spaced": True}, {"text": "x"}]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"null", b"[" * 100_000, b'{"websocket":2}', b'{"websocket":1}',
     b'{"websocket":1,"protocol":"","frames":[1],"closed":{"by":"client","code":1000,"reason":""}}',
     b'{"websocket":1,"protocol":"","frames":[{}],"closed":{"by":"client","code":1000,"reason":""}}',
     b'{"websocket":1,"protocol":"","frames":[{"digest":"d"}],"closed":{"by":"client","code":1,"reason":""}}',
     b'{"websocket":1,"protocol":"","frames":[],"closed":{"by":"client","code":"x","reason":""}}',
     b'{"websocket":1,"protocol":"","frames":[],"closed":[]}', b"\xff\xfe"],
)  # fmt: skip
def test_a_hostile_body_is_a_corrupt_entry(body: bytes) -> None:
    """Nothing else is raised, and nothing is run."""
    with pytest.raises(CorruptEntry):
        Transcript.decode(body)


@pytest.mark.parametrize(
    "changed",
    [
        (b'"code":1000', b'"code":1e999'),
        (b'"hi"', b'"\\ud83d"'),
        (b'"reason":""', b'"reason":"\\ud83d"'),
        (b'"protocol":""', b'"protocol":"\\ud83d"'),
    ],
)
def test_what_cannot_be_sent_is_no_session(changed: tuple[bytes, bytes]) -> None:
    """Whoever wrote it: numbers without an end, and halves of surrogate pairs."""
    body = Transcript((ProviderFrame("hi"),)).encode()
    assert changed[0] in body
    with pytest.raises(CorruptEntry):
        Transcript.decode(body.replace(*changed))
