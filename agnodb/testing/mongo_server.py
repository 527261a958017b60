"""A server that speaks MongoDB's wire protocol, for tests: the one of the wheel `secantusdb`, as a process of its own.

It stores with WiredTiger, is a replica set of one, and lacks text indexes and vector search. Its licence is the GPL: it
is run, never imported.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Self

from agnodb.testing.processes import START_SECONDS, ServerProcess
from agnodb.testing.servers import LOOPBACK, ServerUnavailableError, free_port


class MongoServer(ServerProcess):
    """A server on a free port of the loopback interface; its data are deleted at the end."""

    def __init__(self, program: Path, port: int, folder: Path) -> None:
        place = ("--host", LOOPBACK, "--port", str(port), "--storage-path", str(folder / "data"))
        super().__init__([str(program), *place, "--cache-size", "128M", "--log-level", "ERROR"], port, folder)
        self.url = f"mongodb://{LOOPBACK}:{port}"

    @classmethod
    def start(cls) -> Self:
        """A server that answers. Raises ServerUnavailableError."""
        program = Path(sys.executable).with_name("secantusd-py")
        if not program.exists():
            raise ServerUnavailableError("the package secantusdb is not installed")
        server = cls(program, free_port(), Path(tempfile.mkdtemp(prefix="agnodb-mongo-")))
        server.go_on()
        return server


def mongodb_version(url: str) -> str:
    """The version that the server of `url` reports."""
    from pymongo import MongoClient

    with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=int(START_SECONDS * 1000)) as client:
        return str(client.server_info()["version"])
