"""A server that speaks MongoDB's wire protocol, for tests: the one of the wheel `secantusdb`, as a process of its own.

It stores with WiredTiger, is a replica set of one, and lacks text indexes and vector search. Its licence is the GPL: it
is run, never imported.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from agnodb.testing.servers import LOOPBACK, ServerUnavailableError

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class MongoServer:
    """A server on a free port of the loopback interface; its data are deleted at the end."""

    def __init__(self, program: Path, port: int, folder: Path) -> None:
        place = ("--host", LOOPBACK, "--port", str(port), "--storage-path", str(folder / "data"))
        self._command = [str(program), *place, "--cache-size", "128M", "--log-level", "ERROR"]
        self._port, self._folder = port, folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"mongodb://{LOOPBACK}:{port}"

    @classmethod
    def start(cls) -> Self:
        """A server that answers. Raises ServerUnavailableError."""
        program = Path(sys.executable).with_name("secantusd-py")
        if not program.exists():
            raise ServerUnavailableError("the package secantusdb is not installed")
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            port = free.getsockname()[1]
        server = cls(program, port, Path(tempfile.mkdtemp(prefix="agnodb-mongo-")))
        server.go_on()
        return server

    def go_on(self) -> None:
        """Start it on its data, and wait until it answers. Raises ServerUnavailableError."""
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=quiet, stderr=quiet)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection((LOOPBACK, self._port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise ServerUnavailableError("secantusdb did not start")

    def kill(self) -> None:
        """End it at once, as kill -9 does; its data stay."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End the server and delete its data."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def mongodb_version(url: str) -> str:
    """The version that the server of `url` reports."""
    from pymongo import MongoClient

    with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=int(START_SECONDS * 1000)) as client:
        return str(client.server_info()["version"])
