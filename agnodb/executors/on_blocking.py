"""Statements on a driver without an event loop: its connections are in autocommit for as long as a statement takes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, Executable

from agnodb.executors.driving import drive
from agnodb.executors.on_driver import MYSQL_SAME, SQLITE_SAME, Compiled, OnDriver, failed
from agnodb.executors.packets import Packet, Step, run_steps, sent
from agnodb.sql.executor import Answer, Row, Steps

if TYPE_CHECKING:
    from agnodb.executors.blocking import BlockingState
    from agnodb.executors.retries import Attempts

T = TypeVar("T")


class OnBlocking(OnDriver):
    """The statements of one engine."""

    awaits = False

    async def run(
        self, state: BlockingState, compiled: Compiled, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        statement = compiled.text, self.values(compiled, parameters)
        rows: Sequence[Row] = await state.wait(
            self._lent, state.engine, statement, attempts, lambda lent: self.fetch(lent, *statement)
        )
        return rows if compiled.answers else ()

    def _lent(self, engine: Engine, statement: Any, attempts: Attempts, work: Callable[[Any], T]) -> T:
        """What `work` gives, on a connection of its own; `statement` is for errors."""
        pooled = _checked_out(engine)
        attempts.sent = True
        try:
            self.set_autocommit(pooled.driver_connection, True)
            made = work(pooled)
            self.set_autocommit(pooled.driver_connection, False)
        except BaseException as error:
            self._restore(pooled.driver_connection)
            failed(engine, pooled, statement, error, attempts)
        pooled.close()
        return made

    def fetch(self, connection: Any, text: str, values: Any) -> Sequence[Row]:
        cursor = connection.driver_connection.execute(text, values)
        rows: Sequence[Row] = cursor.fetchall() if cursor.description is not None else ()
        return rows

    def _restore(self, connection: Any) -> None:
        """No transaction may begin on a connection that is still in autocommit. SQLAlchemy throws a closed one away."""
        try:
            self.set_autocommit(connection, False)
        except Exception:  # it is lost, or in the middle of something
            connection.close()

    def values(self, compiled: Compiled, given: Mapping[str, Any]) -> Any:
        """The values of the parameters, as the text has these."""
        return dict(zip(compiled.names, compiled.values(given), strict=True))

    @abstractmethod
    def set_autocommit(self, connection: Any, on: bool) -> None:
        """Whether each statement on a connection of the driver is its own transaction."""


class OnPsycopg(OnBlocking):
    """Over a network."""

    def set_autocommit(self, connection: Any, on: bool) -> None:
        connection.autocommit = on


class OnSqlite3(OnBlocking):
    """In a file."""

    same, begins = SQLITE_SAME, 1

    def values(self, compiled: Compiled, given: Mapping[str, Any]) -> Any:
        return compiled.values(given)

    def set_autocommit(self, connection: Any, on: bool) -> None:
        # SQLAlchemy sets its own, where the driver would begin transactions. Ours begin by a BEGIN.
        if on and connection.isolation_level is not None:
            connection.isolation_level = None


class OnPyMySQL(OnBlocking):
    """Over a network. Its connections are in autocommit from their beginning, see `agnodb.mysql_drivers`."""

    same, packets = MYSQL_SAME, True

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[Executable, Step] = {}

    def set_autocommit(self, connection: Any, on: bool) -> None:
        """They stay as they are."""

    def fetch(self, connection: Any, text: str, values: Any) -> Sequence[Row]:
        with connection.driver_connection.cursor() as cursor:
            cursor.execute(text, values)
            rows: Sequence[Row] = cursor.fetchall()
        return rows

    async def run_steps(
        self, state: BlockingState, steps: Steps, parameters: Mapping[str, Any], attempts: Attempts
    ) -> tuple[Sequence[Row], int]:
        def in_packets(pooled: Any) -> tuple[Sequence[Row], int]:
            return run_steps(self, state.engine, pooled, steps, parameters, attempts)

        return await state.wait(self._lent, state.engine, (None, None), attempts, in_packets)

    def send(self, connection: Any, packet: Packet, last: bool) -> Sequence[Answer]:
        """See `agnodb.executors.packets.Sender`."""
        with connection.driver_connection.cursor() as cursor:

            async def ask(text: str) -> Sequence[Answer]:
                cursor.execute(text)
                answers = [_answer(cursor)]
                while cursor.nextset():
                    answers.append(_answer(cursor))
                return answers

            async def ask_many(text: str, parameters: Sequence[Mapping[str, Any]]) -> Answer:
                cursor.executemany(text, parameters)
                return _answer(cursor)

            return drive(sent(packet, ask, ask_many))


def _answer(cursor: Any) -> Answer:
    return Answer(cursor.fetchall() if cursor.description is not None else (), cursor.rowcount)


def _checked_out(engine: Engine) -> Any:
    try:
        return engine.pool.connect()
    except engine.dialect.loaded_dbapi.Error as error:
        Connection._handle_dbapi_exception_noconnection(error, engine.dialect, engine)
