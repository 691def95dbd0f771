"""Reads untrusted YAML: nothing in it is run, and its aliases are bounded before they are expanded."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from cache_store.errors import MissingExtra

__all__ = ["UnsafeTag", "load_yaml"]

_MAX_RATIO = 20  # expanded size to file size; recorders repeat headers by aliases
_FREE = 2**20  # bytes
_TAG = "tag:yaml.org,2002:python/"


class UnsafeTag(ValueError):
    """The YAML holds a tag that would make an object."""


def load_yaml(text: str) -> Any:
    """The value of a YAML document.

    Tags of plain values that recorders in Python and Ruby write (`!!python/unicode`, `!!python/tuple`, a BytesIO's
    state, `!binary`) are understood. Raises UnsafeTag for any other tag, ValueError if the text is not YAML or its
    aliases expand to far more than its own size, and MissingExtra without PyYAML.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra("YAML needs", "import") from error
    loader = _loader()(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _expanded_size(node, {}) > max(_FREE, _MAX_RATIO * len(text)):
            raise ValueError("its aliases expand to far more than the file itself")
        return loader.construct_document(node)
    except yaml.constructor.ConstructorError as error:
        raise UnsafeTag(str(error.problem)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError("it is not YAML") from error
    finally:
        loader.dispose()


def _expanded_size(node: Any, sizes: dict[int, int]) -> int:
    """Characters of a node with all aliases expanded, without expanding them. Raises ValueError for a cycle."""
    key = id(node)
    if key in sizes:
        if sizes[key] < 0:
            raise ValueError("one of its aliases contains itself")
        return sizes[key]
    sizes[key] = -1
    if isinstance(node.value, str):
        size = len(node.value)
    else:
        children = (part for item in node.value for part in (item if isinstance(item, tuple) else (item,)))
        size = 1 + sum(_expanded_size(child, sizes) for child in children)
    sizes[key] = size
    return size


@cache
def _loader() -> Any:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # one of two classes
        """A safe loader that knows the plain values of Python recorders."""

    def bytes_io(loader: Any, node: Any) -> Any:
        state = loader.construct_mapping(node, deep=True).get("state")
        if not isinstance(state, list) or not state or not isinstance(state[0], bytes):
            raise yaml.constructor.ConstructorError(None, None, "a BytesIO without content", node.start_mark)
        return state[0]

    for tag in (f"{_TAG}unicode", f"{_TAG}str", "!str", "!ruby/symbol", "!ruby/sym"):
        Loader.add_constructor(tag, Loader.construct_scalar)
    Loader.add_constructor("!binary", Loader.construct_yaml_binary)  # Ruby's Psych writes bytes like this
    Loader.add_constructor(f"{_TAG}tuple", partial(Loader.construct_sequence, deep=True))
    Loader.add_constructor(f"{_TAG}bytes", Loader.construct_yaml_binary)
    Loader.add_constructor(f"{_TAG}object/new:_io.BytesIO", bytes_io)
    return Loader
