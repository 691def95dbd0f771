"""Tokens and money by model, from the usage that the answers state.

Prices come from genai-prices (the extra `prices`). An answer whose price is not known counts as unknown, never as
free.
"""

from __future__ import annotations

import importlib.util
import threading
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from addon.messages import LiveAnswer
from cache_store.answers.content_coding import BadCoding, decode
from cache_store.answers.usage import model_of, tokens_of, usage_of
from cache_store.entry import Entry, Headers, header_value

__all__ = ["Billed", "ModelCosts", "Tally", "billed_entry", "billed_live"]

_FLAVORS = ("default", "chat", "responses", "embeddings", "tokens")
_MOST_PENDING = 100_000
_MOST_MODELS = 1000


def _price_of(host: str, model: str, usage: dict[str, Any]) -> Decimal | None:
    """The price of one answer of `host` in US dollars; None if it is not known."""
    if not model or importlib.util.find_spec("genai_prices") is None:
        return None
    from genai_prices import calc_price, extract_usage

    url = f"https://{host}"
    gemini = "promptTokenCount" in usage
    answer = {"modelVersion": model, "usageMetadata": usage} if gemini else {"model": model, "usage": usage}
    for flavor in _FLAVORS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                extracted = extract_usage(answer, provider_api_url=url, api_flavor=flavor)
                return Decimal(calc_price(extracted.usage, model, provider_api_url=url).total_price)
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
            continue  # the usage is in another dialect, or the model is not known
    return None


@dataclass(slots=True)
class ModelCosts:
    """The answers of one model. `unknown` counts those without a known price; `usd` is the sum of the others."""

    model: str
    answers: int = 0
    unknown: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: Decimal = Decimal(0)

    def add(self, other: ModelCosts) -> None:
        """Add the answers of another row."""
        self.answers += other.answers
        self.unknown += other.unknown
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.usd += other.usd

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `usd` is null if no price is known."""
        known = self.answers > self.unknown
        return {
            "model": self.model,
            "answers": self.answers,
            "unknown": self.unknown,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "usd": float(self.usd) if known else None,
        }


@dataclass(slots=True)
class Tally:
    """Answers by model. `settle` looks up their prices; its first call loads the price list.

    Threads may share it.
    """

    models: dict[str, ModelCosts] = field(default_factory=dict)
    _pending: list[tuple[str, str, dict[str, Any], int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, host: str, model: str, usage: dict[str, Any] | None, times: int = 1) -> None:
        """Count an answer of `host`, `times` times; its price is unknown until `settle`."""
        with self._lock:
            row = self._row(model[:200] or "?")
            row.answers += times
            row.unknown += times
            if usage is None:
                return
            tokens = tokens_of(usage)
            row.input_tokens += tokens[0] * times
            row.output_tokens += tokens[1] * times
            if len(self._pending) < _MOST_PENDING:
                self._pending.append((host, row.model, usage, times))

    def settle(self) -> None:
        """Look up the prices of the answers added since the last call."""
        for host, model, usage, times in self.hand_over():
            price = _price_of(host, model, usage)
            if price is not None:
                with self._lock:
                    self.models[model].usd += price * times
                    self.models[model].unknown -= times

    def add_row(self, other: ModelCosts) -> None:
        """Add another tally's row."""
        self._row(other.model).add(other)

    def hand_over(self) -> list[Any]:
        """The answers without a price yet, for another tally's `take_over`."""
        with self._lock:
            pending, self._pending = self._pending, []
        return pending

    def take_over(self, pending: Iterable[Any]) -> None:
        """Look up another tally's prices at the next `settle`. Its rows were added before."""
        for host, name, usage, times in pending:
            self._pending.append((host, name if name in self.models else "other", usage, times))

    def _row(self, model: str) -> ModelCosts:
        is_new = model not in self.models
        name = "other" if is_new and len(self.models) >= _MOST_MODELS else model
        return self.models.setdefault(name, ModelCosts(name))

    @property
    def usd(self) -> Decimal:
        """The sum of the known prices, in US dollars."""
        return sum((row.usd for row in self.models.values()), Decimal(0))

    @property
    def unknown(self) -> int:
        """The number of answers without a known price."""
        return sum(row.unknown for row in self.models.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the total, and each model by name."""
        rows = sorted(self.models.values(), key=lambda row: row.model)
        total = ModelCosts("all")
        for row in rows:
            total.add(row)
        figures = total.as_dict()
        del figures["model"]
        return figures | {"models": [row.as_dict() for row in rows]}


class Billed(NamedTuple):
    """An answer that costs money: who gave it, and the usage that it states, None if it states none."""

    host: str
    model: str
    usage: dict[str, Any] | None


def billed_live(label: dict[str, str], answer: LiveAnswer, limit: int) -> Billed | None:
    """A live answer to the request with this label; None if it is free.

    Without its body, or if that decodes to more than `limit` bytes, its usage is not known.
    """
    try:
        body = decode(answer.body, header_value(answer.headers, b"content-encoding"), limit)
    except BadCoding:
        body = b""
    return _billed(label, answer.status, answer.headers, body)


def billed_entry(entry: Entry) -> Billed | None:
    """The answer of an entry; None if it is free."""
    return _billed(entry.label, entry.status, entry.headers, entry.body)


def _billed(label: dict[str, str], status: int, headers: Headers, body: bytes) -> Billed | None:
    if status >= 400:
        return None
    media_type = header_value(headers, b"content-type")
    usage = usage_of(body, media_type)
    asked = label.get("model", "")
    if usage is None and not asked:
        return None  # a list of models, say, or a file
    return Billed(label.get("host", ""), asked or model_of(body, media_type) or "", usage)
