"""A real S3-compatible server on loopback, and buckets in it."""

import logging
import secrets
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

KEYS = {"AWS_ACCESS_KEY_ID": "canary-access", "AWS_SECRET_ACCESS_KEY": "canary-secret"}


class Bucket:
    """A bucket that looks at itself with a client of its own."""

    def __init__(self, origin: str) -> None:
        self.origin, self.name = origin, f"faces-{secrets.token_hex(4)}"
        urllib.request.urlopen(urllib.request.Request(f"{origin}/{self.name}", method="PUT")).close()
        self._store = S3Store(
            self.name,
            endpoint=origin,
            region="us-east-1",
            access_key_id="look",
            secret_access_key="look",
            client_options={"allow_http": True},
        )

    def address(self, prefix: str = "/train") -> str:
        return f"s3://{self.name}{prefix}?endpoint={self.origin}&region=us-east-1"

    @property
    def objects(self) -> dict[str, bytes]:
        """What is in it, by its whole name."""
        found: Any = self._store.list().collect()
        return {each["path"]: bytes(obstore.get(self._store, each["path"]).bytes()) for each in found}


@contextmanager
def running_storage() -> Iterator[str]:
    """Serve S3 in a thread; yields its origin."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it writes a line a request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
