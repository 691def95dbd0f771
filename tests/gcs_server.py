"""The part of Google Cloud Storage's XML API that the client uses, on loopback.

No emulator that could be had speaks it: the JSON API is what they offer. For these requests (PUT, GET and DELETE of an
object, `list-type=2`, multipart uploads) it has the shapes of S3, so moto's S3 answers them. What it would not do as
Google does is done here: a request needs a token that the service account's own key signed, and removing what is gone
is a 404. Not shown: preconditions (`x-goog-if-generation-match`, which `push` and `pull` do not use), tokens of
Google's token servers, and limits on rates.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests import gateway
from tests.s3_server import running_moto


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Gcs(gateway.Gateway):
    """Google's part of the answers, in front of moto."""

    folder: Path = Path()
    key: rsa.RSAPrivateKey = field(default_factory=_new_key)

    def environ(self) -> dict[str, str]:
        """The variables with which clients find it."""
        return {"GOOGLE_BASE_URL": self.url} | self._account("ci.json", self.key)

    def wrong(self) -> dict[str, str]:
        """The variables of an account that nobody knows."""
        return self._account("stranger.json", _new_key())

    def _account(self, name: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {"type": "service_account", "project_id": "p", "client_email": "ci@p.iam.gserviceaccount.com",
                   "private_key": pem.decode(), "private_key_id": "1", "token_uri": "http://127.0.0.1:9/token"}  # fmt: skip
        (self.folder / name).write_text(json.dumps(account))
        return {"GOOGLE_APPLICATION_CREDENTIALS": str(self.folder / name)}

    def refusal(self, method: str, path: str, headers: Message) -> int:
        """401 without a good token; 404 where there is nothing to remove."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self._is_signed(token):
            return 401
        if method == "DELETE":
            with contextlib.closing(http.client.HTTPConnection(self.target.removeprefix("http://"))) as asked:
                asked.request("HEAD", path)
                return 404 if asked.getresponse().status == 404 else 0
        return 0

    def _is_signed(self, token: str) -> bool:
        signed, _, signature = token.rpartition(".")
        try:
            self.key.public_key().verify(
                base64.urlsafe_b64decode(signature + "=="),
                signed.encode(),
                padding.PKCS1v15(),
                hashes.SHA256(),
            )
        except (InvalidSignature, ValueError):
            return False
        return True


@contextlib.contextmanager
def running_gcs(folder: Path) -> Iterator[Gcs]:
    """It, with one bucket; `folder` keeps its accounts' files."""
    with running_moto() as url:
        gcs = Gcs(url, folder=folder)
        with gateway.running(gcs):
            yield gcs
