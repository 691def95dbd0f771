"""The proxy process: mitmproxy's Master with the addons that a caching proxy needs."""

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

# Imported below, since `install` must run before anything of mitmproxy is imported.
from mitmproxy import exceptions, master, options  # noqa: E402
from mitmproxy.addons import errorcheck  # noqa: E402

from addon.host.options import HostOptions  # noqa: E402
from addon.mitm.core.lean_master import close_servers, lean_master  # noqa: E402
from addon.mitm.provider_cache import ProviderCache  # noqa: E402
from addon.mitm.sweeping import Sweeping  # noqa: E402
from addon.mitm.upstream_bypass import UpstreamBypass  # noqa: E402
from cache_store.errors import UsageError  # noqa: E402

__all__ = ["Host", "Peers", "settle_memory"]

_LISTENING = re.compile(r"failed to listen on (\S+) with")

logger = logging.getLogger(__name__)


class Peers(Protocol):
    """The other processes of the run, as seen from this one, and the port that they share."""

    options: Mapping[str, Any]

    async def open(self, proxy: master.Master, *, wait: bool) -> tuple[Any, ...]:
        """Listen, and `wait` until the others do; the address. Raises OSError."""

    async def stop(self) -> None:
        """Finish what the others still do with this one, before it ends."""

    def close(self) -> None:
        """Stop listening, and leave no other process of the run behind."""


class Host:
    """One proxy in this process; `peers` are the other processes of its run, None if it is the only one."""

    def __init__(self, host_options: HostOptions, peers: Peers | None = None) -> None:
        self.cache = ProviderCache(host_options.raw)
        self.url = ""
        self._options = host_options
        self.peers = peers
        self._stopping: asyncio.Task[None] | None = None

    async def run(self, ready: Callable[[], None], until: asyncio.Event | None = None) -> None:
        """Serve until SIGINT, SIGTERM or `until`; `ready` is called once connections are answered.

        Raises UsageError in one line if it cannot start.
        """
        errors = _StartErrors() if internals.usable(internals.START_ERRORS) else errorcheck.ErrorCheck()
        try:
            proxy = self._master(errors)
            # `run` (with `until`) does not wait for the other processes: its command may be a short one.
            proxy.addons.add(_Ready(lambda: self._started(proxy, errors, ready, wait=until is None)))
            with _on_signals(partial(self._stop, proxy), watch=until is None):
                if until is not None:
                    stopper = asyncio.create_task(self._stop_after(until, proxy))
                try:
                    await proxy.run()
                finally:
                    await close_servers(proxy)
                    if self.peers is not None:
                        self.peers.close()
                if until is not None:
                    stopper.cancel()
        finally:
            errors.finish()

    def _master(self, errors: errorcheck.ErrorCheck) -> master.Master:
        try:
            return self._configured(options.Options(), errors)
        except exceptions.OptionsError as error:
            raise UsageError(str(error)) from error

    def _configured(self, opts: options.Options, errors: errorcheck.ErrorCheck) -> master.Master:
        proxy = lean_master(opts)
        proxy.addons.add(*self._addons(), errors)
        opts.update(**self._options.mitmproxy)
        if self.peers is not None:
            opts.update(**self.peers.options)
        if self._options.arguments:
            _parse_arguments(opts, self._options.arguments)
        if getattr(opts, "emudhra", False) or getattr(opts, "emudhra_old", False):
            raise UsageError("mitmproxy's emudhra options sign with a compromised CA key; leave them out")
        self.cache.configure(set())
        return proxy

    def _addons(self) -> list[object]:
        """mitmproxy's addons that a caching proxy needs, and ours, in mitmproxy's order.

        Those that are slow to import are loaded only if they are asked for.
        """
        from mitmproxy.addons import (
            block,
            core,
            disable_h2c,
            next_layer,
            proxyserver,
            tlsconfig,
            update_alt_svc,
            upstream_auth,
        )

        before: list[object] = []
        after: list[object] = []
        if self._options.arguments or "proxyauth" in self._options.mitmproxy:
            from addon.mitm.proxy_auth import ScopedProxyAuth

            before.append(ScopedProxyAuth())
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
        ]

    def _bypasses(self, host: str, port: int) -> bool:
        """Whether a connection goes past the company's proxy: if NO_PROXY says so, and if nothing may be forwarded,
        so that the guard at connect level sees the provider's own address and refuses it.
        """
        asked = self._options.bypasses
        return asked is not None and (asked(host, port) or self.cache.refuses(host, port))

    def _started(
        self, proxy: master.Master, errors: errorcheck.ErrorCheck, ready: Callable[[], None], *, wait: bool
    ) -> Awaitable[None] | None:
        if isinstance(errors, _StartErrors) and errors.logger.has_errored:
            return None
        if self.peers is not None:
            return self._open(self.peers, proxy, ready, wait=wait)
        self._ready(proxy.addons.get("proxyserver").listen_addrs()[0], ready)
        return None

    async def _open(
        self, peers: Peers, proxy: master.Master, ready: Callable[[], None], *, wait: bool
    ) -> None:
        try:
            address = await peers.open(proxy, wait=wait)
        except OSError as error:
            logger.error("%s", error)  # this ends the start
        else:
            self._ready(address, ready)

    def _ready(self, address: tuple[Any, ...], ready: Callable[[], None]) -> None:
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.url = f"http://{host}:{address[1]}"
        settle_memory()
        ready()

    def _stop(self, proxy: master.Master) -> None:
        """End the proxy after its peers; the second call ends it at once."""
        if self.peers is None or self._stopping is not None:
            proxy.shutdown()
        else:
            self._stopping = asyncio.create_task(self._stop_together(self.peers, proxy))

    async def _stop_together(self, peers: Peers, proxy: master.Master) -> None:
        try:
            await peers.stop()
        finally:
            proxy.shutdown()

    async def _stop_after(self, event: asyncio.Event, proxy: master.Master) -> None:
        await event.wait()
        self._stop(proxy)


def settle_memory() -> None:
    """Set the garbage collector for a proxy that has started."""
    # The objects of now stay: later collections need not look at them.
    gc.collect()
    gc.freeze()
    # A flow is some hundred objects; with the default threshold a collection would run every few requests.
    gc.set_threshold(20_000, 20, 50)


class _Ready:
    """The last addon of the chain: when its hook runs, all others are running."""

    def __init__(self, call: Callable[[], Awaitable[None] | None]) -> None:
        self._call = call

    def running(self) -> Awaitable[None] | None:
        return self._call()


class _StartErrors(errorcheck.ErrorCheck):
    """An error that is logged while starting ends the start with that error, which the log then does not repeat."""

    name = "errorcheck"  # mitmproxy's Master looks it up under this name

    def __init__(self) -> None:
        super().__init__()
        self._quiet = [handler for handler in logging.getLogger().handlers if handler is not self.logger]
        for handler in self._quiet:
            handler.addFilter(_is_not_an_error)

    async def shutdown_if_errored(self) -> None:
        """Raise UsageError with the first error."""
        await asyncio.sleep(0)
        if self.logger.has_errored:
            raise UsageError(_in_one_line(self.logger.has_errored[0]))

    def finish(self) -> None:
        """The start is over: later errors go to the log. A second call has no effect."""
        super().finish()
        for handler in self._quiet:
            handler.removeFilter(_is_not_an_error)


def _is_not_an_error(record: logging.LogRecord) -> bool:
    return record.levelno < logging.ERROR


def _in_one_line(record: logging.LogRecord) -> str:
    """An error, with its cause if the message does not say it."""
    message, cause = record.getMessage(), str(record.exc_info[1] or "") if record.exc_info else ""
    line = " ".join((message if cause in message else f"{message}: {cause}").split())
    if "address already in use" not in line.lower() and "Errno 98" not in line and "Errno 48" not in line:
        return line
    # mitmproxy says it three times, and recommends one of its own options.
    where = _LISTENING.search(line)
    in_use = f"{where[1]}: address already in use" if where else line
    return f"{in_use}; stop what listens there, or set PROVIDER_PROXY_LISTEN=127.0.0.1:0"


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
    if watch and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` ignores it
        signals.append(signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
