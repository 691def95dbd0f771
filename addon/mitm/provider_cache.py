"""The mitmproxy addon: hooks that translate flows into plain requests and answers for `exchange`."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from mitmproxy import connection, ctx, exceptions, http, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy import server_hooks

from addon.accounting.counts import RunCounts
from addon.exchange.answering import Answering
from addon.exchange.cache_status import fault_status, miss_status
from addon.exchange.control import is_control
from addon.exchange.decisions import Decision, Forward, Hit, Injected, OwnAnswer
from addon.exchange.direct import STATS, Page, parse_door
from addon.exchange.own_answers import FOREIGN_SITE, fault, unreachable
from addon.exchange.recording import Recording
from addon.exchange.run_life import RunLife
from addon.exchange.tunnels import sends_nothing_to, tunnel_refusal
from addon.judging.reasons import NotStored
from addon.messages import LiveAnswer, WireRequest
from addon.mitm import control_pages, flows, page_hooks
from addon.mitm.core.crashes import CloseAfterCrash
from addon.mitm.core.marks import client_left, is_direct
from addon.mitm.core.resets import reset_when_closed
from addon.mitm.core.swap import OurHttpLayer
from addon.mitm.core.upstream_connections import allow_more_connections
from addon.mitm.handshakes import Handshakes
from addon.mitm.markers import marker_of
from addon.page.live import LivePage, is_page
from addon.scopes.scope import Scope
from addon.settings.configuration import settings_of_process
from addon.settings.modes import Mode
from addon.settings.settings import SETTINGS, Settings
from addon.settings.state_folder import STATE_FOLDER
from cache_store.errors import ProviderProxyError, StoreUnavailable

if TYPE_CHECKING:
    from addon.sockets.conversation import Conversation

__all__ = ["ProviderCache"]

logger = logging.getLogger(__name__)

# Seconds. A model may be silent for long inside a generation; mitmproxy would cut it off after 600 s.
IDLE_SECONDS = 3600


class ProviderCache:
    """Answers provider requests from the cache and records live answers. One instance is one run."""

    name = "provider_proxy"

    def __init__(
        self, raw: Mapping[str, str] | None = None, at_end: Callable[[RunCounts], None] | None = None
    ) -> None:
        self._raw = raw
        self._at_end = at_end
        self._unusable = ""
        self._narrows = False  # whether `allow_hosts` is ours
        self._http_layer = OurHttpLayer(self.error_page)
        self._crashes = CloseAfterCrash()
        self._flows: dict[str, Forward | None] = {}
        self._clients: dict[str, str] = {}  # names by connection, as CONNECT gave them
        self._sessions: WeakSet[Conversation] = WeakSet()
        self._logins: dict[str, WireRequest] = {}  # by connection; what is in them is known while they live
        self.settings: Settings | None = None
        self.counts = RunCounts(run=uuid.uuid4().hex, mode="")
        self.answering: Answering | None = None
        self.life = RunLife(self.counts)
        self.page: LivePage | None = None
        self._handshakes = Handshakes(self.counts)

    # -- life ---------------------------------------------------------------

    def load(self, loader: Loader) -> None:
        """Make every setting a mitmproxy option whose default comes from flag, environment or file."""
        try:
            raw = self._raw if self._raw is not None else settings_of_process()
            if self._raw is None:
                from addon.mitm.content_views import add_views

                add_views()
        except ProviderProxyError as error:
            # mitmproxy would start without this addon if `load` raised. An error in `configure` ends the start.
            self._unusable, raw = str(error), {}
        for setting in SETTINGS:
            default = raw.get(setting.name, setting.default)
            loader.add_option(setting.option, str, default, f"provider-proxy: {setting.meaning}.")

    def configure(self, updated: set[str]) -> None:
        """Read the options. While running, only a new mode takes effect."""
        if self._unusable:
            raise exceptions.OptionsError(self._unusable)
        if self.settings is not None and not any(setting.option in updated for setting in SETTINGS):
            return
        try:
            settings = Settings.parse({s.name: getattr(ctx.options, s.option) for s in SETTINGS})
        except ProviderProxyError as error:
            raise exceptions.OptionsError(str(error)) from error
        if self.answering is None:
            self.settings = settings
            self.counts.rechunk = settings.rechunk
            self.page = (self.page or LivePage(STATE_FOLDER)) if settings.page else None
        else:
            self.answering.mode = settings.cache_mode
            self._intercept()
            if updated - {"provider_proxy_cache_mode"}:
                logger.warning(
                    "only the mode can change while provider-proxy runs; restart it for the other settings"
                )
        self.counts.mode = str(settings.cache_mode)

    def running(self) -> None:
        """Open the store and set the options that replaying without a network needs."""
        if self.settings is None:
            self.configure(set())
        assert self.settings is not None
        try:
            if self.answering is None:
                self.answering = self.life.open(self.settings)
                if self.page is not None:
                    self.answering.explaining.note_missed = self.page.missed
                    self.answering.shows = self.page
        except ProviderProxyError as error:
            logger.error("%s", error)  # mitmproxy ends a start during which an error is logged
            return
        if self._raw is None and self.settings.workers != 1:
            logger.warning("PROVIDER_PROXY_WORKERS is 1 inside mitmproxy, mitmdump and mitmweb")
        ctx.options.update(connection_strategy="lazy", **self._http_layer.options)
        # mitmproxy 12.2.0 lacks this option. A value other than the default is the user's own.
        if "tcp_timeout" in ctx.options and ctx.options.tcp_timeout == ctx.options.default("tcp_timeout"):
            ctx.options.update(tcp_timeout=IDLE_SECONDS)
        if self._raw is None and self.page is not None and ctx.options.listen_port != 0:
            place = f"{ctx.options.listen_host or '127.0.0.1'}:{ctx.options.listen_port or 8080}"
            logger.info("see the run at %s", self.page_url(f"http://{place}"))
        if not ctx.options.allow_hosts:
            self._narrows = True
            self._intercept()
        ctx.master.addons.add(self._http_layer)
        self._crashes.install()

    def _intercept(self) -> None:
        """Tell mitmproxy which hosts this mode intercepts, unless the user has told it."""
        if not self._narrows or self.settings is None:
            return
        regexes = self.settings.hosts.regexes
        if regexes and not self._mode.forwards:
            regexes = [*regexes, *self.settings.offline_hosts.regexes]
        if list(ctx.options.allow_hosts) != regexes:
            ctx.options.update(allow_hosts=regexes)

    def done(self) -> None:
        """Finish the writes and report. mitmproxy also calls this when the script is reloaded."""
        if self.answering is None:
            return
        unfinished = [forward for forward in self._flows.values() if forward is not None]
        self._flows.clear()  # their hooks may still come, or never
        for session in list(self._sessions):
            session.gone()
        if self.page is not None:
            self.page.close()
        self.answering.finish(unfinished)
        self.life.close(self.answering.settings, self.answering)
        self.answering = None
        self._crashes.uninstall()
        if OurHttpLayer.name in ctx.master.addons.lookup:
            ctx.master.addons.remove(self._http_layer)
        if self._at_end is not None:
            self._at_end(self.counts)

    # -- connections --------------------------------------------------------

    def client_connected(self, client: connection.Client) -> None:
        """Lift mitmproxy's limit of upstream connections for HTTP/2 clients."""
        allow_more_connections(client)

    async def client_disconnected(self, client: connection.Client) -> None:
        """Wait for answers that are read to their end: mitmproxy closes their connections after this hook.

        Then give up the exchanges that it dropped without an `error` hook, as a crash of its core does.
        """
        self._http_layer.forget(client.id)
        self._clients.pop(client.id, None)
        self._handshakes.gone(client)
        dropped = [f for f in self._flows.values() if f is not None and f.client == client.id]
        reading = [
            asyncio.ensure_future(f.done.wait()) for f in dropped if f.recording and f.recording.reads_on
        ]
        if reading and self.settings is not None:
            _, late = await asyncio.wait(reading, timeout=self.settings.finish_seconds)
            for waiting in late:
                waiting.cancel()
        for forward in dropped:
            if self._flows.pop(forward.flow, None) is not None:
                has_left = forward.recording is not None and forward.recording.reads_on
                self._give_up(forward, NotStored.CLIENT_LEFT if has_left else NotStored.CUT_OFF)
        self._logins.pop(client.id, None)

    def http_connect(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Count tunnelled hosts, so that a provider missing from the host list shows up in the report.

        Also note the client that this connection names. Some tunnels are refused.
        """
        if client := flows.client_in(flow, self.settings.auth if self.settings is not None else ""):
            self._clients[flow.client_conn.id] = client
        learning = self._learn_login(flow)
        answered = flow.response or flow.error
        if not answered and not self._intercepted(flow.request.host, flow.request.port):
            self._tunnel(flow)
        return learning

    def _learn_login(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """A prompt or an answer may repeat the password that the client sends to this proxy."""
        login = flows.login(flow)
        if login is None or self.answering is None:
            return None
        self._logins[flow.client_conn.id] = login
        return self.answering.learn_login(login)

    def _tunnel(self, flow: http.HTTPFlow) -> None:
        """Count a tunnel, or a request that is passed on as a tunnel's would be, or refuse it."""
        host = flow.request.host
        refusal = tunnel_refusal(host, self._mode, self.settings) if self.settings is not None else None
        if refusal is None:
            self.counts.tunnelled[host] += 1
        else:
            self.counts.tunnels_refused[host] += 1
            self._answer(flow, refusal)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Count clients that do not trust the CA; no other hook sees their requests."""
        self._handshakes.failed(data)

    def tls_established_client(self, data: tls.TlsData) -> None:
        """Notice a client that leaves before its first request."""
        self._handshakes.completed(data)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """In a mode that forwards nothing, refuse every connection to an intercepted host.

        This is the second guard: even a fault in `request` cannot send anything.
        """
        address, sni = data.server.address, data.server.sni
        if (address and self.refuses(*address[:2])) or (sni and self.refuses(sni)):
            data.server.error = "provider-proxy: this mode sends nothing to providers"

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Count connections to providers; a receipt says whether there were any."""
        address, sni = data.server.address, data.server.sni
        if (address and self._intercepted(*address[:2])) or (sni and self._intercepted(sni)):
            self.counts.connections += 1

    def refuses(self, host: str, port: int | None = None) -> bool:
        """Whether connections to `host` are forbidden now."""
        return self.settings is not None and sends_nothing_to(host, port, self._mode, self.settings)

    @property
    def _mode(self) -> Mode:
        """The current mode. Before the settings are read it is the one that sends nothing."""
        if self.answering is not None:
            return self.answering.mode
        return self.settings.cache_mode if self.settings is not None else Mode.REQUIRE_HIT

    # -- requests -----------------------------------------------------------

    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Send a direct request to the provider that its path names, or answer it with a page of our own."""
        self._handshakes.asked(flow.client_conn)
        if flow.response or flow.error or not flow.live:
            return None
        learning = self._learn_login(flow)
        # A direct request that mitmproxy's user repeats names its provider already.
        waits = self._direct(flow) if is_direct(flow) and flow.is_replay != "request" else None
        intercepted = self._intercepted(flow.request.host, flow.request.port)
        auth = self.settings.auth if self.settings is not None else ""
        flows.take_own_headers(flow, intercepted=intercepted, auth=auth)
        return _both(learning, waits) if learning and waits else learning or waits

    def _direct(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        settings = self.settings
        if settings is not None and not flows.is_admitted(flow.request, settings.names, settings.origins):
            self._answer(flow, FOREIGN_SITE)
            return None
        target = parse_door(flow.request.path)
        if target and self._intercepted(target.host, target.port):
            request = flow.request
            request.scheme, request.host, request.port, request.path, client = target
            if client:
                flows.name_client(flow, client)
            return None
        if is_control(flow.request.path):
            control_pages.admit(flow)
            flows.keep_to_own_site(flow)
            return None
        if is_page(flow.request.path):
            return page_hooks.answer(flow, self.show if self.page is not None else None)
        if self.answering is not None and (
            metadata := self.answering.metadata(flows.wire_request(flow.request))
        ):
            self._answer(flow, metadata)
            return None
        everywhere = self.life.everywhere
        if everywhere is not None and flow.request.path.startswith(STATS):
            return self._page_of_all(flow, everywhere)
        flow.response = flows.status_page(flow.request, self.life.stats)
        flows.keep_to_own_site(flow)
        return None

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Answer from the cache, or forward to the provider. An awaitable result is what must be waited for."""
        if flow.response or flow.error or not flow.live or self.settings is None:
            return None
        if control_pages.is_admitted(flow):
            return control_pages.answer(flow, self.answering)
        if not self._intercepted(flow.request.host, flow.request.port):
            if flow.request.scheme == "http" and flow.server_conn.address is None:
                self._tunnel(flow)
            return None
        asked = flows.asked_mode(flow)
        mode = self._mode
        try:
            if self.answering is None:
                raise StoreUnavailable("provider-proxy is starting or has ended")
            scope = self._scope(flow, self.answering)
            mode = self.answering.mode_of(scope)
            wire = flows.wire_request(flow.request)
            if not self.settings.hosts.match(wire.host, wire.port) and self.answering.relays(wire):
                self._tunnel(flow)
                return None
            bypass = flows.unaskable(flow.request)
            if bypass == "websocket" and self._holds_sockets(flow):
                return self._converse(flow, wire, mode, asked, scope)
            decision = self.answering.decide(
                wire, asked, bypass, scope, has_left=lambda: not flow.client_conn.connected
            )
            if not isinstance(decision, Hit | OwnAnswer | Injected | Forward):
                return self._act_later(flow, decision, mode, asked, scope)
            self._act(flow, decision, scope)
        except Exception as error:  # noqa: BLE001 -- logged by _fail
            self._fail(flow, mode, asked, error)
        return None

    def _scope(self, flow: http.HTTPFlow, answering: Answering) -> Scope | None:
        """The test that the request belongs to; None for the run."""
        client, test = flows.named_in(flow)
        client = client or self._clients.get(flow.client_conn.id, "")
        return answering.scope_of(client, test) if client or test else None

    async def _act_later(
        self,
        flow: http.HTTPFlow,
        decision: Awaitable[Decision],
        mode: Mode,
        asked: str | None,
        scope: Scope | None,
    ) -> None:
        try:
            self._act(flow, await decision, scope)
        except Exception as error:  # noqa: BLE001 -- logged by _fail
            self._fail(flow, mode, asked, error)

    def _holds_sockets(self, flow: http.HTTPFlow) -> bool:
        """Whether the session that this upgrade opens can be recorded or replayed."""
        assert self.settings is not None
        return (
            self.settings.records_websockets
            and flows.opens_websocket(flow.request)
            and bool(ctx.options.websocket)
            and self._http_layer.holds_sockets(flow.client_conn.id)
        )

    async def _converse(
        self, flow: http.HTTPFlow, wire: WireRequest, mode: Mode, asked: str | None, scope: Scope | None
    ) -> None:
        """Open a WebSocket session, or do what is decided about its upgrade."""
        assert self.answering is not None
        try:
            opened = await self.answering.converse(wire, asked, scope)
            if isinstance(opened, Hit | OwnAnswer | Injected | Forward):
                self._act(flow, opened, scope)
                return
            self._sessions.add(opened)
            self._http_layer.converse(flow.id, opened)
            # Frames are then readable, and both sockets have the same form.
            flow.request.headers.pop("sec-websocket-extensions", None)
            if not opened.forwards_upgrade:
                flow.response = flows.switching(flow.request, opened.protocol)
        except Exception as error:  # noqa: BLE001 -- logged by _fail
            self._fail(flow, mode, asked, error)

    async def provider_proxy_socket(self, flow: http.HTTPFlow) -> None:
        """Wait for what a WebSocket session decides."""
        from addon.mitm.core.two_sockets import think

        await think(flow)

    def _act(self, flow: http.HTTPFlow, decision: Decision, scope: Scope | None) -> None:
        if self.page is not None:
            verdict = self.counts.tests.get(scope.identity) if scope is not None else None
            self.page.decided(flow.request.method, flow.request.host, decision, verdict)
        if isinstance(decision, Forward):
            decision.flow, decision.client = flow.id, flow.client_conn.id
            self._flows[flow.id] = decision
            return
        self._flows[flow.id] = None
        if isinstance(decision, Hit):
            flow.response = flows.replay(decision, flow.request.method)
            flow.is_replay = "response"
            if decision.paced is not None and self._http_layer.sends_pieces(flow.client_conn.id):
                flows.send_in_pieces(flow, decision.paced)
            flows.keep_to_own_site(flow)
        elif isinstance(decision, Injected):
            self._inject(flow, decision)
        else:
            self._answer(flow, decision)
        self._comment(flow, decision.cache_status)

    def _comment(self, flow: http.HTTPFlow, status: str) -> None:
        """Say in mitmweb and mitmproxy what became of a flow."""
        flow.comment = status
        if self._raw is None:  # otherwise nobody sees markers
            flow.marked = marker_of(status)

    def _inject(self, flow: http.HTTPFlow, injected: Injected) -> None:
        """Answer with a fault, or with nothing at all."""
        if injected.answer is not None:
            self._answer(flow, injected.answer)
        if injected.paced is not None and self._http_layer.sends_pieces(flow.client_conn.id):
            flows.send_in_pieces(flow, injected.paced)
        elif injected.answer is None or injected.paced is not None:
            reset_when_closed(flow.client_conn)
            if flow.killable:  # its client may have left
                flow.kill()

    def _answer(self, flow: http.HTTPFlow, answer: OwnAnswer) -> None:
        flow.response = flows.own_answer(flow.request, answer)
        flows.keep_to_own_site(flow)

    def _fail(self, flow: http.HTTPFlow, mode: Mode, asked: str | None, error: Exception) -> None:
        """Answer with an error where nothing may be forwarded; otherwise the request goes to the provider.

        `mode` is that of the request's test, or of the run.
        """
        if self.life.store is not None:  # otherwise the run has ended while this request waited
            what = f"{flow.request.method} {flow.request.host}"
            logger.error("provider-proxy failed on %s", what, exc_info=error)
        self.counts.host(flow.request.host).errors += 1
        answer = fault(mode, asked)
        if answer is not None:
            self._answer(flow, answer)
            self._flows[flow.id] = None
            if self.page is not None:
                self.page.decided(flow.request.method, flow.request.host, answer, None)

    # -- responses ----------------------------------------------------------

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Stream an answer of unknown or great length, and record it where it may be stored."""
        response = flow.response
        if response is None or flow.id not in self._flows:
            if response is not None and flow.server_conn.timestamp_start and response.status_code != 101:
                response.stream = True  # not intercepted: relayed as it comes, without marks
            return
        if flows.is_interim(response):
            flow.kill()  # mitmproxy takes it for the whole answer, and the client would wait for another
            return
        forward = self._flows[flow.id]
        if forward is None or not flows.from_provider(flow):
            return
        if self._break(forward, flow, response) or not flows.streams(response):
            return
        if forward.stores:
            assert self.settings is not None
            forward.head = LiveAnswer(response.status_code, response.reason, response.headers.fields, b"")
            forward.recording = response.stream = Recording(
                self.settings.max_body,
                response.headers.get("content-type", ""),
                forward.flight,
                length=response.headers.get("content-length"),
                encoding=response.headers.get("content-encoding", ""),
                hold=self._http_layer.holds_end(flow.client_conn.id),
                finish_seconds=self.settings.finish_seconds,
                may_read_on=self._may_read_on,
            )
            if self.answering is not None:
                self.answering.expect(response.headers.get("content-length"))
        else:
            response.stream = True
        recording = "recording" if forward.stores else "mode"
        status = miss_status(forward.key, detail=recording) if forward.identity else forward.cache_status
        flows.mark(flow, status)

    def _break(self, forward: Forward, flow: http.HTTPFlow, response: http.Response) -> bool:
        """Let the client have what a fault leaves of a live answer, and say whether there is one that breaks it."""
        if forward.fault is None or self.answering is None:
            return False
        head = LiveAnswer(response.status_code, response.reason, response.headers.fields, b"")
        seconds = self.answering.settings.finish_seconds if forward.stores else 0.0
        forward.cut = self.answering.breaking(
            forward, head, finish_seconds=seconds, may_read_on=self._may_read_on
        )
        if forward.cut is None:
            return False
        forward.head, response.stream = head, forward.cut
        if forward.stores:
            forward.recording = forward.cut
        response.headers.pop("content-encoding", None)
        flows.leave_length_open(flow)
        flows.mark(flow, fault_status())
        return True

    def _may_read_on(self) -> bool:
        return self.answering is not None and not self.answering.peer.is_money_spent

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Store a whole answer before the client sees its end, and say in its headers what became of it."""
        forward = self._flows.pop(flow.id, None)
        if forward is None or flow.response is None:
            return None
        forward.done.set()
        if not flows.from_provider(flow):
            self._give_up(forward, NotStored.NOT_FROM_PROVIDER)
            return None
        return self._keep_and_mark(forward, flow, flow.response)

    async def _keep_and_mark(self, forward: Forward, flow: http.HTTPFlow, response: http.Response) -> None:
        status = await self._keep(forward, flow, response)
        if not response.stream:
            flows.mark(flow, status)
        self._comment(flow, status)
        if forward.cut is not None and await forward.cut.ends_early(forward.has_left) and flow.killable:
            flow.kill()

    async def error(self, flow: http.HTTPFlow) -> None:
        """Drop an answer that was cut off; keep one whose client left after its terminal event."""
        self._http_layer.give_up(flow.id, client_left=client_left(flow))
        forward = self._flows.pop(flow.id, None)
        if forward is None:
            return
        forward.done.set()
        if client_left(flow) and flow.response is not None and forward.recording:
            self._comment(flow, await self._keep(forward, flow, flow.response))
        else:
            self._give_up(forward, flows.broken_off(flow, client_left=client_left(flow)))

    async def _keep(self, forward: Forward, flow: http.HTTPFlow, response: http.Response) -> str:
        """Store the answer if it may be stored, and return its cache status. Never raises."""
        assert self.answering is not None
        recorded = forward.recording
        if recorded is not None and not recorded.too_large:
            response.data.content = recorded.body()  # for mitmweb and files saved with -w
        headers = forward.head.headers if forward.head is not None else response.headers.fields
        answer = LiveAnswer(response.status_code, response.reason, headers, response.data.content or b"")
        reason: NotStored | None
        try:
            if flows.failed_at_end(response):
                reason = NotStored.STATUS
                self._give_up(forward, reason)
            else:
                reason = await self.answering.keep(forward, answer, cut_off=flow.error is not None)
        except Exception:
            logger.exception("provider-proxy failed to store an answer of %s", flow.request.host)
            self._give_up(forward, NotStored.STORE_FAILED)
            reason = NotStored.STORE_FAILED
        if forward.identity is None:
            return forward.cache_status
        return miss_status(forward.key, stored=reason is None, detail=reason or "")

    def _give_up(self, forward: Forward, reason: NotStored) -> None:
        if self.answering is not None:
            self.answering.give_up(forward, reason)

    # -- for the HTTP layer ---------------------------------------------------

    def error_page(self, flow: http.HTTPFlow, reason: str) -> http.Response | None:
        """Our answer where a provider cannot be reached; None leaves mitmproxy's own page."""
        if not self._intercepted(flow.request.host, flow.request.port):
            return None
        return flows.own_answer(flow.request, unreachable(flow.request.host, reason))

    async def show(self, method: str, target: str, token: str) -> Page:
        """The page's answer to a request that gives `token`. Never raises."""
        assert self.page is not None
        if self.life.shows_elsewhere is not None:
            return await self.life.shows_elsewhere(method, target, token)
        taint = self.answering.peer.taint if self.answering is not None else None
        return await self.page.answer(method, target, token, self.life.store, self._whole, taint)

    async def _whole(self) -> RunCounts:
        return self.counts if self.life.whole is None else await self.life.whole()

    def page_url(self, url: str) -> str:
        """The page's URL with this run's token, for a proxy that is reached at `url`; '' if there is no page."""
        return f"{url}/-/#t={self.page.token}" if self.page is not None else ""

    async def _page_of_all(self, flow: http.HTTPFlow, ask: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        figures = await ask()
        flow.response = flows.status_page(flow.request, lambda: figures)
        flows.keep_to_own_site(flow)

    def _intercepted(self, host: str, port: int | None = None) -> bool:
        if self.settings is None:
            return False
        return self.settings.hosts.match(host, port) or (
            not self._mode.forwards and self.settings.offline_hosts.match(host, port)
        )


async def _both(one: Awaitable[None], other: Awaitable[None]) -> None:
    await one
    await other
