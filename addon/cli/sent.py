"""`requests`: what the open tests of the running proxy have sent."""

from __future__ import annotations

import base64
import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit

import click

from addon.cli.context import read_settings
from addon.cli.keys import short_key
from addon.cli.output import print_fields, print_json, say
from addon.environment.client_env import OUTER_PROXY
from addon.host.background import read_background
from addon.scopes.clients import is_client
from addon.scopes.globs import fits_any
from addon.settings.settings import Settings
from addon.settings.state_folder import STATE_FOLDER
from cache_store.errors import ProviderProxyError, UsageError
from cache_store.nearest.sketch import question_of

__all__ = ["requests"]

_SECONDS = 30.0
_MOST_BYTES = 256 * 2**20
_QUESTION = 200  # characters


@click.command()
@click.option(
    "--test", "tests", multiple=True, metavar="GLOB", help="Only tests that fit; by default every open one."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def requests(*, tests: tuple[str, ...], as_json: bool) -> None:
    """Show what the open tests have sent to the running proxy, as it would be saved.

    In a run it asks that run's proxy, elsewhere the one that `ci` started or that listens at PROVIDER_PROXY_LISTEN.
    Each request is one line of tab-separated fields: test, key, method, host and path, question.
    """
    settings = read_settings()
    proxy = _Proxy(_address(settings), settings.auth)
    found = []
    for row in proxy.ask("/-/tests").get("tests", ()):
        client, test = str(row.get("client")), str(row.get("test"))
        if not is_client(client) or (tests and not fits_any(test, tests)):
            continue
        sent = proxy.ask(f"/-/tests/{client}/requests")
        if sent.get("test") == test:  # of several open tests of a client, the current one
            found.append({"client": client, **sent})
    if not found:
        raise UsageError("no open test fits; PUT /-/tests/<client> begins one (docs/tests.md)")
    if as_json:
        print_json({"tests": found})
        return
    print_fields(_fields(sent["test"], request) for sent in found for request in sent["requests"])
    for sent in found:
        if sent["more"]:
            say(f"{sent['test']}: {sent['more']} more requests were not kept", err=True)


class _Proxy:
    """The proxy at `address`, `host:port`; `auth` is the `user:password` that it asks for, or ''."""

    def __init__(self, address: str, auth: str) -> None:
        self._address = address
        self._headers = {"host": address}
        if auth:
            credentials = "Basic " + base64.b64encode(auth.encode()).decode()
            self._headers |= {"authorization": credentials, "proxy-authorization": credentials}

    def ask(self, path: str) -> dict[str, Any]:
        """The JSON object at `path`; {} if there is none any more. Raises ProviderProxyError."""
        host, _, port = self._address.rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=_SECONDS)
        try:
            connection.request("GET", path, headers=self._headers)
            answer = connection.getresponse()
            data = answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise ProviderProxyError(
                f"no proxy answers at {self._address}: {error}; start one with `provider-proxy ci`"
            ) from error
        finally:
            connection.close()
        if answer.status == http.HTTPStatus.NOT_FOUND:
            return {}  # the test has ended meanwhile
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if answer.status != http.HTTPStatus.OK or not isinstance(found, dict):
            raise ProviderProxyError(
                f"what answers at {self._address} is not this proxy, or refuses: {answer.status}"
            )
        return found


def _address(settings: Settings) -> str:
    """Where the proxy listens, as `host:port`."""
    background = read_background(STATE_FOLDER)
    if outer := os.environ.get(OUTER_PROXY, ""):
        address = outer
    elif background is not None:
        address = urlsplit(background.url).netloc
    else:
        host = f"[{settings.listen_host}]" if ":" in settings.listen_host else settings.listen_host
        address = f"{host}:{settings.listen_port}"
    if not address.rpartition(":")[2].isdecimal() or address.endswith(":0"):
        raise UsageError("no proxy runs here; start one with `provider-proxy ci`, or ask inside of a run")
    return address


def _fields(test: str, request: dict[str, Any]) -> tuple[str, ...]:
    body = request.get("body")
    value = body.get("value", body) if isinstance(body, dict) else None
    question = " ".join(question_of(value)[: 4 * _QUESTION].split())[:_QUESTION]
    said = question or str(request.get("hidden") or request.get("bypass") or "")
    where = f"{request.get('host', '')}{request.get('path', '')}"
    return test, short_key(str(request.get("key", ""))), str(request.get("method", "")), where, said
