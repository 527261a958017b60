"""An object store for tests: S3 by moto's server, as a process of its own."""

from __future__ import annotations

import sys
import tempfile
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from agnodb.testing.processes import ServerProcess
from agnodb.testing.servers import LOOPBACK, ServerUnavailableError, free_port


class S3Server(ServerProcess):
    """A server on a free port of the loopback interface, whose objects are in memory."""

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__([sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)], port, folder)
        self.endpoint = f"http://{LOOPBACK}:{port}"

    @classmethod
    def start(cls) -> Self:
        """A server that answers. Raises ServerUnavailableError."""
        if find_spec("moto") is None:
            raise ServerUnavailableError("the package moto is not installed")
        server = cls(free_port(), Path(tempfile.mkdtemp(prefix="agnodb-objects-")))
        server.go_on()
        return server

    @property
    def options(self) -> dict[str, Any]:
        """What obstore needs to reach it."""
        keys = {"access_key_id": "test", "secret_access_key": "test", "region": "us-east-1"}
        return {"endpoint": self.endpoint, "client_options": {"allow_http": True}, **keys}

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT", data=b"")
        with urllib.request.urlopen(request):
            pass
