"""A server of the tests as a process of its own, on a free port of the loopback interface."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from agnodb.testing.servers import LOOPBACK, ServerUnavailableError

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class ServerProcess:
    """A program that listens on `port` and keeps its data in `folder`, which is deleted at the end."""

    def __init__(self, command: Sequence[str], port: int, folder: Path) -> None:
        self._command, self.port, self._folder = command, port, folder
        self._process: subprocess.Popen[bytes] | None = None

    def go_on(self) -> None:
        """Start it on its data, and wait until it answers. Raises ServerUnavailableError."""
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=quiet, stderr=quiet)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection((LOOPBACK, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise ServerUnavailableError(f"{Path(self._command[0]).name} did not start")

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
