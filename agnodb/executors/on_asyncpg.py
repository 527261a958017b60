"""Statements on asyncpg itself, on connections from SQLAlchemy's pool.

SQLAlchemy compiles a shape once. From then on its text and its values go to the driver, which keeps it prepared: what
SQLAlchemy does for one statement (a connection with an isolation level that is taken back, a context, a result, and a
greenlet to wait in) costs three times what the driver does. Only a statement that is alone goes this way: a connection
of asyncpg is in autocommit as it is. Whatever fails is told to SQLAlchemy, which decides, with everybody who listens to
its errors, whether the connection is thrown away, and all that are as old.

SQLAlchemy's own way is the reference, and runs what is left: transactions, a shape whose values or columns need its
types, an engine that was passed in, a pooler in transaction mode, and an engine whose statements or connections
somebody listens to, or has logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import ARRAY, Boolean, Connection, Date, Dialect, Engine, Enum, Integer, String, exc
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType, TypeEngine

from agnodb.sql.executor import Row, Shape, Steps

if TYPE_CHECKING:
    from agnodb.executors.loops import LoopState
    from agnodb.executors.retries import Attempts

ON_ASYNCPG = "agnodb_on_asyncpg"
"""An execution option of an engine: its `OnAsyncpg`."""

# Values of these are the same for the driver as for SQLAlchemy.
_SAME = (String, Integer, Boolean, Date)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A shape as the driver runs it."""

    text: str
    values: Callable[[Mapping[str, Any]], Sequence[Any]]
    """The values of its parameters, in the order of the text."""
    answers: bool


class OnAsyncpg:
    """The statements of one engine, whose pool has `size` connections of one event loop.

    Who must wait for one of them waits here, at most `patience` seconds, and has its turn: in the pool's own line a
    caller who gives a connection back and asks again goes before those who wait, and wakes them in vain.
    """

    def __init__(self, size: int, patience: float) -> None:
        self._compiled: dict[Shape, Compiled | None] = {}
        self._turns, self._patience = asyncio.Semaphore(size), patience

    def compiled(self, shape: Shape, engine: Engine) -> Compiled | None:
        """`shape` as the driver runs it; None where SQLAlchemy must."""
        try:
            found = self._compiled[shape]
        except KeyError:
            found = self._compiled[shape] = _compiled(shape, engine.dialect)
        return None if found is None or _observed(engine) else found

    async def run(
        self, state: LoopState, compiled: Compiled, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        """The rows of a statement that is alone. Raises what SQLAlchemy would."""
        text, values = compiled.text, compiled.values(parameters)
        if self._turns.locked():
            await self._turn()
        else:
            await self._turns.acquire()  # at once
        try:
            pooled = state.idle() or await state.wait(_checked_out, state.engine)
            attempts.sent = True
            try:
                rows = await self.fetch(pooled, text, values)
            except GeneratorExit:  # nobody may wait for anything any more
                pooled.invalidate()
                raise
            except BaseException as error:
                await state.wait(_failed, state.engine, pooled, (text, values), error, attempts)
                raise
            pooled.close()
        finally:
            self._turns.release()
        return rows if compiled.answers else ()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError as error:
            raise exc.TimeoutError(f"no connection was free for {self._patience} seconds") from error

    def fetch(self, pooled: Any, text: str, values: Sequence[Any]) -> Awaitable[Sequence[Row]]:
        """The rows of `text` on the connection `pooled`. Raises what the driver raises."""
        rows: Awaitable[Sequence[Row]] = pooled.driver_connection.fetch(text, *values)
        return rows


def _checked_out(engine: Engine) -> Any:
    return engine.connect().connection  # not from the pool: what a driver raises is told in SQLAlchemy's words


def _observed(engine: Engine) -> bool:
    """Whether somebody listens to the statements of `engine` or to its pool, or has them logged."""
    heard = engine.pool.dispatch
    return (
        getattr(engine, "_has_events", True)
        or engine._should_log_info()
        or bool(heard.checkin or heard.reset)
        or len(heard.checkout) > 1  # ours
    )


def _failed(
    engine: Engine, pooled: Any, statement: tuple[Any, Any], error: BaseException, attempts: Attempts
) -> NoReturn:
    """Give the connection back, or up, and raise `error` as SQLAlchemy would have it."""
    connection = Connection(engine, pooled)
    try:
        try:
            pooled.dbapi_connection._handle_exception(error)
            raise error
        except BaseException as told:
            of_the_driver = isinstance(told, engine.dialect.loaded_dbapi.Error)
            text, values = statement if of_the_driver else (None, None)
            connection._handle_dbapi_exception(told, text, values, None, None)
    finally:
        attempts.lost = connection.invalidated
        connection.close()


def _compiled(shape: Shape, dialect: Dialect) -> Compiled | None:
    if isinstance(shape.statement, Steps):
        return None
    made: Any = shape.statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    columns = getattr(shape.statement, "exported_columns", ())
    if not _is_plain(made) or not all(_is_same(column.type) for column in columns):
        return None
    return Compiled(made.string, _values(made), bool(len(columns)))


def _is_plain(made: SQLCompiler) -> bool:
    """Whether the text is complete, and the parameters of a call go into it as they are."""
    added = (made.post_compile_params, made.literal_execute_params, made.escaped_bind_names)
    defaults = (made.insert_prefetch, made.update_prefetch)
    given = [bind.type for bind in made.binds.values() if bind.required]
    return not any((*added, *defaults)) and all(_is_same(kind) or isinstance(kind, ARRAY) for kind in given)


def _is_same(kind: TypeEngine[Any]) -> bool:
    return isinstance(kind, (*_SAME, NullType)) and not isinstance(kind, Enum)


def _values(made: SQLCompiler) -> Callable[[Mapping[str, Any]], Sequence[Any]]:
    names = made.positiontup or []
    fixed = {name: _fixed(made, name) for name in names if not made.binds[name].required}
    if not names:
        return lambda _parameters: ()
    if len(names) == 1:
        (name,) = names
        return lambda parameters: ({**fixed, **parameters}[name],)
    chosen = itemgetter(*names)
    return (lambda parameters: chosen({**fixed, **parameters})) if fixed else chosen


def _fixed(made: SQLCompiler, name: str) -> Any:
    """The value that a bind has of its own."""
    processed: Any = made._bind_processors.get(name)
    value = made.binds[name].effective_value
    return value if processed is None else processed(value)
