"""A real MariaDB for the tests: Debian's package `mariadb-server-core`, a private instance on loopback.

with MariaDBServer.start() as server:
    db = AsyncMySQLDb(db_url=server.url, db_schema=server.create_database("agno"))
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from agnodb.testing.servers import (
    LOOPBACK,
    OwnServer,
    ServerUnavailableError,
    _give_away,
    _identity,
    _temporary,
    free_port,
)

INSTALL = "apt-get install --no-install-recommends mariadb-server-core mariadb-client-core"
FAST = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync")
SMALL = ("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--max-connections=200")


class MySQLAccess:
    """Administration of a running server of MySQL's protocol, whoever started it. Needs PyMySQL."""

    def __init__(self, url: str) -> None:
        self.url = f"mysql://{url.partition('://')[2]}"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 3306

    def create_database(self, name: str) -> str:
        """Create an empty database; its name."""
        self.run(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists."""
        self.run(f"DROP DATABASE IF EXISTS {name}")

    def version(self) -> str:
        """The server's version, such as "10.11.19-MariaDB"."""
        return "-".join(str(self.run("SELECT VERSION()")[0][0]).split("-")[:2])

    def run(self, *statements: str) -> Any:
        """The rows of the last of `statements`, which are run on one connection."""
        import pymysql

        parts = urlsplit(self.url)
        with pymysql.connect(
            host=self.host,
            port=self.port,
            user=unquote(parts.username or "root"),
            password=unquote(parts.password or ""),
            autocommit=True,
            connect_timeout=10,
        ) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()


class MariaDBServer(OwnServer, MySQLAccess):
    """A MariaDB of our own, see `OwnServer`."""

    name = "MariaDB"

    def __init__(self, binary: str, install: str, directory: Path, *, durable: bool) -> None:
        super().__init__(directory, durable=durable)
        self._binary, self._install = binary, install
        # Its own: a server that starts removes the temporary tables of all others there.
        self._files = directory / "temporary"

    @classmethod
    def start(cls, *, durable: bool = False) -> Self:
        """Start a server whose data live in the system's temp directory until `stop`.

        `durable` keeps MariaDB's default durability: without it, commits of the last second may be lost by a crash of
        the machine, though not by `kill`. Raises ServerUnavailableError, which says why, if it is not installed or
        accepts no connection within 30 s.
        """
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
        binary, install = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db", path=path)
        if binary is None or install is None:
            raise ServerUnavailableError(f"MariaDB is not installed: {INSTALL}")
        temporary, directory = _temporary("agnodb-mariadb-")
        server = cls(binary, install, directory, durable=durable)
        server._temporary = temporary
        return server._begin()

    def _initialise(self) -> None:
        for made in (self._data, self._files):
            made.mkdir()
            _give_away(made)
        command = [self._install, "--no-defaults", f"--datadir={self._data}", f"--tmpdir={self._files}"]
        command += ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, **_identity())
        if done.returncode:
            raise ServerUnavailableError(f"mariadb-install-db failed\n{done.stdout}{done.stderr}")

    def _free_url(self) -> str:
        return f"mysql://root@{LOOPBACK}:{free_port()}"

    def _command(self) -> list[str]:
        return [
            self._binary, "--no-defaults", f"--datadir={self._data}", f"--bind-address={LOOPBACK}",
            f"--port={self.port}", f"--socket={self._data / 'socket'}", f"--pid-file={self._data / 'pid'}",
            f"--tmpdir={self._files}", "--skip-log-bin", *SMALL, *(() if self._durable else FAST),
        ]  # fmt: skip

    def _ready(self, pid: int) -> bool:
        # Its own file first: a connection could be answered by a stranger who took the port.
        try:
            if (self._data / "pid").read_text().strip() != str(pid):
                return False
            self.run("SELECT 1")
        except Exception:  # not yet: whatever it says, the deadline decides
            return False
        return True
