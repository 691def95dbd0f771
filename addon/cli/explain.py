"""`explain`: why a request has no recorded answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from addon.cli.context import cache_options, open_store_for_reading, read_settings
from addon.cli.output import print_json, say
from addon.host.options import STATE_FOLDER
from cache_store.errors import CorruptEntry, UsageError

__all__ = ["explain", "print_diagnosis"]

_MOST_BYTES = 2**26


@click.command()
@cache_options
@click.argument("request_or_key", metavar="REQUEST.json|KEY")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(*, request_or_key: str, as_json: bool, cache_dir: str | None) -> None:
    """Say why a request has no recorded answer: the nearest one, what differs, what to do.

    REQUEST.json is a request as `show --json` has it under `request`; KEY is that of a miss of the last run, and
    may be shortened.
    """
    path = Path(request_or_key)
    found = _of_file(path, cache_dir) if path.is_file() else _of_last_run(request_or_key)
    if as_json:
        print_json(found)
    else:
        print_diagnosis(found)


def print_diagnosis(found: dict[str, Any]) -> None:
    """A diagnosis, as JSON has it, for people."""
    say(found["place"])
    say(f"key       {found['key']}")
    if found["nearest"]:
        say(f"nearest   {found['nearest']}")
    if shared := found["shared_messages"]:
        say(f"same      the first {'message' if shared == 1 else f'{shared} messages'}")
    for difference in found["differences"]:
        same = f", same for {difference['same']} characters" if difference["same"] else ""
        say("")
        say(f"{difference['place']}  ({difference['kind']}{same})")
        for mark, value in (("-", difference["old"]), ("+", difference["new"])):
            if value is not None:
                say(f"  {mark} {value}")
    for text in (found["note"], found["remedy"]):
        if text:
            say("")
            say(text)


def _of_file(path: Path, cache_dir: str | None) -> dict[str, Any]:
    from addon.diagnosis import Candidates, Diagnosis, diagnose
    from addon.identity import key_of_saved

    data = _read(path)
    try:
        key = key_of_saved(data, read_settings(cache_dir=cache_dir).identity)
    except CorruptEntry as error:
        raise UsageError(f"{path} is no saved request: {error}") from error
    label = _label(data)
    with open_store_for_reading(cache_dir) as store:
        if store.get(key) is not None:
            return Diagnosis(
                key, f"{label['method']} {label['host']}{label['path']}", note="This is a hit"
            ).as_dict()
        near = getattr(store, "near", store)
        if not isinstance(near, Candidates):
            raise UsageError("this cache keeps no index of its requests")
        return diagnose(key, data, label, near).as_dict()


def _label(data: bytes) -> dict[str, str]:
    import json

    saved = json.loads(data)
    body = saved["body"]
    value = body.get("value") if isinstance(body, dict) else None
    model = value.get("model") if isinstance(value, dict) else None
    label = {name: str(saved[name])[:200] for name in ("method", "host", "path")}
    return label | ({"model": model[:200]} if isinstance(model, str) else {})


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path} is larger than any request")
    return _canonical(data, path)


def _canonical(data: bytes, path: Path) -> bytes:
    """The saved request in `data`; `show --json` has it, indented, under `request`."""
    import json

    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON") from error
    if isinstance(value, dict) and isinstance(value.get("request"), dict):
        return json.dumps(value["request"], ensure_ascii=False).encode("utf-8", "surrogatepass")
    return data


def _of_last_run(short: str) -> dict[str, Any]:
    from addon.report.last_run import read_last_run

    missed = read_last_run(STATE_FOLDER)["missed"]
    found = [miss for miss in missed if miss["key"].startswith((short, f"pp1-{short}"))]
    if len(found) != 1:
        several = f"{len(found)} misses of the last run begin with {short!r}; give more of it"
        none = (
            f"{short!r} is neither a file nor the key of a miss of the last run; see `provider-proxy report`"
        )
        raise UsageError(several if found else none)
    miss: dict[str, Any] = found[0]
    return miss
