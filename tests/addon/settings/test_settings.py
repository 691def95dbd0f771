"""The settings that users type."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from addon.identity import IdentityRules
from addon.settings.modes import Mode
from addon.settings.settings import SETTINGS, Settings, check_names, unknown_name
from cache_store.errors import UsageError

# design, 4.4, as far as this version has them
DEFAULTS = {
    "PROVIDER_PROXY_CACHE_MODE": "read-old-write-new",
    "PROVIDER_PROXY_CACHE_DIR": ".provider-proxy/cache",
    "PROVIDER_PROXY_HOSTS": "",
    "PROVIDER_PROXY_VOLATILE": "",
    "PROVIDER_PROXY_VOLATILE_RULES": "",
    "PROVIDER_PROXY_LISTEN": "127.0.0.1:8080",
    "PROVIDER_PROXY_NAMES": "",
    "PROVIDER_PROXY_ORIGINS": "",
    "PROVIDER_PROXY_AUTH": "",
    "PROVIDER_PROXY_IGNORE_HEADERS": "",
    "PROVIDER_PROXY_IGNORE_QUERY": "",
    "PROVIDER_PROXY_IGNORE_FIELDS": "",
    "PROVIDER_PROXY_CACHE_CONTROL": "normalise",
    "PROVIDER_PROXY_PROFILE": "",
    "PROVIDER_PROXY_FOLLOW_IDS": "false",
    "PROVIDER_PROXY_SAVE_REQUEST": "true",
    "PROVIDER_PROXY_STORE_ERRORS": "",
    "PROVIDER_PROXY_STORE_INCOMPLETE": "true",
    "PROVIDER_PROXY_STORE_PENDING": "false",
    "PROVIDER_PROXY_STORE_MEDIA": "false",
    "PROVIDER_PROXY_ALLOW_SECRETS_IN_RESPONSES": "false",
    "PROVIDER_PROXY_MAX_AGE": "",
    "PROVIDER_PROXY_FINISH_SECONDS": "60",
    "PROVIDER_PROXY_MAX_BODY": "64MiB",
    "PROVIDER_PROXY_COALESCE": "wait",
    "PROVIDER_PROXY_REPEAT": "single",
    "PROVIDER_PROXY_FOLDERS": "",
    "PROVIDER_PROXY_REPLAY": "instant",
    "PROVIDER_PROXY_MAX_PACE": "10",
    "PROVIDER_PROXY_RECHUNK": "",
    "PROVIDER_PROXY_WEBSOCKET": "",
    "PROVIDER_PROXY_TUNNEL": "pass",
    "PROVIDER_PROXY_TOKEN_ENDPOINTS": "answer",
    "PROVIDER_PROXY_REDIS_URL": "",
    "PROVIDER_PROXY_REMOTE": "",
    "PROVIDER_PROXY_IMPORT": "",
    "PROVIDER_PROXY_FAULTS": "",
    "PROVIDER_PROXY_MAX_LIVE": "",
    "PROVIDER_PROXY_MAX_USD": "",
    "PROVIDER_PROXY_STRICT": "",
    "PROVIDER_PROXY_PYTEST": "on",
    "PROVIDER_PROXY_MISS_STATUS": "",
    "PROVIDER_PROXY_PAGE": "read",
    "PROVIDER_PROXY_WORKERS": "1",
}


def _parse(**raw: str) -> Settings:
    return Settings.parse(raw)


def test_the_settings_are_those_of_the_design() -> None:
    """Every variable of the design with its default, and no other."""
    assert {setting.variable: setting.default for setting in SETTINGS} == DEFAULTS


def test_a_setting_is_a_variable_and_an_option() -> None:
    """Both names come from the one."""
    setting = next(setting for setting in SETTINGS if setting.name == "cache_mode")
    assert (setting.variable, setting.option) == ("PROVIDER_PROXY_CACHE_MODE", "provider_proxy_cache_mode")


def test_the_defaults() -> None:
    """Nothing set gives the documented defaults."""
    settings = _parse()
    assert settings.cache_mode is Mode.READ_OLD_WRITE_NEW
    assert settings.cache_dir == Path(".provider-proxy/cache")
    assert settings.hosts.match("api.openai.com", 443)
    assert (settings.listen_host, settings.listen_port, settings.auth) == ("127.0.0.1", 8080, "")
    assert settings.identity == IdentityRules.parse()
    assert (settings.save_request, settings.store_errors, settings.store_incomplete) == (
        True,
        frozenset(),
        True,
    )
    assert settings.allow_secrets_in_responses is False
    assert (settings.max_age, settings.max_body) == (None, 64 * 2**20)
    assert (settings.coalesce, settings.repeat, settings.websocket) == (True, "single", "")
    assert settings.miss_status == 502


def test_blank_is_the_default() -> None:
    """A variable that is set to nothing, or to blanks, is as good as not set."""
    assert Settings.parse({setting.name: " " for setting in SETTINGS}) == _parse()


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("cache_mode", "READ_ONLY", "cache_mode", Mode.READ_ONLY),
        ("cache_mode", "on", "cache_mode", Mode.READ_WRITE),
        ("cache_dir", "/tmp/x", "cache_dir", Path("/tmp/x")),
        ("cache_dir", ":memory:", "cache_dir", None),
        ("cache_dir", "~/x", "cache_dir", Path("~/x").expanduser()),
        ("listen", "127.0.0.1:0", "listen_port", 0),
        ("listen", "9000", "listen_port", 9000),
        ("listen", "9000", "listen_host", "127.0.0.1"),
        ("listen", "localhost:65535", "listen_port", 65535),
        ("listen", "localhost", "listen_port", 8080),
        ("listen", "[::1]:81", "listen_host", "::1"),
        ("auth", "user:pass:word", "auth", "user:pass:word"),
        ("save_request", "No", "save_request", False),
        ("save_request", "1", "save_request", True),
        ("store_incomplete", "off", "store_incomplete", False),
        ("store_pending", "on", "store_pending", True),
        ("store_media", "1", "store_media", True),
        ("store_errors", "404,In-Band", "store_errors", frozenset({404, "in-band"})),
        ("allow_secrets_in_responses", "YES", "allow_secrets_in_responses", True),
        ("store_errors", "400, 404", "store_errors", frozenset({400, 404})),
        ("max_age", "0", "max_age", 0.0),
        ("max_age", "1.5", "max_age", 1.5),
        ("max_body", "0", "max_body", 0),
        ("max_body", "500000", "max_body", 500_000),
        ("max_body", "2 kib", "max_body", 2048),
        ("max_body", "1GB", "max_body", 10**9),
        ("max_body", "3m", "max_body", 3_000_000),
        ("coalesce", "OFF", "coalesce", False),
        ("repeat", "sequence", "repeat", "sequence"),
        ("repeat", "Per-Test", "repeat", "per-test"),
        ("websocket", "Refuse", "websocket", "refuse"),
        ("replay", "Instant", "replay", None),
        ("replay", "recorded", "replay", 1.0),
        ("replay", "2X", "replay", 2.0),
        ("replay", "0.25x", "replay", 0.25),
        ("max_pace", "0", "max_pace", 0.0),
        ("max_pace", "2.5", "max_pace", 2.5),
        ("rechunk", "run-7.a_B", "rechunk", "run-7.a_B"),
        ("miss_status", "404", "miss_status", 404),
        ("profile", "agents", "miss_status", 400),
    ],
)
def test_a_good_value_is_read(name: str, text: str, field: str, value: Any) -> None:
    """Each setting reads what its line in the table says."""
    assert getattr(_parse(**{name: text}), field) == value


def test_a_miss_status_that_is_set_beats_the_profiles() -> None:
    """The profile changes a default, nothing else."""
    assert _parse(profile="agents", miss_status="503").miss_status == 503


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cache_mode", "sometimes"),
        ("hosts", "a b"),
        ("listen", "127.0.0.1:port"),
        ("listen", "127.0.0.1:65536"),
        ("listen", "127.0.0.1:-1"),
        ("listen", ":8080"),
        ("listen", "[::1]"),
        ("listen", "²"),
        ("auth", "user"),
        ("auth", "user:"),
        ("auth", ":password"),
        ("ignore_headers", "a header"),
        ("ignore_query", "a=b"),
        ("ignore_fields", "no-pointer"),
        ("cache_control", "maybe"),
        ("profile", "robots"),
        ("save_request", "maybe"),
        ("store_errors", "500"),
        ("store_errors", "many"),
        ("store_incomplete", "2"),
        ("allow_secrets_in_responses", "sure"),
        ("max_age", "-1"),
        ("max_age", "1h"),
        ("max_age", "nan"),
        ("max_age", "inf"),
        ("max_age", "1e5"),
        ("max_body", "64 parsecs"),
        ("max_body", "-1"),
        ("max_body", "1.5MiB"),
        ("coalesce", "live"),
        ("repeat", "often"),
        ("websocket", "maybe"),
        ("replay", "slowly"),
        ("replay", "2"),
        ("replay", "0x"),
        ("replay", "0.0x"),
        ("replay", "-1x"),
        ("replay", "1e3x"),
        ("max_pace", "-1"),
        ("rechunk", "a b"),
        ("rechunk", "x" * 65),
        ("miss_status", "200"),
        ("miss_status", "600"),
        ("miss_status", "abc"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(name: str, text: str) -> None:
    """Any error is a UsageError in one line, with the variable's whole name."""
    with pytest.raises(UsageError) as refused:
        _parse(**{name: text})
    assert f"PROVIDER_PROXY_{name.upper()}" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8080", "192.168.0.7:8080", "[::]:8080", "example.com:80", "0.0.0.0"]
)
def test_beyond_loopback_needs_a_password(listen: str) -> None:
    """Other machines could use the user's keys, so without AUTH it does not start."""
    with pytest.raises(UsageError, match="PROVIDER_PROXY_AUTH=user:password"):
        _parse(listen=listen)
    assert _parse(listen=listen, auth="user:password").auth == "user:password"


def test_sessions_are_recorded_unless_a_setting_says_otherwise() -> None:
    """That is the default."""
    recorded = [_parse(websocket=name).records_websockets for name in ("", "record", "pass", "refuse")]
    assert recorded == [True, True, False, False]


@pytest.mark.parametrize(
    ("mode", "websocket", "passes"),
    [
        (Mode.READ_WRITE, "", True),
        (Mode.READ_WRITE, "pass", True),
        (Mode.READ_WRITE, "refuse", False),
        (Mode.OFF, "refuse", False),
        (Mode.REQUIRE_HIT, "", False),
        (Mode.REQUIRE_HIT, "pass", False),
    ],
)
def test_websockets_pass_where_the_mode_forwards(mode: Mode, websocket: str, passes: bool) -> None:
    """`refuse` refuses always; no setting lets an upgrade through where nothing may be sent."""
    assert _parse(websocket=websocket).websocket_passes(mode) is passes


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hosts", "https://user:PASSWORD@h.example"),
        ("hosts", "PASSWORD@h@h"),
        ("listen", "user:PASSWORD@127.0.0.1:0"),
        ("listen", "user:PASSWORD@[::1]"),
        ("auth", "PASSWORD"),
    ],
)
def test_a_password_in_the_wrong_place_is_not_repeated(name: str, text: str) -> None:
    """The message names the variable and not what may be a password."""
    with pytest.raises(UsageError, match=f"^PROVIDER_PROXY_{name.upper()}\\b") as caught:
        Settings.parse({name: text})
    assert "PASSWORD" not in str(caught.value)


def test_no_password_is_shown() -> None:
    """Settings can be printed."""
    settings = Settings.parse({"auth": "user:PASSWORD", "redis_url": "redis://user:PASSWORD@h:1/0"})
    assert settings.auth == "user:PASSWORD"
    assert "PASSWORD" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PROVIDER_PROXY_CACHEMODE", "PROVIDER_PROXY_CACHE_MODE"),
        ("PROVIDER_PROXY_MODE", "PROVIDER_PROXY_CACHE_MODE"),
        ("PROVIDER_PROXY_HOST", "PROVIDER_PROXY_HOSTS"),
        ("PROVIDER_PROXY_IGNORE_HEADER", "PROVIDER_PROXY_IGNORE_HEADERS"),
        ("PROVIDER_PROXY_MAXAGE", "PROVIDER_PROXY_MAX_AGE"),
    ],
)
def test_an_unknown_variable_names_the_nearest(name: str, nearest: str) -> None:
    """A misspelled variable would be ignored in silence: it stops the start."""
    with pytest.raises(UsageError, match=f"{name} .*did you mean {nearest}"):
        check_names({"PATH": "/bin", name: "x"})


def test_known_and_foreign_variables_pass() -> None:
    """Every variable of the table, that of run-proxy.sh, and whatever does not begin with our prefix."""
    others = {"PATH": "x", "PROVIDER_X": "x", "PROVIDER_PROXY_WHEELS": "x"}
    check_names(dict.fromkeys(DEFAULTS, "x") | others)


def test_a_name_that_is_near_nothing_lists_what_is_known() -> None:
    """Without a near one the message names them all."""
    assert "known settings: alpha, beta" in unknown_name("zzzzz", ["alpha", "beta"])


def test_every_setting_is_read() -> None:
    """No setting is accepted and then dropped: each changes the parsed whole."""
    other = {
        "cache_mode": "off",
        "cache_dir": "x",
        "hosts": "x",
        "listen": "127.0.0.1:1",
        "auth": "a:b",
        "names": "a",
        "origins": "http://a",
        "ignore_headers": "x-a",
        "ignore_query": "a",
        "ignore_fields": "/a",
        "cache_control": "exact",
        "profile": "agents",
        "save_request": "false",
        "store_errors": "404",
        "store_incomplete": "false",
        "store_pending": "true",
        "store_media": "true",
        "allow_secrets_in_responses": "true",
        "max_age": "1",
        "finish_seconds": "1",
        "max_body": "1",
        "coalesce": "off",
        "repeat": "sequence",
        "websocket": "pass",
        "replay": "recorded",
        "max_pace": "1",
        "rechunk": "7",
        "strict": "false",
        "pytest": "off",
        "tunnel": "refuse",
        "token_endpoints": "pass",
        "miss_status": "404",
        "redis_url": "redis://localhost",
        "remote": "s3://bucket/prefix",
        "import": "x",
        "max_live": "5",
        "max_usd": "1",
        "workers": "2",
        "follow_ids": "true",
        "volatile": "uuid",
        "volatile_rules": '[{"name": "a", "header": "x-a", "host": "h", "path": "/v1", "regex": "a=([0-9]+)"}]',
        "faults": '[{"kind": "reset"}]',
        "folders": "cwd=/a/b",
        "page": "off",
    }
    assert set(other) == {setting.name for setting in SETTINGS}
    for name, text in other.items():
        given = {"profile": "agents"} if name == "folders" else {}
        default, changed = _parse(**given), _parse(**{name: text, **given})
        assert any(getattr(changed, f.name) != getattr(default, f.name) for f in fields(Settings)), name


@pytest.mark.parametrize(("text", "workers"), [("", 1), ("1", 1), ("2", 2), ("64", 64), ("auto", None)])
def test_workers(text: str, workers: int | None) -> None:
    """A number of processes, or None for one per processor."""
    assert _parse(workers=text).workers == workers


@pytest.mark.parametrize("text", ["0", "65", "-1", "1.5", "two", "100"])
def test_an_invalid_number_of_workers(text: str) -> None:
    """An invalid number is refused with the valid ones."""
    with pytest.raises(UsageError, match=r"PROVIDER_PROXY_WORKERS: .*write 1 to 64, or auto"):
        _parse(workers=text)


def test_the_proxys_own_names_and_origins() -> None:
    """The listen address is a name; letter case, brackets, a final dot and a final slash do not matter."""
    settings = _parse(
        names="Gateway.internal., [FD00::1]", origins="http://LOCALHOST:3000/, https://app.example"
    )
    assert settings.names == {"127.0.0.1", "gateway.internal", "fd00::1"}
    assert settings.origins == {"http://localhost:3000", "https://app.example"}
    assert _parse().names == {"127.0.0.1"}


@pytest.mark.parametrize(
    "raw",
    [{"names": "http://a"}, {"names": "a:80"}, {"origins": "localhost:3000"}, {"origins": "http://a/b"}],
)
def test_what_is_not_a_name_or_an_origin_is_refused(raw: dict[str, str]) -> None:
    """The message says which form is wanted."""
    with pytest.raises(UsageError, match="is not a list of"):
        _parse(**raw)


def test_fault_rules_are_read_at_the_start() -> None:
    """A rule that is not valid stops it."""
    with pytest.raises(
        UsageError, match=r"PROVIDER_PROXY_FAULTS: fault rule 1: `nht` is not a value of reset;"
    ):
        _parse(faults='[{"kind": "reset", "nht": 1}]')
