"""What single frames say."""

from __future__ import annotations

import json

import pytest

from addon.sockets.frames import is_sound, json_object, kind_of, says_same, without_event_id


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"type":"a.b"}', "a.b"),
        ('{"type":1}', ""),
        ("[1]", ""),
        ("hello", ""),
        ("{" * 100_000, ""),
        ("", ""),
    ],
)
def test_the_type_of_a_frame(text: str, kind: str) -> None:
    """Only a JSON object has one, and nothing raises."""
    assert kind_of(text) == kind


def test_only_objects_are_objects() -> None:
    """Deeply nested JSON, and a number too long for Python, are no objects."""
    assert json_object(' {"a": 1}') == {"a": 1}
    assert json_object('{"a":' * 50_000) is None
    assert json_object('{"a":' + "1" * 5000 + "}") is None


def test_sound_is_told_by_the_type() -> None:
    """A text that only mentions the type is no sound; a binary message may be."""
    assert is_sound('{"type":"input_audio_buffer.append","audio":"AAAA"}')
    assert is_sound(b"text")
    assert not is_sound('{"type":"conversation.item.create","text":"input_audio_buffer.append"}')


def test_the_event_id_of_a_client_is_left_out() -> None:
    """Only at the top; a frame without one stays as it is."""
    assert json.loads(without_event_id('{"event_id":"e1","type":"a","item":{"event_id":"x"}}')) == {
        "type": "a",
        "item": {"event_id": "x"},
    }
    for text in ('{ "type" : "a" }', '"event_id"', 'say "event_id"'):
        assert without_event_id(text) == text


def test_frames_that_differ_in_ids_and_times_say_the_same() -> None:
    """Any other difference counts."""
    one = '{"type":"session.created","event_id":"e1","session":{"id":"s1","model":"m","expires_at":1}}'
    other = '{"type":"session.created","event_id":"e2","session":{"id":"s2","model":"m","expires_at":2}}'
    assert says_same(one, other)
    assert says_same("plain", "plain")
    assert not says_same("plain", "other")
    assert not says_same(one, other.replace('"m"', '"n"'))
    assert not says_same(one, "plain")
