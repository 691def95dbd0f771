"""A pytest plugin: it tells provider-proxy which test runs, and reports what became of each test's requests.

`provider-proxy run` hands it to pytest; where provider-proxy is installed, pytest finds it by its entry point. It
runs in the user's environment: Python 3.8 or newer, pytest 7 or newer, the standard library, nothing else of ours.
It has no command-line options, because pytest refuses the options of a plugin that is not loaded, and nothing that
goes wrong here may break a suite.

Each process that runs tests is a client of its own. Its name is put into the proxy URL of its own environment, so
every request carries it. `docs/tests.md` describes the endpoint that is told about tests.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, MutableMapping

__all__ = ["ProviderProxy"]

_NAME = "provider_proxy_pytest"
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
_PROXY_ADDRESS = "_PROVIDER_PROXY_OUTER"
# Set while a process tells the proxy about its tests: to the client's name, or to `_WORKERS` for the workers of
# pytest-xdist. A pytest that a test starts finds it and stays silent: its requests belong to that test.
_CLIENT = "_PROVIDER_PROXY_TESTS"
_WORKERS = "workers"
_STRICT = "PROVIDER_PROXY_STRICT"
_STRICT_OF_RUN = "_PROVIDER_PROXY_STRICT"
_SECONDS = "_PROVIDER_PROXY_TESTS_SECONDS"  # for tests of ours on a loaded machine
_REQUIRE_HIT = "read-only-require-hit"
_TESTS = "provider_proxy_pytest.tests"
_MARK = (
    "provider_proxy(mode=None, allow_misses=False, repeat=None, faults=None): the cache mode of this test, whether "
    "it may miss, how its equal requests are told apart, and the faults that it gets"
)
_OF_USER_NAMES = "ignore:BasicAuth is deprecated:DeprecationWarning"
_LONGEST_LINE = 400
_MOST_LINES = 5
_LARGEST_ANSWER = 16 * 1024 * 1024
_ENVIRONMENT = pytest.StashKey["_Environment"]()


# -- hooks of the module: whether this process tells the proxy its tests ------


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start before a conftest can make a client: some clients read the proxy's URL when they are made."""
    _start(early_config)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, also where there is no proxy."""
    config.addinivalue_line("markers", _MARK)
    _start(config)
    if config.pluginmanager.has_plugin(_TESTS):
        _allow_user_names(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Let the workers of pytest-xdist find the plugin. This process runs no tests then."""
    config.stash[_ENVIRONMENT].prepare_workers()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the process its environment back."""
    tests = config.pluginmanager.get_plugin(_TESTS)
    if tests is not None:
        config.pluginmanager.unregister(tests)
        tests.stop()
    if _ENVIRONMENT in config.stash:
        config.stash[_ENVIRONMENT].restore()


@pytest.fixture
def provider_proxy(request: pytest.FixtureRequest) -> ProviderProxy:
    """What provider-proxy knows of this test, and how it treats it. Skips the test where no proxy runs."""
    tests = request.config.pluginmanager.get_plugin(_TESTS)
    if tests is None:
        pytest.skip("only provider-proxy knows what a test sends; run it with `provider-proxy run -- pytest`")
    return ProviderProxy(tests)


def _start(config: pytest.Config) -> None:
    if _ENVIRONMENT in config.stash:
        return
    environment = config.stash[_ENVIRONMENT] = _Environment(os.environ)
    environment.hide_plugin()
    proxy = None if os.environ.get("PROVIDER_PROXY_PYTEST", "").lower() == "off" else _proxy(os.environ)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    told = os.environ.get(_CLIENT)
    if proxy is None or (told is not None and not (told == _WORKERS and worker)):
        return
    # A second pytest of the run may have a worker gw0, too.
    client = "{}.{}".format(worker or "main", os.urandom(4).hex())
    environment.name_client(client, proxy)
    config.pluginmanager.register(_Tests(config, environment, client, _Control(proxy)), _TESTS)


def _allow_user_names(config: pytest.Config) -> None:
    """Keep a suite that makes warnings errors from failing of the user name in the proxy's URL.

    httpx-aiohttp makes a `BasicAuth` of it, which aiohttp 3.14 deprecates.
    """
    config.addinivalue_line("filterwarnings", _OF_USER_NAMES)
    options = getattr(config.known_args_namespace, "pythonwarnings", None)
    if options:
        options.append(_OF_USER_NAMES)  # `-W` comes after the configuration


# -- the environment ----------------------------------------------------------


class _Proxy:
    """The proxy that the environment names; `userinfo` is '' or `user:password`, percent-encoded."""

    def __init__(self, address: str, userinfo: str) -> None:
        host, _, port = address.rpartition(":")
        self.address, self.userinfo = address, userinfo
        self.host, self.port = host.strip("[]"), int(port)


def _proxy(environ: MutableMapping[str, str]) -> _Proxy | None:
    """provider-proxy as the environment names it, or None."""
    wanted = environ.get(_PROXY_ADDRESS, "")
    if not wanted.rpartition(":")[2].isdigit():
        return None
    for name in _PROXY_VARIABLES:
        userinfo, _, address = environ.get(name, "").partition("://")[2].rstrip("/").rpartition("@")
        if address == wanted:
            return _Proxy(address, userinfo)
    return None


def _is_plugins_folder(path: str) -> bool:
    """Whether it is the folder that holds nothing but the plugin. (Installed, it lies in site-packages as well.)"""
    return os.path.basename(path) == "for_pytest" and os.path.isfile(os.path.join(path, f"{_NAME}.py"))


class _Environment:
    """Changes an environment, and undoes that."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self._before: dict[str, str | None] = {}

    def hide_plugin(self) -> None:
        """Take the plugin out of both variables: a child may keep the one that names it and lose the other."""
        self._take_out("PYTEST_PLUGINS", ",", lambda part: part.strip() == _NAME)
        self._take_out("PYTHONPATH", os.pathsep, _is_plugins_folder)

    def _take_out(self, name: str, separator: str, goes: Callable[[str], bool]) -> None:
        parts = self._environ.get(name, "").split(separator)
        kept = [part for part in parts if not goes(part)]
        if len(kept) < len(parts):
            self._set(name, separator.join(kept) if kept else None)

    def name_client(self, client: str, proxy: _Proxy) -> None:
        """Put the client's name into every URL of the proxy. A user name without a password is not sent by all."""
        userinfo = f"{client}+{proxy.userinfo}" if proxy.userinfo else f"{client}:x"
        door, named_door = (f"http://{proxy.address}/{way}" for way in ("http", f"@{client}/http"))
        for name, value in list(self._environ.items()):
            before, scheme, rest = value.partition("://")
            if name in _PROXY_VARIABLES and scheme and rest.rstrip("/").rpartition("@")[2] == proxy.address:
                self._set(name, f"{before}://{userinfo}@{proxy.address}")
            elif value.startswith(door):
                self._set(name, named_door + value[len(door) :])
        self._set(_CLIENT, client)

    def prepare_workers(self) -> None:
        """Let the workers of pytest-xdist, which start with this environment, find the plugin and be clients."""
        self.restore()
        if self._environ.get(_CLIENT) is None:
            self._set(_CLIENT, _WORKERS)

    def name_no_client(self) -> None:
        """Take the client's name out of the URLs again."""
        self.restore(kept=("PYTEST_PLUGINS", "PYTHONPATH", _CLIENT))

    def restore(self, kept: tuple[str, ...] = ()) -> None:
        """Undo every change but those of the names in `kept`."""
        for name in [name for name in self._before if name not in kept]:
            self._put(name, self._before.pop(name))

    def _set(self, name: str, value: str | None) -> None:
        self._before.setdefault(name, self._environ.get(name))
        self._put(name, value)

    def _put(self, name: str, value: str | None) -> None:
        if value is None:
            self._environ.pop(name, None)
        else:
            self._environ[name] = value


# -- the control endpoint -----------------------------------------------------


class _Refused(Exception):
    """The proxy has answered with an error; the message is the proxy's."""

    def __init__(self, status: int, answer: bytes, loads: Callable[[str], Any]) -> None:
        self.status = status
        try:
            message = loads(answer.decode("utf-8", "replace"))["error"]["message"]
        except (ValueError, LookupError, TypeError):
            message = f"status {status}"
        super().__init__(str(message).partition("provider-proxy: ")[2] or message)


class _Control:
    """A connection to the proxy's own address.

    A plain socket: a test may have replaced or patched every HTTP client. It may have replaced functions, too, so
    those that are needed are bound here, before any test runs.
    """

    def __init__(self, proxy: _Proxy) -> None:
        import base64
        import json
        import socket
        import threading
        import time
        from urllib.parse import unquote

        self._proxy = proxy
        self._dumps, self._loads, self._monotonic = json.dumps, json.loads, time.monotonic
        self._socket_class = socket.socket  # pytest-socket replaces it while a test runs
        self._socket: Any = None
        self._has_answered = False
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._seconds = float(os.environ.get(_SECONDS) or 0.2)
        lines = [f"host: {proxy.address}", "accept: application/json"]
        if proxy.userinfo:
            credentials = base64.b64encode(unquote(proxy.userinfo).encode()).decode()
            lines += ["authorization: Basic " + credentials, "proxy-authorization: Basic " + credentials]
        self._head = "".join(f"{line}\r\n" for line in lines)

    def call(self, method: str, path: str, value: object = None, *, seconds: float = 0.0) -> Any:
        """The JSON answer of the endpoint, None if it is empty.

        Raises _Refused, and OSError or ValueError if there is no answer in time or none of this protocol.
        """
        import socket

        body = b"" if value is None else self._dumps(value).encode()
        head = "{} {} HTTP/1.1\r\n{}content-type: application/json\r\ncontent-length: {}\r\n\r\n"
        sent = head.format(method, path, self._head, len(body)).encode() + body
        # A proxy that has just started may still be loading what it answers with.
        seconds = max(seconds, self._seconds, 0.0 if self._has_answered else 2.0)
        with self._lock:
            try:
                status, answer = self._exchange(sent, self._monotonic() + seconds)
            except (TimeoutError, socket.timeout):
                if seconds > self._seconds:
                    raise
                # On a busy machine, single calls take long. All calls may be repeated.
                status, answer = self._exchange(sent, self._monotonic() + seconds)
        self._has_answered = True
        if status >= 400:
            raise _Refused(status, answer, self._loads)
        return self._loads(answer.decode("utf-8", "replace")) if answer else None

    def close(self) -> None:
        """Close the connection; one of a parent process is left to the parent."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def _exchange(self, sent: bytes, until: float) -> tuple[int, bytes]:
        if self._pid != os.getpid():  # pytest-forked
            self._pid = os.getpid()
            self.close()
        fresh = self._socket is None
        try:
            return self._send(sent, until)
        except ConnectionError:
            self.close()
            if fresh:
                raise
        except BaseException:
            self.close()  # an answer that comes late must not be taken for the next one
            raise
        return self._exchange(sent, until)

    def _send(self, sent: bytes, until: float) -> tuple[int, bytes]:
        import socket

        if self._socket is None:
            family, kind, number, _, address = socket.getaddrinfo(
                self._proxy.host, self._proxy.port, type=socket.SOCK_STREAM
            )[0]
            self._socket = self._socket_class(family, kind, number)
            self._wait(until)
            self._socket.connect(address)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait(until)
        self._socket.sendall(sent)
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            self._receive(received, until)
            if len(received) > _LARGEST_ANSWER:
                raise ValueError("an answer without an end")
        lines = bytes(received[:end]).decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        fields = dict(line.lower().replace(" ", "").split(":", 1) for line in lines[1:] if ":" in line)
        length = 0 if status == 204 else int(fields.get("content-length", -1))
        if not 0 <= length <= _LARGEST_ANSWER:
            raise ValueError("an answer of unknown length")
        while len(received) < end + 4 + length:
            self._receive(received, until)
        if fields.get("connection") == "close":
            self.close()
        return status, bytes(received[end + 4 : end + 4 + length])

    def _receive(self, received: bytearray, until: float) -> None:
        self._wait(until)
        part = self._socket.recv(65536)
        if not part:
            raise ConnectionError("the proxy has closed the connection")
        received += part

    def _wait(self, until: float) -> None:
        seconds = until - self._monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(seconds)


# -- the fixture --------------------------------------------------------------


class ProviderProxy:
    """The fixture `provider_proxy`."""

    def __init__(self, tests: _Tests) -> None:
        self._tests = tests

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What this test has sent so far, in order: each request as the proxy saves it, without credentials.

        A request has `key`, `method`, `host`, `path`, `query`, `headers` and `body`; a JSON body is under
        `body["value"]`. One that the cache was not asked about has `bypass`, which says why, `method` and `host`.
        Fails the test if the proxy has not kept them all.
        """
        sent = self._tests.ask("/requests")
        if sent.get("more"):
            pytest.fail(
                "provider-proxy has not kept every request of this test: they are too many", pytrace=False
            )
        return _rows(sent, "requests")

    @property
    def misses(self) -> list[dict[str, Any]]:
        """The misses of this test so far: `key`, and once it is explained `pointer` and `line`."""
        return _rows(self._tests.ask(), "misses")

    def mode(self, mode: str) -> None:
        """Set the cache mode of the rest of this test. Fails the test if the mode does more than the run's."""
        self._tests.change(mode=mode)

    def faults(self, faults: list[dict[str, Any]]) -> None:
        """Set the faults of the rest of this test, as `faults` of the mark does."""
        self._tests.change(faults=_rules(faults))


# -- one process's tests ------------------------------------------------------


class _Tests:
    """Tells the proxy when tests begin and end, and adds what it answers to pytest's reports."""

    def __init__(
        self, config: pytest.Config, environment: _Environment, client: str, control: _Control
    ) -> None:
        self._config = config
        self._environment = environment
        self._control = control
        self._path = "/-/tests/" + client
        self._off = False
        self._strict = _strict(os.environ)
        self._mode: str | None = None
        self._open: list[dict[str, Any]] = []  # the test, and the fixtures of a wider scope inside it
        self._outcome = ""  # of the test, once it is known
        self._ended: list[dict[str, Any]] = []  # verdicts that no report has taken yet
        self._verdicts: dict[Any, dict[str, Any]] = {}  # of every process, from its reports
        self._shown: dict[Any, int] = {}  # misses that a report has, by test and attempt

    def stop(self) -> None:
        """End what is open."""
        while self._open:
            self._end()
        self._control.close()

    # -- what the proxy is told

    def _begin(self, scope: dict[str, Any]) -> None:
        """Make `scope` the current one. Fails the test if the proxy refuses what its mark asks for."""
        self._open.append(scope)
        try:
            self._call("PUT", scope)
            return
        except _Refused as error:
            refused = error
        if not ("mode" in scope or "repeat" in scope or "faults" in scope):
            self._give_up(refused)
            return
        pytest.fail(f"provider-proxy refuses the mark of this test: {_line(refused)}", pytrace=False)

    def _end(self) -> None:
        """End the current scope, and go on with the one around it."""
        scope = self._open.pop()
        # A fixture of a wider scope has no outcome.
        outcome = {} if self._open else {"outcome": self._outcome}
        try:
            verdict = self._call("DELETE", {"test": scope["test"], **outcome}, seconds=3.0)
            if self._open:
                self._call("PUT", self._open[-1])
        except _Refused as error:
            self._give_up(error)
            return
        if isinstance(verdict, dict) and isinstance(verdict.get("test"), str):
            self._ended.append(verdict)

    def ask(self, page: str = "") -> dict[str, Any]:
        """A page about the current test. Fails the test if there is no answer."""
        with contextlib.suppress(_Refused):
            answer = self._call("GET", seconds=3.0, page=page)
            if isinstance(answer, dict):
                return answer
        pytest.fail("provider-proxy does not answer, so what this test sent is not known", pytrace=False)

    def change(self, **wishes: object) -> None:
        """Begin the current test again with other wishes. Fails the test if the proxy refuses or is silent."""
        scope = self._open[-1] if self._open else {}
        try:
            self._call("PUT", {**scope, **wishes})
        except _Refused as error:
            pytest.fail(f"provider-proxy refuses: {_line(error)}", pytrace=False)
        if self._off:  # maybe since this call
            pytest.fail(
                "provider-proxy does not answer, so it cannot treat this test differently", pytrace=False
            )
        scope.update(wishes)

    def _call(self, method: str, value: object = None, *, seconds: float = 0.0, page: str = "") -> Any:
        """The endpoint's answer; None if there is none. Raises _Refused."""
        if self._off:
            return None
        try:
            return self._control.call(method, self._path + page, value, seconds=seconds)
        except _Refused as error:
            if error.status == 404 and method != "PUT":  # the test is not open any more
                return None
            raise
        except (OSError, ValueError, LookupError) as error:
            self._give_up(error)
        return None

    def _give_up(self, error: Exception) -> None:
        """Leave the proxy alone, with one warning: requests belong to the run rather than to a wrong test."""
        self._off = True
        self._environment.name_no_client()
        with contextlib.suppress(_Refused, OSError, ValueError, LookupError):
            # The call that came too late may have been obeyed.
            self._control.call("DELETE", self._path)
        self._control.close()
        _warn(self._config, f"provider-proxy does not tell tests apart from here on: {_line(error)}")

    # -- hooks

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin a test, or another attempt of it."""
        # No wrapper, because this may fail the test, and then other plugins' wrappers must have been entered.
        while self._open:  # a run that was interrupted and goes on
            self._end()
        self._outcome = "skipped"
        self._begin({"test": _text(item.nodeid), "switch": True, **_place(item), **_wishes(item)})

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, None]:
        """End a test after its teardown."""
        outcome = yield
        if outcome.excinfo is not None:
            self._outcome = "failed"
        while self._open:
            self._end()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, None]:
        """A fixture of a wider scope belongs to that scope, with its teardown: other tests use it too."""
        if not self._open or self._off or not _is_shared(fixturedef):
            yield
            return
        scope = {"test": _scope_id(request.node, fixturedef.scope), "switch": True, "attempt": 1}
        # The last finalizer that is added runs first.
        fixturedef.addfinalizer(lambda: self._leave(scope))
        self._begin(scope)
        yield
        self._leave(scope)
        fixturedef.addfinalizer(lambda: self._enter(scope))

    def _enter(self, scope: dict[str, Any]) -> None:
        if not self._off:
            self._begin(scope)

    def _leave(self, scope: dict[str, Any]) -> None:
        if self._open and self._open[-1] is scope:
            self._end()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, None]:
        """Add the misses to the report, and fail a test that missed although it must not."""
        outcome = yield
        report = outcome.get_result()
        if call.when == "call" or (call.when == "setup" and not report.passed):
            self._outcome = report.outcome
        ended, self._ended = self._ended, []
        verdicts = list(ended)
        # A call for each test that nobody needs would take a third of the plugin's time.
        if self._open and (report.failed or (call.when == "call" and self._may_fail(item))):
            with contextlib.suppress(_Refused):
                so_far = self._call("GET")
                verdicts += [so_far] if isinstance(so_far, dict) else []
        lines = []
        fails = None
        for verdict in verdicts:
            new = self._new_misses(verdict)
            lines += _miss_lines(verdict, new)
            is_own = verdict.get("test") == _text(item.nodeid) and not verdict.get("coarse")
            if new and is_own and self._may_fail(item):
                fails = verdict
        if lines:
            report.sections.append(("provider-proxy", "\n".join(lines)))
        if ended:
            report.provider_proxy = ended  # pytest-xdist sends plain attributes along
        if fails and report.passed and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = _failure(fails)
            # Plugins that run a test again, as `flaky`, look for an exception, and lose a test without one.
            call.excinfo = _raised(report.longrepr)

    def _new_misses(self, verdict: dict[str, Any]) -> int:
        """The number of the verdict's misses that are in no report yet."""
        scope = verdict.get("test"), verdict.get("attempt")
        count = _misses(verdict)
        new = count - self._shown.get(scope, 0)
        self._shown[scope] = count
        return new

    def _may_fail(self, item: pytest.Item) -> bool:
        """Whether this test fails if it has missed."""
        values = _mark_values(item)
        if values.get("allow_misses"):
            return False
        if self._strict is None:
            mode = values.get("mode") or self._mode_of_run()
            return str(mode).strip().lower().replace("_", "-") == _REQUIRE_HIT
        return self._strict

    def _mode_of_run(self) -> str:
        if self._mode is None:
            self._mode = ""
            with contextlib.suppress(_Refused, OSError, ValueError, LookupError, TypeError):
                self._mode = str(self._control.call("GET", "/-/stats")["mode"])
        return self._mode

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the verdicts of every process. That of a shared scope grows with each of its fixtures."""
        for verdict in getattr(report, "provider_proxy", ()):
            self._verdicts[verdict.get("client"), verdict["test"], verdict.get("attempt")] = verdict

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests went live, which missed, which took longest and what they cost."""
        if self._config.option.collectonly:
            return
        lines = _summary(list(self._verdicts.values()))
        if len(lines) > 1:
            terminalreporter.section("provider-proxy")
        for line in lines:
            terminalreporter.write_line(line)


def _strict(environ: MutableMapping[str, str]) -> bool | None:
    """Whether a test that missed fails; None if the mode decides."""
    value = environ.get(_STRICT_OF_RUN) or environ.get(_STRICT) or ""
    return value.strip().lower() in ("1", "true", "yes", "on") if value.strip() else None


def _is_shared(fixture: pytest.FixtureDef[Any]) -> bool:
    # Of pytest's own only those that run a module's or class's set-up make requests; their names begin with `_`.
    own = getattr(fixture.func, "__module__", "").startswith("_pytest.")
    return fixture.scope != "function" and (not own or fixture.argname.startswith("_"))


def _scope_id(node: Any, scope: str) -> str:
    return "::".join(part for part in (_text(node.nodeid), f"<{scope}>") if part)


def _place(item: pytest.Item) -> dict[str, Any]:
    file, line, _ = item.location
    return {"file": _text(file), "line": (line or 0) + 1}


def _mark_values(item: pytest.Item) -> dict[str, Any]:
    """The arguments of the mark; those that are nearer to the test win."""
    values: dict[str, Any] = {}
    for mark in item.iter_markers("provider_proxy"):
        values = {**mark.kwargs, **values}
    return values


def _wishes(item: pytest.Item) -> dict[str, Any]:
    """What the mark asks of the proxy. Fails the test if the mark has an argument that is not known."""
    known = ("mode", "allow_misses", "repeat", "faults")
    for mark in item.iter_markers("provider_proxy"):
        for unknown in [*map(repr, mark.args), *(name for name in mark.kwargs if name not in known)]:
            message = f"provider_proxy: {unknown} is not an argument of this mark"
            pytest.fail(f"{message}; use mode=, allow_misses=, repeat= or faults=", pytrace=False)
    values = _mark_values(item)
    wishes: dict[str, Any] = {name: str(values[name]) for name in ("mode", "repeat") if values.get(name)}
    if values.get("faults"):
        wishes["faults"] = _rules(values["faults"])
    return wishes


def _rules(faults: object) -> object:
    """The fault rules of a mark. Fails the test if they are nothing that can be sent; the proxy reads them."""
    import json

    try:
        return json.loads(json.dumps(faults))
    except (TypeError, ValueError) as error:
        pytest.fail(f"provider_proxy: faults= takes a list of dictionaries: {error}", pytrace=False)


def _warn(config: pytest.Config, text: str) -> None:
    """Show a warning in pytest's summary. `-W error` would make an error of `warnings.warn`."""
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn(pytest.PytestWarning(text), stacklevel=1)
    config.hook.pytest_warning_recorded.call_historic(
        kwargs={"warning_message": caught[0], "when": "runtest", "nodeid": "", "location": None}
    )


# -- text ---------------------------------------------------------------------


def _text(value: str) -> str:
    """`value` without lone surrogates, which JSON cannot carry everywhere."""
    return value.encode("utf-8", "backslashreplace").decode()


def _line(value: object) -> str:
    """One short line that neither a terminal nor a CI runner takes for a command."""
    text = "".join(
        char if char.isprintable() else repr(char)[1:-1] for char in str(value)[: 2 * _LONGEST_LINE]
    )
    text = text.replace("##", "#\\x23")
    if text.lstrip().startswith("::"):
        text = text.replace(":", "\\x3a", 1)
    return text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"


def _rows(verdict: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = verdict.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _number(verdict: dict[str, Any], name: str) -> float:
    value = verdict.get(name)
    return value if isinstance(value, (int, float)) else 0


def _misses(verdict: dict[str, Any]) -> int:
    return len(_rows(verdict, "misses")) + int(_number(verdict, "more_misses"))


def _explained(miss: dict[str, Any]) -> str:
    pointer, text = str(miss.get("pointer") or ""), str(miss.get("line") or "")
    if not text:
        text = "no recording under the key {}".format(str(miss.get("key") or "?")[:20])
    return _line(text if pointer in text else f"{pointer}: {text}")


def _miss_lines(verdict: dict[str, Any], count: int) -> list[str]:
    """The last `count` misses of a verdict, one a line."""
    if count <= 0:
        return []
    misses = _rows(verdict, "misses")[-count:]
    lines = ["miss: " + _explained(miss) for miss in misses[:_MOST_LINES]]
    more = count - len(lines)
    if more > 0:
        lines.append(f"… and {more} more")
    if verdict.get("coarse"):
        lines.append("Tests overlap in this process, so a miss may be another test's.")
    return ["{}: {}".format(_line(verdict["test"]), line) for line in lines] if _is_scope(verdict) else lines


def _is_scope(verdict: dict[str, Any]) -> bool:
    return str(verdict.get("test")).endswith(("<session>", "<package>", "<module>", "<class>"))


def _failure(verdict: dict[str, Any]) -> str:
    """One line, which pytest repeats in its short summary; the report's section explains."""
    pointers = [_line(row["pointer"]) for row in _rows(verdict, "misses") if row.get("pointer")]
    count = _misses(verdict)
    said = "miss" if count == 1 else f"{count} misses,"
    return f"provider-proxy: {said} at {pointers[0]}" if pointers else f"provider-proxy: {said.strip(',')}"


def _raised(message: str) -> pytest.ExceptionInfo[BaseException]:
    """The failure of a test that fails with this message."""
    try:
        pytest.fail(message, pytrace=False)
    except pytest.fail.Exception:
        return pytest.ExceptionInfo.from_current()


def _summary(verdicts: list[dict[str, Any]]) -> list[str]:
    """The lines of the summary; one if there is nothing to look at."""
    asked = [
        verdict
        for verdict in verdicts
        if _number(verdict, "requests") or _went_live(verdict) or _missed(verdict)
    ]
    if not asked:
        return ["provider-proxy: no test asked a provider"]
    live = [verdict for verdict in asked if _went_live(verdict)]
    # A miss that was forwarded is among those that went live.
    missed = [one for one in asked if _missed(one) and _misses(one) > _number(one, "live")]
    hits = int(sum(_number(verdict, "hits") for verdict in asked))
    tests = len({verdict["test"] for verdict in asked if not _is_scope(verdict)})
    if not live and not missed:
        return [
            "provider-proxy: {} asked, {} replayed".format(_plural(tests, "test"), _plural(hits, "answer"))
        ]
    lines = ["{} asked, {} replayed".format(_plural(tests, "test"), _plural(hits, "answer"))]
    lines += _listed("missed", missed, lambda verdict: _explained(_rows(verdict, "misses")[0]))
    slowest = sorted(live, key=lambda verdict: -_number(verdict, "live_seconds"))
    lines += _listed("went live, slowest first", slowest, _live_seconds)
    cost = sum(_number(verdict, "usd") for verdict in live)
    unpriced = int(sum(_number(verdict, "unpriced") for verdict in live))
    if cost or unpriced:
        shown = [f"${cost:.4f}"] if cost else []
        shown += ["unknown for {}".format(_plural(unpriced, "answer"))] if unpriced else []
        lines.append("cost: " + ", ".join(shown))
    return lines


def _live_seconds(verdict: dict[str, Any]) -> str:
    seconds = f"{_number(verdict, 'live_seconds'):.1f} s"
    explained = [miss for miss in _rows(verdict, "misses") if miss.get("pointer")]
    return f"{seconds}, {_explained(explained[0])}" if explained else seconds


def _went_live(verdict: dict[str, Any]) -> bool:
    return (
        _number(verdict, "live") > 0 or _number(verdict, "stored") > 0 or _number(verdict, "live_seconds") > 0
    )


def _missed(verdict: dict[str, Any]) -> bool:
    return bool(_rows(verdict, "misses"))


def _listed(what: str, verdicts: list[dict[str, Any]], shown: Callable[[dict[str, Any]], str]) -> list[str]:
    """The tests of these verdicts, each once: by its first verdict, however often it was run again."""
    attempts: dict[str, list[dict[str, Any]]] = {}
    for verdict in verdicts:
        attempts.setdefault(verdict["test"], []).append(verdict)
    if not attempts:
        return []
    lines = ["{} {}:".format(_plural(len(attempts), "test"), what)]
    for test, tried in list(attempts.items())[:_MOST_LINES]:
        again = f" ({len(tried)} attempts)" if len({verdict.get("attempt") for verdict in tried}) > 1 else ""
        lines.append(f"  {_line(test)}{again}  {shown(tried[0])}")
    if len(attempts) > _MOST_LINES:
        lines.append(f"  … and {len(attempts) - _MOST_LINES} more")
    return lines


def _plural(count: int, noun: str) -> str:
    return "{} {}{}".format(count, noun, "" if count == 1 else "s")
