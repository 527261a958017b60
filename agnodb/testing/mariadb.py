"""A real MariaDB for the tests: Debian's package `mariadb-server-core`, a private instance on loopback.

with MariaDBServer.start() as server:
    db = AsyncMySQLDb(db_url=server.url, db_schema=server.create_database("agno"))
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from agnodb.testing.servers import LOOPBACK, ServerUnavailableError, _free_url, _give_away, _identity

START_SECONDS = 30.0
STOP_SECONDS = 20.0
PORT_ATTEMPTS = 5
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


class MariaDBServer(MySQLAccess):
    """A MariaDB of our own, on the same port for life: its `url` survives `kill` and `restart`."""

    def __init__(self, binary: str, directory: Path, *, durable: bool) -> None:
        super().__init__("mysql://")
        self._binary, self._durable = binary, durable
        self._data, self._log = directory / "data", directory / "server.log"
        # Its own: a server that starts removes the temporary tables of all others there.
        self._files = directory / "temporary"
        self._process: subprocess.Popen[Any] | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

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
        temporary = tempfile.TemporaryDirectory(prefix="agnodb-mariadb-")
        _give_away(Path(temporary.name))
        server = cls(binary, Path(temporary.name), durable=durable)
        server._temporary = temporary
        try:
            server._initialise(install)
            for _ in range(PORT_ATTEMPTS):
                server.url = f"mysql://root@{LOOPBACK}:{urlsplit(_free_url()).port}"
                if server._launch():
                    return server
            raise ServerUnavailableError(f"MariaDB exits when started\n{server._log_tail()}")
        except BaseException:
            server.stop()
            raise

    def kill(self) -> None:
        """Kill the server at once, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Start again on the same port and data, after shutting down if need be."""
        self._shut_down()
        if not self._launch():
            raise ServerUnavailableError(f"MariaDB does not restart\n{self._log_tail()}")

    def stop(self) -> None:
        """Shut down, and remove the data."""
        self._shut_down()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _initialise(self, install: str) -> None:
        for made in (self._data, self._files):
            made.mkdir()
            _give_away(made)
        command = [install, "--no-defaults", f"--datadir={self._data}", "--auth-root-authentication-method=normal"]
        done = subprocess.run(
            [*command, "--skip-test-db", "--skip-name-resolve", f"--tmpdir={self._files}"],
            cwd="/", capture_output=True, text=True, **_identity(),
        )  # fmt: skip
        if done.returncode:
            raise ServerUnavailableError(f"mariadb-install-db failed\n{done.stdout}{done.stderr}")

    def _launch(self) -> bool:
        """Start the server and wait until it accepts connections; False if it exits instead."""
        command = [
            self._binary, "--no-defaults", f"--datadir={self._data}", f"--bind-address={LOOPBACK}",
            f"--port={self.port}", f"--socket={self._data / 'socket'}", f"--pid-file={self._data / 'pid'}",
            f"--tmpdir={self._files}", "--skip-log-bin", *SMALL, *(() if self._durable else FAST),
        ]  # fmt: skip
        with self._log.open("ab") as log:
            # In a session of its own, or Ctrl-C would stop the server before the tests that use it.
            process = self._process = subprocess.Popen(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                **_identity(),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None:
            if self._ready(process.pid):
                return True
            if time.monotonic() > deadline:
                raise ServerUnavailableError(f"MariaDB accepts no connection\n{self._log_tail()}")
            time.sleep(0.02)
        return False

    def _ready(self, pid: int) -> bool:
        # Its own file first: a connection could be answered by a stranger who took the port.
        try:
            if (self._data / "pid").read_text().strip() != str(pid):
                return False
            self.run("SELECT 1")
        except Exception:  # not yet: whatever it says, the deadline decides
            return False
        return True

    def _shut_down(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""
