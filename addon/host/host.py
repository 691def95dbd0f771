"""The process that `serve` and `run` are: mitmproxy's Master with the addons that a caching proxy needs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import re
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from addon.mitm.core import internals, lean_imports

lean_imports.install()

# Below, for the line above must come before anything of mitmproxy.
from mitmproxy import exceptions, master, options  # noqa: E402

from addon.host.options import HostOptions  # noqa: E402
from addon.mitm.core.lean_master import close_servers, lean_master  # noqa: E402
from addon.mitm.provider_cache import ProviderCache  # noqa: E402
from addon.mitm.sweeping import Sweeping  # noqa: E402
from addon.mitm.upstream_bypass import UpstreamBypass  # noqa: E402
from cache_store.errors import UsageError  # noqa: E402

__all__ = ["Crew", "Host", "settle_memory"]

_LISTENING = re.compile(r"failed to listen on (\S+) with")

logger = logging.getLogger(__name__)


class Crew(Protocol):
    """The other processes of the run, as seen from this one, and the port that they share."""

    options: Mapping[str, Any]

    async def open(self, proxy: master.Master, *, wait: bool) -> tuple[Any, ...]:
        """Listen, maybe `wait` until the others do; the address. Raises OSError."""

    async def stop(self) -> None:
        """End what the others still do with this one, before this one ends."""

    def close(self) -> None:
        """Listen no more, and let no other process of the run live on."""


class Host:
    """One proxy in this process; `crew` is what it has to do with others of the same run."""

    def __init__(self, host_options: HostOptions, crew: Crew | None = None) -> None:
        self.cache = ProviderCache(host_options.raw)
        self.url = ""
        self._options = host_options
        self._errors = _StartErrors()
        self.crew = crew
        self._stopping: asyncio.Task[None] | None = None

    async def run(self, ready: Callable[[], None], until: asyncio.Event | None = None) -> None:
        """Serve until SIGINT, SIGTERM or `until`; `ready` is called once connections are answered.

        Raises UsageError in one line for what cannot be started.
        """
        self._errors.install()
        try:
            proxy = self._master()
            # Who runs one command does not wait: it may be a short one.
            proxy.addons.add(_Ready(lambda: self._started(proxy, ready, wait=until is None)))
            with _on_signals(partial(self._stop, proxy), watch=until is None):
                if until is not None:
                    stopper = asyncio.create_task(self._stop_after(until, proxy))
                try:
                    await proxy.run()
                finally:
                    await close_servers(proxy)
                    if self.crew is not None:
                        self.crew.close()
                if until is not None:
                    stopper.cancel()
        finally:
            self._errors.uninstall()

    def _master(self) -> master.Master:
        try:
            return self._configured(options.Options())
        except exceptions.OptionsError as error:
            raise UsageError(str(error)) from error

    def _configured(self, opts: options.Options) -> master.Master:
        proxy = lean_master(opts)
        proxy.addons.add(*self._addons())
        opts.update(**self._options.mitmproxy)
        if self.crew is not None:
            opts.update(**self.crew.options)
        if self._options.arguments:
            _parse_arguments(opts, self._options.arguments)
        if getattr(opts, "emudhra", False) or getattr(opts, "emudhra_old", False):
            raise UsageError("mitmproxy's emudhra options sign with a compromised CA key; leave them out")
        self.cache.configure(set())
        return proxy

    def _addons(self) -> list[object]:
        """mitmproxy's own that a caching proxy needs, with ours among them, in mitmproxy's order.

        Those that cost much to import are there only where they are asked for.
        """
        from mitmproxy.addons import (
            block,
            core,
            disable_h2c,
            errorcheck,
            next_layer,
            proxyserver,
            tlsconfig,
            update_alt_svc,
            upstream_auth,
        )

        before: list[object] = []
        after: list[object] = []
        if self._options.arguments or "proxyauth" in self._options.mitmproxy:
            from mitmproxy.addons import proxyauth

            before.append(proxyauth.ProxyAuth())
        if self._options.arguments:
            from mitmproxy.addons import save, savehar, script

            before.append(script.ScriptLoader())
            after += [save.Save(), savehar.SaveHar()]
        return [
            core.Core(),
            block.Block(),
            disable_h2c.DisableH2C(),
            *before,
            proxyserver.Proxyserver(),
            UpstreamBypass(self._bypasses),
            next_layer.NextLayer(),
            self.cache,
            *after,
            Sweeping(),
            tlsconfig.TlsConfig(),
            upstream_auth.UpstreamAuth(),
            update_alt_svc.UpdateAltSvc(),
            self._errors if internals.usable(internals.START_ERRORS) else errorcheck.ErrorCheck(),
        ]

    def _bypasses(self, host: str, port: int) -> bool:
        """Whether a company's proxy is passed by: where NO_PROXY says so, and where nothing may be forwarded, so
        that the guard at connect level sees the provider's own address and refuses it.
        """
        asked = self._options.bypasses
        return asked is not None and (asked(host, port) or self.cache.refuses(host, port))

    def _started(
        self, proxy: master.Master, ready: Callable[[], None], *, wait: bool
    ) -> Awaitable[None] | None:
        if self._errors.failed:
            return None
        if self.crew is not None:
            return self._open(self.crew, proxy, ready, wait=wait)
        self._ready(proxy.addons.get("proxyserver").listen_addrs()[0], ready)
        return None

    async def _open(self, crew: Crew, proxy: master.Master, ready: Callable[[], None], *, wait: bool) -> None:
        try:
            address = await crew.open(proxy, wait=wait)
        except OSError as error:
            logger.error("%s", error)  # which ends the start
        else:
            self._ready(address, ready)

    def _ready(self, address: tuple[Any, ...], ready: Callable[[], None]) -> None:
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.url = f"http://{host}:{address[1]}"
        settle_memory()
        ready()

    def _stop(self, proxy: master.Master) -> None:
        """End the proxy, after its crew; at once where it is asked for a second time."""
        if self.crew is None or self._stopping is not None:
            proxy.shutdown()
        else:
            self._stopping = asyncio.create_task(self._stop_together(self.crew, proxy))

    async def _stop_together(self, crew: Crew, proxy: master.Master) -> None:
        try:
            await crew.stop()
        finally:
            proxy.shutdown()

    async def _stop_after(self, event: asyncio.Event, proxy: master.Master) -> None:
        await event.wait()
        self._stop(proxy)


def settle_memory() -> None:
    """Set the garbage collector for a proxy that has started."""
    # What is there now stays: it need not be walked again at every generation.
    gc.collect()
    gc.freeze()
    # A flow is some hundred objects; at the default the young ones would be walked every few requests.
    gc.set_threshold(20_000, 20, 50)


class _Ready:
    """Last in the chain: when its hook runs, every addon is running."""

    def __init__(self, call: Callable[[], Awaitable[None] | None]) -> None:
        self._call = call

    def running(self) -> Awaitable[None] | None:
        return self._call()


class _StartErrors(logging.Handler):
    """Stands in for mitmproxy's ErrorCheck: an error that is logged while starting ends the start."""

    name = "errorcheck"  # mitmproxy's Master looks it up under this name

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.failed: list[str] = []
        self._finished = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of an error, with its cause where the message does not say it."""
        message, cause = record.getMessage(), str(record.exc_info[1] or "") if record.exc_info else ""
        self.failed.append(message if cause in message else f"{message}: {cause}")

    def install(self) -> None:
        """Begin to listen, in the place of the handlers that would print an error a second time."""
        for handler in logging.getLogger().handlers:
            handler.addFilter(self._is_for_the_log)
        logging.getLogger().addHandler(self)

    def uninstall(self) -> None:
        """Listen no more."""
        logging.getLogger().removeHandler(self)
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._is_for_the_log)

    def _is_for_the_log(self, record: logging.LogRecord) -> bool:
        return self._finished or record.levelno < logging.ERROR

    async def shutdown_if_errored(self) -> None:
        """Raise UsageError with the first error."""
        await asyncio.sleep(0)
        if self.failed:
            raise UsageError(_in_one_line(self.failed[0]))

    def finish(self) -> None:
        """The start is over: later errors are for the log alone."""
        self._finished = True
        self.uninstall()


def _in_one_line(message: str) -> str:
    line = " ".join(message.split())
    if "address already in use" not in line.lower() and "Errno 98" not in line and "Errno 48" not in line:
        return line
    # mitmproxy says it three times over, and recommends an option of its own.
    where = _LISTENING.search(line)
    said = f"{where[1]}: address already in use" if where else line
    return f"{said}; stop what listens there, or set PROVIDER_PROXY_LISTEN=127.0.0.1:0"


def _parse_arguments(opts: options.Options, arguments: Sequence[str]) -> None:
    from mitmproxy.tools import cmdline, main

    parser = cmdline.mitmdump(opts)
    parser.prog = "provider-proxy serve --"
    parsed = parser.parse_args(arguments)
    opts.set(*parsed.setoptions, defer=True)
    main.process_options(parser, opts, parsed)
    if parsed.filter_args:
        opts.update(save_stream_filter=" ".join(parsed.filter_args))


@contextlib.contextmanager
def _on_signals(stop: Callable[[], None], *, watch: bool) -> Any:
    loop = asyncio.get_running_loop()
    signals = [signal.SIGINT, signal.SIGTERM] if watch else []
    if watch and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which `nohup` asks for
        signals.append(signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
