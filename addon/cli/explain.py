"""`explain` and `diff`: why a request missed, and how two recorded requests differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from addon.accounting.figures import plural
from addon.cli.contents import entry_of
from addon.cli.context import cache_options, open_store_for_reading, read_settings
from addon.cli.keys import matches
from addon.cli.output import print_json, say
from addon.settings.state_folder import STATE_FOLDER
from cache_store.disk.disk_store import DiskStore
from cache_store.errors import CorruptEntry, UsageError

__all__ = ["diff", "explain"]

_MOST_BYTES = 2**26
_INDEX_SECONDS = 2.0  # how long to wait for an index that lacks entries


@click.command()
@cache_options
@click.argument("request_or_key", metavar="REQUEST.json|KEY")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(*, request_or_key: str, as_json: bool, cache_dir: str | None) -> None:
    """Explain why a request has no recorded answer: the nearest entry, the differences, and a remedy.

    REQUEST.json holds a request as `show --json` prints it under `request`. KEY is the key of a miss in the last
    run, and may be shortened.
    """
    path = Path(request_or_key)
    _print(
        _explain_file(path, cache_dir) if path.is_file() else _miss_of_last_run(request_or_key),
        as_json=as_json,
    )


@click.command()
@cache_options
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def diff(*, old: str, new: str, as_json: bool, cache_dir: str | None) -> None:
    """Show how the requests of two entries differ, or the recordings of two caches.

    OLD and NEW are two keys, which may be shortened, or two cache directories, which are compared as by `review`.
    """
    from addon.diagnosis import diagnose_saved

    if Path(old).is_dir() and Path(new).is_dir():
        from addon.cli.review import show_review

        show_review(old, new, form="json" if as_json else "table", cache_dir=cache_dir)
        return
    with open_store_for_reading(cache_dir) as store:
        diagnosis = diagnose_saved(entry_of(store, old), entry_of(store, new))
    _print(diagnosis.as_dict(), as_json=as_json, names=("new", "old"))


def _print(diagnosis: dict[str, Any], *, as_json: bool, names: tuple[str, str] = ("key", "nearest")) -> None:
    """Print what `Diagnosis.as_dict` returns. `names` are those of its two keys."""
    if as_json:
        print_json(diagnosis)
        return
    say(diagnosis["place"])
    for name, key in zip(names, (diagnosis["key"], diagnosis["nearest"]), strict=True):
        if key:
            say(f"{name:9} {key}")
    if shared := diagnosis["shared_messages"]:
        say(f"same      the first {'message' if shared == 1 else plural(shared, 'message')}")
    for difference in diagnosis["differences"]:
        same = f", same for {difference['same']} characters" if difference["same"] else ""
        say("")
        say(f"{difference['place']}  ({difference['kind']}{same})")
        for mark, value in (("-", difference["old"]), ("+", difference["new"])):
            if value is not None:
                say(f"  {mark} {value}")
    for text in (diagnosis["note"], diagnosis["remedy"]):
        if text:
            say("")
            say(text)


def _explain_file(path: Path, cache_dir: str | None) -> dict[str, Any]:
    from addon.diagnosis import Candidates, Diagnosis, diagnose
    from addon.identity import key_of_saved

    data = _read(path)
    try:
        key = key_of_saved(data, read_settings(cache_dir=cache_dir).identity)
    except CorruptEntry as error:
        raise UsageError(f"{path} is not a saved request: {error}; `show --json` prints one") from error
    label = _label(data)
    with open_store_for_reading(cache_dir) as store:
        if store.get(key) is not None:
            place = f"{label['method']} {label['host']}{label['path']}"
            return Diagnosis(key, place, note="This is a hit").as_dict()
        near = getattr(store, "near", store)
        if not isinstance(near, Candidates):
            raise UsageError(
                "this cache has no index of its requests; name a cache directory on this machine"
            )
        if isinstance(near, DiskStore):
            near.catch_up(_INDEX_SECONDS)
        return diagnose(key, data, label, near).as_dict()


def _label(data: bytes) -> dict[str, str]:
    saved = json.loads(data)
    body = saved["body"]
    value = body.get("value") if isinstance(body, dict) else None
    model = value.get("model") if isinstance(value, dict) else None
    label = {name: str(saved[name])[:200] for name in ("method", "host", "path")}
    return label | ({"model": model[:200]} if isinstance(model, str) else {})


def _read(path: Path) -> bytes:
    """The saved request in the file, which may stand under `request`."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path} is larger than {_MOST_BYTES // 2**20} MiB")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON") from error
    if isinstance(value, dict) and isinstance(value.get("request"), dict):
        return json.dumps(value["request"], ensure_ascii=False).encode("utf-8", "surrogatepass")
    return data


def _miss_of_last_run(short: str) -> dict[str, Any]:
    from addon.report.publishing import read_last_run

    misses: list[dict[str, Any]] = [
        miss for miss in read_last_run(STATE_FOLDER)["missed"] if matches(miss["key"], short)
    ]
    if not misses:
        raise UsageError(
            f"{short!r} is neither a file nor the key of a miss in the last run; see `provider-proxy report`"
        )
    if len(misses) > 1:
        raise UsageError(f"{len(misses)} misses of the last run begin with {short!r}; type more of the key")
    return misses[0]
