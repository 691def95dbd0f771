"""Reads untrusted JSON: strictly, with bounded nesting, and so that it can be written again."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, NoReturn

__all__ = ["loads"]

# Far beyond any provider's answer. Python's own limit differs between reading and writing, and by version.
_MAX_DEPTH = 100


def loads(text: str | bytes) -> Any:
    """The JSON value in `text` (UTF-8 if it is bytes). Raises ValueError with a readable message for anything else.

    NaN and Infinity (RFC 8259, section 6) and nesting deeper than 100 levels are refused. A number that Python
    cannot hold (`1e999`, thousands of digits) becomes the text it was written as, so that it can be shown again.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_float, parse_int=_int)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not _within(value, _MAX_DEPTH):
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _int(text: str) -> int | str:
    limit = sys.get_int_max_str_digits()
    return text if limit and len(text) > limit else int(text)


def _within(value: Any, levels: int) -> bool:
    """Whether `value` nests at most `levels` deep."""
    if not isinstance(value, dict | list):
        return True
    if levels == 0:
        return False
    inner = value.values() if isinstance(value, dict) else value
    return all(_within(item, levels - 1) for item in inner if isinstance(item, dict | list))
