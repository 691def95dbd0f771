"""Parsers of answers: what a stored or arriving body says, without deciding anything.

`content_coding` undoes content encodings, `sse` and `eventstream` split streams into events and frames,
`usage` and `text` read token counts and generated text. Nothing here imports mitmproxy, diskcache or `addon`.
"""

__all__: list[str] = []
