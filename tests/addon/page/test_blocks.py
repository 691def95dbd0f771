"""One piece of a message, in each provider's form."""

from __future__ import annotations

from typing import Any

import pytest

from addon.page.blocks import Media, argument_text, parts_of

CALL = '{\n  "a": 1\n}'


@pytest.mark.parametrize(
    ("block", "kind", "text", "name"),
    [
        ("hello", "text", "hello", ""),
        ({"type": "input_text", "text": "a"}, "text", "a", ""),
        ({"text": "a"}, "text", "a", ""),
        ({"type": "refusal", "refusal": "no"}, "refusal", "no", ""),
        ({"type": "thinking", "thinking": "hm"}, "thinking", "hm", ""),
        ({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}, "thinking", "hm", ""),
        ({"type": "redacted_thinking", "data": "x"}, "thinking", "", "encrypted"),
        ({"text": "hm", "thought": True}, "thinking", "hm", ""),
        ({"reasoningContent": {"reasoningText": {"text": "hm"}}}, "thinking", "hm", ""),
        ({"type": "tool_use", "name": "f", "input": {"a": 1}}, "call", CALL, "f"),
        ({"type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}, "call", CALL, "f"),
        ({"type": "function_call", "name": "f", "arguments": '{"a":1}'}, "call", CALL, "f"),
        ({"functionCall": {"name": "f", "args": {"a": 1}}}, "call", CALL, "f"),
        ({"toolUse": {"name": "f", "input": {"a": 1}}}, "call", CALL, "f"),
        (
            {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "r"}]},
            "result",
            "r",
            "1",
        ),
        ({"type": "function_call_output", "call_id": "1", "output": "r"}, "result", "r", "1"),
        ({"functionResponse": {"name": "f", "response": {"a": 1}}}, "result", CALL, "f"),
        ({"toolResult": {"toolUseId": "1", "content": [{"text": "r"}]}}, "result", "r", "1"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "file", "", "file-1"),
        (
            {"type": "unheard_of", "text": "a"},
            "data",
            '{\n  "type": "unheard_of",\n  "text": "a"\n}',
            "unheard_of",
        ),
        (7, "data", "7", ""),
    ],
)
def test_a_block_is_read(block: Any, kind: str, text: str, name: str) -> None:
    """As text, thinking, a call or a result; what is of no known form is shown as JSON."""
    (part,) = parts_of(block, [])
    assert (part.kind, part.text, part.name) == (kind, text, name)


@pytest.mark.parametrize(
    ("block", "kind", "media"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            "image",
            ("image/png", "AAAA"),
        ),
        ({"type": "input_image", "image_url": "data:image/gif;base64,AAAA"}, "image", ("image/gif", "AAAA")),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "AAAA"}},
            "image",
            ("image/webp", "AAAA"),
        ),
        ({"inlineData": {"mimeType": "audio/mp4", "data": "AAAA"}}, "audio", ("audio/mp4", "AAAA")),
        ({"image": {"format": "png", "source": {"bytes": "AAAA"}}}, "image", ("image/png", "AAAA")),
        (
            {"type": "input_audio", "input_audio": {"format": "mp3", "data": "AAAA"}},
            "audio",
            ("audio/mpeg", "AAAA"),
        ),
        ({"type": "image_generation_call", "result": "AAAA"}, "image", ("image/png", "AAAA")),
        (
            {"type": "input_file", "filename": "a", "file_data": "data:application/pdf;base64,AAAA"},
            "file",
            ("application/pdf", "AAAA"),
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/svg+xml", "data": "AAAA"}},
            "image",
            ("image/svg+xml", "AAAA"),
        ),
    ],
)
def test_media_are_collected(block: Any, kind: str, media: tuple[str, str]) -> None:
    """Each with its type as stated; the part names its number."""
    found = [Media("x/y", "before")]
    (part,) = parts_of(block, found)
    assert (part.kind, part.media, part.media_type) == (kind, 1, media[0])
    assert found[1] == Media(*media)


def test_a_picture_elsewhere_is_named_and_never_read() -> None:
    """Its address is text."""
    (part,) = parts_of({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, found := [])
    assert (part.url, part.media, found) == ("https://example.com/a.png", -1, [])


def test_a_result_keeps_its_pictures() -> None:
    """They follow its text."""
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    result = {"type": "tool_result", "content": [{"type": "text", "text": "see"}, picture]}
    assert [part.kind for part in parts_of(result, [])] == ["result", "image"]


def test_arguments_that_are_no_json_stay_text() -> None:
    """A stream may have been cut inside of them."""
    assert argument_text('{"a": ') == '{"a": '
