"""Makes one statement of an engine fail as it would in an outage, without one.

    with Injection(db.engine) as injection:
        await db.get_session("s")
        points = injection.trace()          # one for each statement, BEGIN and COMMIT included
        injection.arm(fault, at=1)
        await db.get_session("s")           # its second statement meets the fault

Nothing is pretended where it need not be. A connection is lost because its socket is shut down, and the driver says
so in its own words; an error of PostgreSQL comes from PostgreSQL, which raises any SQLSTATE when it is told to. Only
SQLite has no such way: its errors are the driver's class with the code that SQLite would give.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

from sqlalchemy import Engine, exc
from sqlalchemy.util import await_only, greenlet_spawn

from agnodb.errors import AgnoDbError, ConfigurationError, UnavailableError
from agnodb.executors.on_driver import ON_DRIVER
from agnodb.testing.servers import LOOPBACK

SECRET = "db.internal.example"
"""In what the database says of every error that is told here, and never in what an end user reads."""

MESSAGE = f"failed on {SECRET} for user app: INSERT INTO t VALUES (42)"


class Kind(Enum):
    """What an error says about the statement that met it."""

    LOST = "the connection is gone: nobody knows whether it was done"
    REFUSED = "it was not done, and may be if it is run again"
    FINAL = "it was not done, and running it again is not for us to decide"


@dataclass
class Statement:
    """A statement that is about to run; `place` is 'alone', 'transaction' or 'commit'."""

    connection: Any
    place: str
    run: Callable[[], None]

    def ask(self, text: str) -> None:
        """Run another statement, as the driver does; it raises what the driver raises."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(text)
        finally:
            cursor.close()

    def cut(self) -> None:
        """Shut the connection's socket down, behind the driver's back."""
        driver = self.connection.driver_connection
        wire = getattr(driver, "pgconn", None)
        if wire is not None:  # psycopg
            with socket.socket(fileno=os.dup(wire.socket)) as found:
                found.shutdown(socket.SHUT_RDWR)
        elif hasattr(driver, "_sock"):  # PyMySQL
            driver._sock.shutdown(socket.SHUT_RDWR)
        elif hasattr(driver, "_writer"):  # aiomysql
            driver._writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        else:  # asyncpg
            driver._transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Fault:
    """A way to fail."""

    name: str
    kind: Kind
    strike: Callable[[Any], Any] = field(repr=False)
    error: type[AgnoDbError] = UnavailableError
    """What a call raises that cannot be made again."""
    lasting: bool = False
    """Whether no connection can be made from then on."""
    late: bool = False
    """Whether the statement succeeds, and what comes next on its connection meets the fault."""
    storing: bool = False
    """Whether it is met by the first statement that stores something for good, instead of by a certain one."""


class Injection:
    """Counts the statements that `engine` runs while the block runs, and makes one of them fail."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.struck = False
        """Whether the armed fault was met."""
        self._trace: list[str] = []
        self._fault: Fault | None = None
        self._at = 0
        self._out = False
        self._undo = contextlib.ExitStack()

    def arm(self, fault: Fault | None = None, at: int = 0) -> None:
        """Have the statement number `at` from now on, counted from 0, meet `fault`; once."""
        self._fault, self._at, self._trace, self.struck, self._out = fault, at, [], False, False

    def trace(self) -> tuple[str, ...]:
        """The place of each statement that ran since the last `arm`."""
        return tuple(self._trace)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Those that the database can have."""
        return faults(self.engine)

    @staticmethod
    def before(make: Callable[[], BaseException]) -> Callable[[Statement], None]:
        """A way to strike: what `make` gives is raised, and the statement is not run."""

        def strike(_statement: Statement) -> None:
            raise make()

        return strike

    @staticmethod
    def after(make: Callable[[], BaseException]) -> Callable[[Statement], None]:
        """A way to strike: what `make` gives is raised once the statement is done."""

        def strike(statement: Statement) -> None:
            statement.run()
            raise make()

        return strike

    def secrets(self) -> list[str | None]:
        """What no error may show an end user."""
        url = self.engine.url
        return [SECRET, url.host, url.username, url.password, url.database]

    def leaks(self) -> int:
        """The connections that nobody gave back."""
        pool: Any = self.engine.pool
        return int(pool.checkedout())

    def exhausted(self) -> Any:
        """While the block runs, the pool has no connection to give."""
        return exhausted(self.engine)

    def __enter__(self) -> Self:
        dialect: Any = self.engine.dialect
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            self._replace(dialect, name, self._executing)
        self._replace(dialect, "do_commit", self._committing)
        self._replace(dialect, "connect", self._connecting)
        direct = self.engine.get_execution_options().get(ON_DRIVER)
        if direct is not None:
            self._replace(direct, "fetch", self._awaiting if direct.awaits else self._fetching)
            if direct.packets:
                self._replace(direct, "send", self._sending)
        return self

    def __exit__(self, *_error: object) -> None:
        self._undo.close()

    def _replace(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        setattr(owner, name, lambda *args, **named: wrapper(original, *args, **named))
        self._undo.callback(delattr, owner, name)

    def _executing(self, original: Callable[..., None], cursor: Any, *args: Any) -> None:
        connection = args[-1].root_connection
        alone = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
        place = "alone" if alone else "transaction"
        self._meet(Statement(connection.connection, place, lambda: original(cursor, *args)))

    def _fetching(self, original: Callable[..., Any], pooled: Any, *args: Any) -> Any:
        rows: list[Any] = []
        self._meet(Statement(pooled, "alone", lambda: rows.extend(original(pooled, *args))))
        return rows

    async def _awaiting(self, original: Callable[..., Any], *args: Any) -> Any:
        return await greenlet_spawn(self._fetching, lambda *given: await_only(original(*given)), *args)

    def _sending(self, original: Callable[..., Any], connection: Any, packet: Any, last: bool) -> Any:
        answers: list[Any] = []
        place = "transaction" if not last else "alone" if "BEGIN" in packet or "COMMIT" not in packet else "commit"
        self._meet(Statement(connection, place, lambda: answers.extend(original(connection, packet, last))))
        return answers

    def _committing(self, original: Callable[..., None], connection: Any) -> None:
        self._meet(Statement(connection, "commit", lambda: original(connection)))

    def _connecting(self, original: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if not self._out:
            return original(*args, **named)
        with socket.socket() as closed:  # bound and not listening: whoever connects is refused
            closed.bind((LOOPBACK, 0))
            return original(*args, **{**named, "host": LOOPBACK, "port": closed.getsockname()[1]})

    def _meet(self, statement: Statement) -> None:
        number = len(self._trace)
        self._trace.append(statement.place)
        fault = self._fault
        if fault is None or self.struck or not self._due(fault, statement, number):
            statement.run()
        else:
            self.struck, self._out = True, fault.lasting
            fault.strike(statement)

    def _due(self, fault: Fault, statement: Statement, number: int) -> bool:
        return statement.place != "transaction" if fault.storing else number == self._at


# -- PostgreSQL -----------------------------------------------------------------------------------------------------


def _lost_before(statement: Statement) -> None:
    statement.cut()
    statement.run()


def _lost_during(statement: Statement) -> None:
    statement.run()
    statement.cut()
    statement.ask("SELECT 1")


def _lost_after(statement: Statement) -> None:
    statement.run()
    statement.cut()


def _terminated(statement: Statement) -> None:
    statement.ask("SELECT pg_terminate_backend(pg_backend_pid())")


def _raised(sqlstate: str) -> Callable[[Statement], None]:
    text = f"DO $$BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = '{sqlstate}'; END$$"
    return lambda statement: statement.ask(text)


_POSTGRES = (
    Fault("lost before", Kind.LOST, _lost_before),
    Fault("lost during", Kind.LOST, _lost_during),
    Fault("serialisation failure", Kind.REFUSED, _raised("40001")),
    Fault("permission denied", Kind.FINAL, _raised("42501"), ConfigurationError),
    Fault("lost after", Kind.LOST, _lost_after, late=True),
    Fault("terminated", Kind.LOST, _terminated),
    Fault("connection failure", Kind.LOST, _raised("08006")),
    Fault("outage", Kind.LOST, _lost_before, lasting=True),
    Fault("deadlock", Kind.REFUSED, _raised("40P01")),
    Fault("read-only", Kind.REFUSED, _raised("25006")),
    Fault("timeout", Kind.FINAL, _raised("57014")),
    Fault("lock timeout", Kind.FINAL, _raised("55P03")),
    Fault("disk full", Kind.FINAL, _raised("53100")),
)

# -- MySQL, MariaDB -------------------------------------------------------------------------------------------------


def _killed(statement: Statement) -> None:
    """By another connection, as an operator does it."""
    import pymysql

    driver = statement.connection.driver_connection
    place = {
        "host": driver.host,
        "port": driver.port,
        "user": driver.user,
        "password": getattr(driver, "_password", ""),
    }
    with pymysql.connect(**place) as other:
        other.cursor().execute(f"KILL {driver.thread_id()}")
    statement.run()


def _signalled(errno: int, sqlstate: str = "45000") -> Callable[[Statement], None]:
    text = f"SIGNAL SQLSTATE '{sqlstate}' SET MYSQL_ERRNO = {errno}, MESSAGE_TEXT = '{MESSAGE}'"
    return lambda statement: statement.ask(text)


_MYSQL = (
    Fault("lost before", Kind.LOST, _lost_before),
    Fault("lost during", Kind.LOST, _lost_during),
    Fault("deadlock", Kind.REFUSED, _signalled(1213, "40001")),
    Fault("permission denied", Kind.FINAL, _signalled(1142, "42000"), ConfigurationError),
    Fault("lost after", Kind.LOST, _lost_after, late=True),
    Fault("killed", Kind.LOST, _killed),
    Fault("server shutdown", Kind.LOST, _signalled(1053, "08S01")),
    Fault("outage", Kind.LOST, _lost_before, lasting=True),
    Fault("record changed", Kind.REFUSED, _signalled(1020)),
    Fault("read-only", Kind.REFUSED, _signalled(1290)),
    Fault("timeout", Kind.FINAL, _signalled(1969, "70100")),
    Fault("lock timeout", Kind.FINAL, _signalled(1205)),
    Fault("disk full", Kind.FINAL, _signalled(1021)),
)

# -- SQLite ---------------------------------------------------------------------------------------------------------

_ROLLS_BACK = (10, 13)
"""SQLite may end the transaction by itself (https://www.sqlite.org/lang_transaction.html)."""


def _failed(code: int) -> Callable[[Statement], None]:
    def strike(statement: Statement) -> None:
        if code & 0xFF in _ROLLS_BACK and statement.connection.driver_connection.in_transaction:
            statement.ask("ROLLBACK")
        error = sqlite3.OperationalError(MESSAGE)
        error.sqlite_errorcode = code
        raise error

    return strike


_SQLITE = (
    Fault("busy", Kind.REFUSED, _failed(5)),
    Fault("disk full", Kind.FINAL, _failed(13)),
    Fault("read error", Kind.FINAL, _failed(266)),  # IOERR_READ
    Fault("busy after recovery", Kind.REFUSED, _failed(261)),  # BUSY_RECOVERY
    Fault("locked", Kind.REFUSED, _failed(6)),
    Fault("read-only", Kind.FINAL, _failed(8)),
    Fault("cannot open", Kind.FINAL, _failed(14)),
    Fault("sync error", Kind.FINAL, _failed(1034)),  # IOERR_FSYNC
)

# -- any ------------------------------------------------------------------------------------------------------------


def faults(engine: Engine) -> tuple[Fault, ...]:
    """The faults that the database behind `engine` can have, those that cover the kinds first."""
    if engine.dialect.driver in ("aiosqlite", "pysqlite"):
        return _SQLITE
    return _MYSQL if engine.dialect.driver in ("aiomysql", "pymysql") else _POSTGRES


@contextlib.contextmanager
def exhausted(engine: Engine) -> Any:
    """While the block runs, the pool has no connection to give, and says so as it does after its `pool_timeout`."""

    def connect() -> Any:
        raise exc.TimeoutError(f"QueuePool limit of size 10 overflow 0 reached, {SECRET}")

    pool: Any = engine.pool
    ways = [name for name in ("connect", "lend") if hasattr(pool, name)]
    for name in ways:
        setattr(pool, name, connect)
    try:
        yield
    finally:
        for name in ways:
            delattr(pool, name)
