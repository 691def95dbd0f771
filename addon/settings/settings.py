"""The settings that users type: their names, defaults and meanings, and all of them parsed.

One row of SETTINGS is one variable, one mitmproxy option, one key of provider-proxy.toml and one line of the
documented table. Raw values are text everywhere; only `Settings.parse` interprets them.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from addon.identity import IdentityRules
from addon.judging.expected_errors import parse_store_errors
from addon.settings.hosts import HostRules, offline_hosts, parse_hosts, quoted
from addon.settings.modes import Mode, parse_mode
from cache_store.errors import MissingExtra, UsageError

__all__ = ["PER_TEST", "REPEATS", "SEQUENCE", "SETTINGS", "SINGLE", "Settings", "check_names", "parse_size"]

_PREFIX = "PROVIDER_PROXY_"
_MEMORY = ":memory:"

SINGLE, SEQUENCE, PER_TEST = REPEATS = ("single", "sequence", "per-test")
"""What equal requests get: one answer; their own, in order, within a test; the same, and each test its own."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `name` as in the file and in options, `default` as text ('' is unset), and its meaning."""

    name: str
    default: str
    meaning: str

    @property
    def variable(self) -> str:
        """The environment variable."""
        return _PREFIX + self.name.upper()

    @property
    def option(self) -> str:
        """The mitmproxy option."""
        return f"provider_proxy_{self.name}"


SETTINGS: tuple[Setting, ...] = (
    Setting("cache_mode", "read-old-write-new", "what may be served and stored: one of the modes"),
    Setting("cache_dir", ".provider-proxy/cache", "the cache directory; `:memory:` keeps nothing on disk"),
    Setting(
        "hosts",
        "",
        "host globs, comma-separated; `*` crosses dots; a `+` at the start adds to the built-in provider list",
    ),
    Setting("listen", "127.0.0.1:8080", "address and port; port 0 is any free one"),
    Setting(
        "names",
        "",
        "more host names by which clients reach the proxy's base URLs, comma-separated; loopback names "
        "and the listen address are known",
    ),
    Setting(
        "origins",
        "",
        "web origins whose pages may use the base URLs, comma-separated, as `http://localhost:3000`",
    ),
    Setting("auth", "", "`user:password` that clients must send; needed to listen beyond loopback"),
    Setting("ignore_headers", "", "more headers left out of the identity, comma-separated"),
    Setting("ignore_query", "", "more query parameters left out of the identity, comma-separated"),
    Setting("ignore_fields", "", "JSON Pointers (`*` is any index or name) left out of JSON bodies"),
    Setting(
        "cache_control",
        "normalise",
        "Anthropic `cache_control` markers in the identity: `normalise` or `exact`",
    ),
    Setting(
        "profile",
        "",
        "`agents`: rules for what coding agents send anew in every run (docs/agents.md), and a miss status of 400",
    ),
    Setting(
        "volatile",
        "",
        "kinds of values without meaning that may differ in every run, wherever a body's text has them: "
        "`uuid`, `hex-id`, `tmp-path`, `tool-call-id`",
    ),
    Setting("volatile_rules", "", "the `[[volatile]]` tables of provider-proxy.toml, as JSON"),
    Setting(
        "follow_ids",
        "false",
        "ids that providers mint (of threads, responses, batches) count as the answer that minted them, and so "
        "follow through a conversation of which a part is recorded again",
    ),
    Setting(
        "folders",
        "",
        "with the agents profile: where agents work, as `cwd=/path,home=/path`; `run` sets it for its command",
    ),
    Setting("save_request", "true", "keep the redacted request beside the response; it explains a miss"),
    Setting(
        "store_errors",
        "",
        "statuses of expected errors to store, e.g. `400,404@api.openai.com` (the latter of this host only); "
        "`in-band`: also errors inside a 2xx",
    ),
    Setting("store_incomplete", "true", "store answers that ended at a token or content limit"),
    Setting("store_pending", "false", "store the states of jobs that are not final, e.g. `in_progress`"),
    Setting(
        "store_media", "false", "store fetched pictures, PDFs and pages from any host, not only a provider's"
    ),
    Setting("allow_secrets_in_responses", "false", "store an answer in which a secret's shape was found"),
    Setting("max_age", "", "seconds; an older entry is a miss"),
    Setting(
        "finish_seconds",
        "60",
        "seconds for which an answer is read on, to be stored, after its client has left; 0 switches it off",
    ),
    Setting("max_body", "64MiB", "a longer answer is relayed and not stored"),
    Setting(
        "coalesce",
        "wait",
        "identical requests in flight in read-write: `wait` for the first one's entry, or `off`",
    ),
    Setting(
        "repeat",
        "single",
        "`sequence`: equal requests of a test (or of a run without tests) have their own answers, in order; "
        "`per-test`: each test has its own recordings as well",
    ),
    Setting(
        "replay",
        "instant",
        "how a stream is replayed: `instant`, `recorded` (with the recorded pauses), or as many times faster as "
        "`2x` or `0.5x` say",
    ),
    Setting("max_pace", "10", "seconds; a replayed pause is not longer than that"),
    Setting(
        "rechunk",
        "",
        "a seed of letters and digits: streams are replayed cut at random places, the same ones for the same seed",
    ),
    Setting(
        "websocket",
        "",
        "WebSockets to intercepted hosts: `record` (default) their sessions and replay them, `pass` them on "
        "unrecorded in modes that forward, or `refuse` them always",
    ),
    Setting(
        "tunnel",
        "pass",
        "`refuse` connections and plain http to hosts that are not intercepted, which are passed on otherwise",
    ),
    Setting(
        "token_endpoints",
        "answer",
        "in read-only-require-hit, `answer` token endpoints and instance metadata with a dummy credential, or "
        "`pass` connections to them",
    ),
    Setting(
        "redis_url",
        "",
        "a Redis or Valkey that many machines share behind their disks, "
        "`redis://user:password@host:6379/0`; `rediss://` is TLS",
    ),
    Setting(
        "remote", "", "a bucket for `push` and `pull`: `s3://bucket/prefix`, `gs://`, `az://` or `file://`"
    ),
    Setting("import", "", "an exported directory that is imported at the start"),
    Setting("faults", "", "the `[[fault]]` tables of provider-proxy.toml, as JSON: faults on demand"),
    Setting("max_live", "", "after this many forwarded requests a run answers as in read-only-require-hit"),
    Setting(
        "max_usd", "", "the same once its live answers cost this many US dollars (needs the extra `prices`)"
    ),
    Setting(
        "strict",
        "",
        "whether a test fails that had a miss though it passed; unset: in read-only-require-hit",
    ),
    Setting("pytest", "on", "`off`: `run` does not hand pytest the plugin that names each test"),
    Setting("miss_status", "", "the status of a require-hit miss: 502, or 400 with the agents profile"),
    Setting("page", "read", "the page at `/-/` that shows the run: `read`, or `off`"),
    Setting(
        "workers", "1", "processes that share the port and the cache (Linux); `auto`: one for each processor"
    ),
)

_IDENTITY = (
    "ignore_headers",
    "ignore_query",
    "ignore_fields",
    "cache_control",
    "profile",
    "volatile",
    "volatile_rules",
    "folders",
)
_READ_BY_THE_WRAPPER = ("PROVIDER_PROXY_WHEELS",)

_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, parsed. Ages are seconds, sizes bytes; `cache_dir` is None for memory only."""

    cache_mode: Mode
    cache_dir: Path | None
    hosts: HostRules
    listen_host: str
    listen_port: int
    auth: str = field(repr=False)
    identity: IdentityRules
    save_request: bool
    store_errors: frozenset[int | str]
    store_incomplete: bool
    store_pending: bool
    store_media: bool
    allow_secrets_in_responses: bool
    max_age: float | None
    finish_seconds: float
    max_body: int
    coalesce: bool
    repeat: str
    websocket: str
    miss_status: int
    refuses_tunnels: bool = False
    answers_tokens: bool = True
    redis_url: str = field(default="", repr=False)
    max_live: int | None = None
    max_usd: Decimal | None = None
    remote: str = ""
    import_dir: Path | None = None
    page: bool = True
    names: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    workers: int | None = 1  # None: as many as there are processors
    strict: bool | None = None  # None: as the mode says
    pytest: bool = True
    replay: float | None = None  # times as fast as recorded; None: without pauses
    max_pace: float = 10.0
    rechunk: str = ""
    follow_ids: bool = False
    faults: str = ""  # valid, as `addon.faults.rules` reads them

    @classmethod
    def parse(cls, raw: Mapping[str, str]) -> Settings:
        """Settings from text by setting name; a missing or blank one has its default.

        Raises UsageError in one line that names the variable and its valid values.
        """
        value = {s.name: (raw.get(s.name) or "").strip() or s.default for s in SETTINGS}
        host, port = _parse_listen(value["listen"])
        if host not in _LOOPBACK and not value["auth"]:
            raise UsageError(
                f"PROVIDER_PROXY_LISTEN={value['listen']} can be reached from other machines; "
                "set PROVIDER_PROXY_AUTH=user:password or listen on 127.0.0.1"
            )
        if value["auth"] and ":" not in value["auth"].strip(":"):
            raise UsageError("PROVIDER_PROXY_AUTH takes user:password")
        value["miss_status"] = value["miss_status"] or ("400" if value["profile"] else "502")
        return cls(
            cache_mode=_of("cache_mode", value, parse_mode),
            cache_dir=None if value["cache_dir"] == _MEMORY else Path(value["cache_dir"]).expanduser(),
            hosts=parse_hosts(value["hosts"]),
            listen_host=host,
            listen_port=port,
            auth=value["auth"],
            identity=_identity_rules(value),
            save_request=_of("save_request", value, _parse_bool),
            store_errors=_of("store_errors", value, parse_store_errors),
            store_incomplete=_of("store_incomplete", value, _parse_bool),
            store_pending=_of("store_pending", value, _parse_bool),
            store_media=_of("store_media", value, _parse_bool),
            allow_secrets_in_responses=_of("allow_secrets_in_responses", value, _parse_bool),
            max_age=_of("max_age", value, _parse_age),
            finish_seconds=_of("finish_seconds", value, _parse_age) or 0.0,
            max_body=_of("max_body", value, parse_size),
            coalesce=_one_of("coalesce", value, ("wait", "off")) == "wait",
            repeat=_one_of("repeat", value, REPEATS),
            websocket=_one_of("websocket", value, ("", "record", "pass", "refuse")),
            refuses_tunnels=_one_of("tunnel", value, ("pass", "refuse")) == "refuse",
            answers_tokens=_one_of("token_endpoints", value, ("answer", "pass")) == "answer",
            max_live=_of("max_live", value, _parse_count),
            max_usd=_of("max_usd", value, _parse_usd),
            miss_status=_of("miss_status", value, _parse_status),
            redis_url=value["redis_url"],
            remote=value["remote"],
            import_dir=Path(value["import"]).expanduser() if value["import"] else None,
            workers=_of("workers", value, _parse_workers),
            page=_one_of("page", value, ("read", "off")) == "read",
            names=_of("names", value, _parse_names) | {host.lower()},
            origins=_of("origins", value, _parse_origins),
            strict=_of("strict", value, _parse_bool) if value["strict"] else None,
            pytest=_of("pytest", value, _parse_bool),
            replay=_of("replay", value, _parse_speed),
            max_pace=_of("max_pace", value, _parse_age) or 0.0,
            rechunk=_of("rechunk", value, _parse_seed),
            follow_ids=_of("follow_ids", value, _parse_bool),
            faults=_of("faults", value, _parse_faults),
        )

    @property
    def offline_hosts(self) -> HostRules:
        """The further hosts that are intercepted in a mode that forwards nothing."""
        return offline_hosts(tokens=self.answers_tokens)

    @property
    def records_websockets(self) -> bool:
        """Whether WebSocket sessions are recorded and replayed."""
        return self.websocket in ("", "record")

    def websocket_passes(self, mode: Mode) -> bool:
        """Whether a WebSocket upgrade that is not recorded goes through to the provider."""
        return mode.forwards and self.websocket != "refuse"


def check_names(environ: Mapping[str, str]) -> None:
    """Raise UsageError for an unknown PROVIDER_PROXY_* variable, with the nearest known one.

    A misspelled variable would otherwise be ignored silently.
    """
    known = [setting.variable for setting in SETTINGS]
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in (*known, *_READ_BY_THE_WRAPPER):
            raise UsageError(unknown_name(name, known))


def unknown_name(name: str, known: list[str]) -> str:
    """The message for a name that is not in `known`, with the nearest one that is."""
    # A part of a name beats another name of similar length: MODE means CACHE_MODE, not REMOTE.
    part = name.removeprefix(_PREFIX).lower().replace("-", "_")
    whole = [k for k in known if part in k.removeprefix(_PREFIX).lower().split("_")]
    nearest = whole or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known settings: {', '.join(known)}"
    return f"{name} is not a setting of provider-proxy; {hint}"


def _of[T](name: str, value: Mapping[str, str], parse: Callable[[str], T]) -> T:
    variable = _BY_NAME[name].variable
    try:
        return parse(value[name])
    except UsageError as error:
        message = str(error)
        raise UsageError(message if variable in message else f"{variable}: {message}") from error
    except ValueError as error:
        raise UsageError(f"{variable}: {value[name]!r} {error}") from error


def _identity_rules(value: Mapping[str, str]) -> IdentityRules:
    try:
        return IdentityRules.parse(**{name: value[name] for name in _IDENTITY})
    except UsageError as error:
        message = str(error)  # it names the setting without the variable's prefix
        raise UsageError(message if _PREFIX in message else _PREFIX + message) from error


def _one_of(name: str, value: Mapping[str, str], valid: tuple[str, ...]) -> str:
    text = value[name].lower()
    if text not in valid:
        names = " or ".join(v for v in valid if v)
        raise UsageError(f"{_BY_NAME[name].variable}: {value[name]!r} is not known; use {names}")
    return text


def _parse_listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = ("127.0.0.1", text) if text.isdigit() else (text, "8080")
    if not port.isdecimal() or int(port) > 65535 or not host or "@" in host:
        raise UsageError(
            f"PROVIDER_PROXY_LISTEN: {quoted(text)} is not an address; write 127.0.0.1:8080 or 127.0.0.1:0"
        )
    return host.strip("[]"), int(port)


def _parse_names(text: str) -> frozenset[str]:
    names = [name.strip().lower().strip("[]").removesuffix(".") for name in text.split(",") if name.strip()]
    if not all(re.fullmatch(r"[^\s/?#@:]+|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*", name) for name in names):
        raise ValueError("is not a list of host names; write gateway.internal,proxy")
    return frozenset(names)


def _parse_origins(text: str) -> frozenset[str]:
    origins = [origin.strip().lower().removesuffix("/") for origin in text.split(",") if origin.strip()]
    if not all(re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+", origin) for origin in origins):
        raise ValueError("is not a list of web origins; write http://localhost:3000")
    return frozenset(origins)


def _parse_bool(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("is not a boolean; write true or false")


def _parse_count(text: str) -> int | None:
    if text and not re.fullmatch(r"\d{1,12}", text):
        raise ValueError("is not a valid request count; write a whole number")
    return int(text) if text else None


def _parse_workers(text: str) -> int | None:
    if text.lower() == "auto":
        return None
    if not re.fullmatch(r"[1-9]|[1-5]\d|6[0-4]", text):
        raise ValueError("is not a valid number of processes; write 1 to 64, or auto")
    return int(text)


def _parse_usd(text: str) -> Decimal | None:
    if text and not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        raise ValueError("is not an amount of US dollars; write 0.50")
    if text and importlib.util.find_spec("genai_prices") is None:
        raise MissingExtra("PROVIDER_PROXY_MAX_USD needs", "prices")
    return Decimal(text) if text else None


def _parse_speed(text: str) -> float | None:
    if text.lower() == "instant":
        return None
    if text.lower() == "recorded":
        return 1.0
    match = re.fullmatch(r"(\d{1,4}(?:\.\d{1,3})?)x", text.lower())
    if not match or not float(match[1]):
        raise ValueError(
            "is not a way to replay a stream; write instant, recorded, or a speed such as 2x or 0.5x"
        )
    return float(match[1])


def _parse_seed(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,64}", text):
        raise ValueError("is not a seed; write up to 64 letters, digits, `.`, `_` or `-`")
    return text


def _parse_age(text: str) -> float | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{1,12}(\.\d+)?", text):
        raise ValueError("is not a number of seconds")
    return float(text)


_UNITS = {"k": 10**3, "kib": 2**10, "m": 10**6, "mib": 2**20, "g": 10**9, "gib": 2**30}
_UNITS |= {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def parse_size(text: str) -> int:
    """Bytes, from a text such as `500000`, `64MiB` or `1GB`. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,12})\s*([a-z]*)", text.lower())
    if not match or match.group(2) not in _UNITS:
        raise ValueError("is no size; write 500000, 64MiB or 1GB")
    return int(match.group(1)) * _UNITS[match.group(2)]


def _parse_faults(text: str) -> str:
    """`text` unchanged. Raises UsageError where it holds no valid rules."""
    if text:
        from addon.faults.rules import parse_rules

        parse_rules(text)
    return text


def _parse_status(text: str) -> int:
    if not re.fullmatch(r"[45]\d\d", text):
        raise ValueError("is not an error status; write one from 400 to 599")
    return int(text)
