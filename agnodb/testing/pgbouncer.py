"""A real PgBouncer in transaction mode, in front of a test server: Debian's package `pgbouncer`, on loopback.

with PgBouncer.start(server, pool_size=4) as pooler:
    db = AsyncPostgresDb(db_url=pooler.url(url), pooler="transaction", migrations_url=url)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from agnodb.testing.servers import LOOPBACK, PostgresAccess, ServerUnavailableError, _give_away, _identity, free_port

POOL_SIZE = 4
START_SECONDS = 15.0
PORT_ATTEMPTS = 5
INSTALL = "apt-get install --no-install-recommends pgbouncer"


class PgBouncer:
    """A PgBouncer of our own; a context manager. Any user and password are let in."""

    def __init__(self, binary: str, server: PostgresAccess, settings: Mapping[str, object]) -> None:
        self._binary, self._server, self._settings = binary, server, settings
        self._directory = tempfile.TemporaryDirectory(prefix="agnodb-pgbouncer-")
        self.folder = Path(self._directory.name)
        """Where its Unix socket is."""
        self._process: subprocess.Popen[Any] | None = None
        self.port = 0

    @classmethod
    def start(
        cls, server: PostgresAccess, *, pool_size: int = POOL_SIZE, files: Sequence[Path] = (), **settings: object
    ) -> Self:
        """Start one with `pool_size` server connections for each database of `server`.

        `settings` are further lines of section ``[pgbouncer]``, which may name copies of `files`. Raises
        ServerUnavailableError, which says why, if PgBouncer is not installed or accepts no connection within 15 s.
        """
        binary = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if binary is None:
            raise ServerUnavailableError(f"PgBouncer is not installed: {INSTALL}")
        pooler = cls(binary, server, {"default_pool_size": pool_size, **settings})
        try:
            _give_away(pooler.folder)
            for file in files:
                _give_away(Path(shutil.copy(file, pooler.folder)))
            for _ in range(PORT_ATTEMPTS):
                if pooler._launch():
                    return pooler
            raise ServerUnavailableError(f"PgBouncer exits when started\n{pooler._log_tail()}")
        except BaseException:
            pooler.stop()
            raise

    def url(self, original: str) -> str:
        """`original`, the URL of a database on the server, through this pooler."""
        parts = urlsplit(original)
        user, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}{at}{LOOPBACK}:{self.port}").geturl()

    def version(self) -> str:
        """Its version number, such as "1.18.0"."""
        said = subprocess.run([self._binary, "--version"], capture_output=True, text=True).stdout.split()
        return said[1] if len(said) > 1 else "unknown"

    def show(self, what: str) -> list[dict[str, Any]]:
        """The rows of PgBouncer's ``SHOW what`` (servers, clients, pools)."""
        return self.tell(f"SHOW {what}")

    def tell(self, command: str) -> list[dict[str, Any]]:
        """Run a command of PgBouncer's console. The rows that it answers with."""
        import psycopg

        admin = f"host={LOOPBACK} port={self.port} user=pgbouncer dbname=pgbouncer"
        # The console knows only simple queries, and no transaction.
        with psycopg.connect(admin, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            cursor = connection.execute(command.encode())
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor] if names else []

    def stop(self) -> None:
        """End the process, and remove its files."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _launch(self) -> bool:
        """Start and wait until it listens; False if it exits instead, most likely because the port is taken."""
        self.port = free_port()
        configuration = self.folder / "pgbouncer.ini"
        configuration.write_text("\n".join(self._lines()))
        with self._log.open("ab") as log:
            # In a session of its own, or Ctrl-C would stop it before the tests that use it.
            process = self._process = subprocess.Popen(
                [self._binary, str(configuration)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **_identity(),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, self.port), timeout=1):
                return process.poll() is None
            if time.monotonic() > deadline:
                raise ServerUnavailableError(f"PgBouncer accepts no connection\n{self._log_tail()}")
            time.sleep(0.01)
        return False

    def _lines(self) -> Iterator[str]:
        parts = urlsplit(self._server.url)
        login = {"host": self._server.host, "port": self._server.port, "user": unquote(parts.username or "postgres")}
        if parts.password:
            login["password"] = unquote(parts.password)
        yield "[databases]"
        yield "* = " + " ".join(f"{name}='{str(value).replace(chr(39), chr(39) * 2)}'" for name, value in login.items())
        yield "[pgbouncer]"
        settings = {
            "listen_addr": LOOPBACK,
            "listen_port": self.port,
            "unix_socket_dir": self.folder,
            "auth_type": "any",
            "admin_users": "pgbouncer",
            "pool_mode": "transaction",
            "max_client_conn": 500,
            # Databases come and go with the tests.
            "server_idle_timeout": 5,
            "autodb_idle_timeout": 5,
            **self._settings,
        }
        yield from (f"{name} = {value}" for name, value in settings.items())

    @property
    def _log(self) -> Path:
        return self.folder / "pgbouncer.log"

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""
