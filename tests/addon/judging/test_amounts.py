"""Whether an answer holds as many results as were asked for."""

from __future__ import annotations

import json

import pytest

from addon.judging.amounts import has_all
from cache_store.answers.media import Kind


def chunk(*indices):
    """A chunk with a choice of each index."""
    return {"choices": [{"index": index} for index in indices]}


@pytest.mark.parametrize(
    ("request_body", "answer", "whole"),
    [
        ({"n": 2}, chunk(0, 1), True),
        ({"n": 3}, chunk(0, 1), False),
        ({"n": 2}, chunk(0, 0), False),
        ({"n": 2}, {"choices": [{}, {}]}, True),
        ({"n": None}, chunk(0), True),
        ({"n": "2"}, chunk(0), True),
        ({"n": 2}, {"data": [{}]}, True),
        ({"input": ["a", "b"]}, {"data": [{}, {}]}, True),
        ({"input": ["a", "b"]}, {"data": [{}]}, False),
        ({"input": [[1, 2], [3]]}, {"data": [{}]}, False),
        ({"input": [1, 2]}, {"data": [{}]}, True),
        ({"input": "a"}, {"data": [{}]}, True),
        ({"input": [{"type": "text"}, {"type": "image_url"}]}, {"results": [{}]}, True),
        ({"texts": ["a", "b"]}, {"embeddings": [[1]]}, False),
        ({"texts": ["a", "b"]}, {"embeddings": {"float": [[1], [2]], "int8": [[1]]}}, False),
        ({"texts": ["a", "b"]}, {"embeddings": {"float": [[1], [2]]}}, True),
        ([], chunk(0), True),
    ],
)
def test_results_are_counted(request_body, answer, whole):
    """Choices by their index, embeddings by input; a request that tells no number is not held against it."""
    assert has_all(json.dumps(request_body).encode(), json.dumps(answer).encode(), Kind.JSON) is whole


@pytest.mark.parametrize(("indices", "whole"), [((0, 1), True), ((0, 0), False)])
def test_the_choices_of_a_stream_are_counted(indices, whole, sse):
    """Each choice of a stream comes in chunks of its own."""
    body = sse(*(chunk(index) for index in indices), chunk(), "[DONE]")

    assert has_all(b'{"n": 2}', body, Kind.EVENTS) is whole


def test_a_request_that_is_not_json_asks_for_no_number():
    """A form or a broken body tells nothing."""
    assert has_all(b'"n" = 2', b'{"choices": []}', Kind.JSON)
