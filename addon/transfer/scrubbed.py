"""Recordings whose credential was taken out before they were saved.

vcrpy is told to (`filter_headers`), browsers do it by themselves when they export. Such a request would have the
key of one that was sent without a credential, and no real client would ever hit it.
"""

from __future__ import annotations

import json
from dataclasses import replace

from addon.identity import Identity
from addon.messages import WireRequest
from addon.settings.hosts import parse_hosts

__all__ = ["with_credential"]

_PROVIDERS = parse_hosts("")
_STAND_IN = (b"authorization", b"Bearer left-out")


def with_credential(request: WireRequest, identity: Identity, status: int) -> WireRequest | None:
    """The request with a stand-in, whose value is in no key and no entry; None where it is to stay as it is.

    Where one was sent for certain: a known provider answered a POST with success. A local server may ask for none.
    """
    if request.method.upper() != "POST" or not 200 <= status < 300 or not _PROVIDERS.match(request.host):
        return None
    if json.loads(identity.request_json)["credential"]:
        return None
    return replace(request, headers=(*request.headers, _STAND_IN))
