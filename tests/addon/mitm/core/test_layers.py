"""Our HTTP layer stands in the place of mitmproxy's."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import connection, options
from mitmproxy.proxy import context, layer
from mitmproxy.proxy.layers import modes, tcp
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from addon.mitm.core import internals
from addon.mitm.core.internals import Feature
from addon.mitm.core.layers import _light_fork, swap_http_layer

ALL = frozenset(internals.FEATURES)


class _Other(HttpLayer):
    """Somebody else's layer."""


def _next_layer(chosen: Callable[[context.Context], layer.Layer | None]) -> layer.NextLayer:
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    outer = context.Context(client, options.Options())
    asked = layer.NextLayer(outer)
    asked.layer = chosen(outer)
    return asked


def test_the_stock_layer_is_replaced_in_its_place() -> None:
    """Ours stands where mitmproxy's stood, in the context's stack too, with the same mode."""
    asked = _next_layer(lambda c: HttpLayer(c, HTTPMode.regular))
    before = len(asked.context.layers)
    assert swap_http_layer(asked, ALL, lambda *_: None, {}) is True
    assert isinstance(asked.layer, HttpLayer)
    assert type(asked.layer) is not HttpLayer
    assert asked.layer.mode is HTTPMode.regular
    assert len(asked.context.layers) == before
    assert asked.context.layers[-1] is asked.layer


def test_a_layer_inside_a_stack_is_replaced_too() -> None:
    """In reverse mode mitmproxy chooses a stack whose innermost is the HTTP layer."""

    def stack(c: context.Context) -> layer.Layer:
        outer = modes.ReverseProxy(c)
        outer.child_layer = HttpLayer(c, HTTPMode.transparent)
        return outer

    asked = _next_layer(stack)
    assert swap_http_layer(asked, ALL, lambda *_: None, {}) is True
    assert isinstance(asked.layer, modes.ReverseProxy)
    assert type(asked.layer.child_layer) is not HttpLayer
    assert isinstance(asked.layer.child_layer, HttpLayer)


@pytest.mark.parametrize("kind", ["nothing", "another", "ours", "a subclass"])
def test_other_layers_are_left_alone(kind: str) -> None:
    """No layer, one that is not HTTP, ours, and somebody else's subclass stay."""

    def choose(c: context.Context) -> layer.Layer | None:
        if kind == "nothing":
            return None
        if kind == "another":
            return tcp.TCPLayer(c)
        if kind == "a subclass":
            return _Other(c, HTTPMode.regular)
        return HttpLayer(c, HTTPMode.regular)

    asked = _next_layer(choose)
    if kind == "ours":
        swap_http_layer(asked, ALL, lambda *_: None, {})
    chosen = asked.layer
    assert swap_http_layer(asked, ALL, lambda *_: None, {}) is False
    assert asked.layer is chosen


async def test_requests_in_one_packet_are_answered_in_order(proxied: Callable[..., Any]) -> None:
    """A client may send its next request before it has read the answer."""
    async with proxied(cache_mode="read-write") as p:
        client = await p.tunnel()
        bodies = [b'{"n": %d}' % n for n in range(4)]
        for from_cache in ("false", "true"):
            await client.send(b"".join(p.raw("POST /v1/x", body) for body in bodies))
            answers = [await client.answer() for _ in bodies]
            assert [answer.from_cache for answer in answers] == [from_cache] * 4
            assert [json.loads(a.body)["choices"][0]["message"]["content"] for a in answers] == [
                f"answer {n}" for n in range(1, 5)
            ]


def test_a_fork_is_as_mitmproxys() -> None:
    """Our shorter way to fork a context gives what `Context.fork` gives."""
    outer = context.Context(connection.Client(peername=("a", 1), sockname=("b", 2)), options.Options())
    outer.layers.append(tcp.TCPLayer(outer))
    ours, stock = _light_fork(outer), outer.fork()
    assert vars(ours) == vars(stock)
    assert ours.layers is not outer.layers


@pytest.mark.parametrize("features", [frozenset(), *(ALL - {feature} for feature in ALL), ALL])
def test_any_set_of_features_makes_a_layer(features: frozenset[Feature]) -> None:
    """One feature fewer is a class fewer, and the layer is put in all the same."""
    asked = _next_layer(lambda c: HttpLayer(c, HTTPMode.regular))
    assert swap_http_layer(asked, features, lambda *_: None, {}) is True
    assert isinstance(asked.layer, HttpLayer)
