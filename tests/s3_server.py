"""moto's S3 on loopback, with a gateway in front of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests import gateway

BUCKET = "recordings"


@dataclass
class Gateway(gateway.Gateway):
    """In front of S3."""

    def environ(self) -> dict[str, str]:
        """The variables with which clients find it."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "s3cret",
                "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip

    def client(self) -> object:
        """A plain S3 client, past the gateway."""
        import boto3

        return boto3.client("s3", endpoint_url=self.target, region_name="us-east-1",
                            aws_access_key_id="testing", aws_secret_access_key="testing")  # fmt: skip


@contextlib.contextmanager
def running_moto() -> Iterator[str]:
    """The URL of an S3 with one bucket."""
    from moto.server import ThreadedMotoServer  # half a second, for those alone who use it

    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    try:
        Gateway(f"http://{host}:{port}").client().create_bucket(Bucket=BUCKET)  # type: ignore[attr-defined]
        yield f"http://{host}:{port}"
    finally:
        moto.stop()


@contextlib.contextmanager
def running_s3() -> Iterator[Gateway]:
    """S3 with one bucket, and the gateway in front of it."""
    with running_moto() as url:
        s3 = Gateway(url)
        with gateway.running(s3):
            yield s3
