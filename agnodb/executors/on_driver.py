"""Statements on the driver itself, on connections from SQLAlchemy's pool.

SQLAlchemy compiles a shape once. From then on its text and its values go to the driver, which keeps it prepared: what
SQLAlchemy does for one statement (a connection with an isolation level that is taken back, a context, a result, and
with asyncio a greenlet to wait in) costs three times what the driver does. Only a statement that is alone goes this
way. Whatever fails is told to SQLAlchemy, which decides, with everybody who listens to its errors, whether the
connection is thrown away, and all that are as old.

SQLAlchemy's own way is the reference, and runs what is left: transactions, a shape whose values or columns need its
types, an engine that was passed in, asyncpg through a pooler in transaction mode, and an engine whose statements or
connections somebody listens to, or has logged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from sqlalchemy import ARRAY, Boolean, Connection, Date, Dialect, Engine, Enum, Executable, Integer, String
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType, TypeEngine

from agnodb.sql.executor import Row, Shape, Steps

if TYPE_CHECKING:
    from agnodb.executors.retries import Attempts

ON_DRIVER = "agnodb_on_driver"
"""An execution option of an engine: its `OnDriver`."""

SQLITE_SAME = (String, Integer)
"""As `OnDriver.same`: SQLite knows no booleans and no dates."""
MYSQL_SAME = (String, Integer, Date)
"""As `OnDriver.same`: a boolean of MySQL is a number."""

_HEARD = (
    "before_execute",
    "after_execute",
    "before_cursor_execute",
    "after_cursor_execute",
    "engine_connect",
    "commit",
    "rollback",
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A shape as the driver runs it."""

    text: str
    names: Sequence[str]
    """Its parameters, in the order of the text."""
    fixed: Mapping[str, Any]
    """Those that it brings along."""
    answers: bool
    writes: bool

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        """The values of the parameters, in their order."""
        values = {**self.fixed, **given} if self.fixed else given
        return [values[name] for name in self.names]


class OnDriver(ABC):
    """The statements of one engine."""

    packets: ClassVar[bool] = False
    """Whether it takes the statements of a `Steps`, see `agnodb.executors.packets`."""
    awaits: ClassVar[bool]
    """Whether `fetch` gives something to be awaited."""
    same: ClassVar[tuple[type[TypeEngine[Any]], ...]] = (String, Integer, Boolean, Date)
    """Values of these are the same for the driver as for SQLAlchemy."""
    checkouts: ClassVar[int] = 0
    """How many of our own listen to whoever takes a connection from the pool."""
    begins: ClassVar[int] = 0
    """How many of our own listen to transactions that begin."""

    def __init__(self) -> None:
        self._compiled: dict[Shape, Compiled | Steps | None] = {}

    def compiled(self, shape: Shape, engine: Engine) -> Compiled | Steps | None:
        """`shape` as the driver runs it; None where SQLAlchemy must."""
        try:
            found = self._compiled[shape]
        except KeyError:
            found = self._compiled[shape] = self._prepared(shape, engine.dialect)
        return None if found is None or self._observed(engine) else found

    def _prepared(self, shape: Shape, dialect: Dialect) -> Compiled | Steps | None:
        if isinstance(shape.statement, Steps):
            return shape.statement if self.packets else None
        return _compiled(shape.statement, dialect, self.same)

    def _observed(self, engine: Engine) -> bool:
        """Whether somebody listens to the statements of `engine` or to its pool, or has them logged."""
        heard, pool = engine.dispatch, engine.pool.dispatch
        if getattr(engine, "_has_events", True) and (
            len(heard.begin) > self.begins or any(getattr(heard, name) for name in _HEARD)
        ):
            return True
        return (
            engine._should_log_info()
            or engine.pool._should_log_debug()
            or bool(pool.checkin or pool.reset)
            or len(pool.checkout) > self.checkouts
        )

    @abstractmethod
    async def run(
        self, state: Any, compiled: Compiled, parameters: Mapping[str, Any], attempts: Attempts
    ) -> Sequence[Row]:
        """The rows of a statement that is alone, on the engine of `state`. Raises what SQLAlchemy would."""

    async def run_steps(
        self, state: Any, steps: Steps, parameters: Mapping[str, Any], attempts: Attempts
    ) -> tuple[Sequence[Row], int]:
        """As `run`, of several statements; and how many there were. For those that take `packets`."""
        raise NotImplementedError

    @abstractmethod
    def fetch(self, connection: Any, text: str, values: Any) -> Any:
        """The rows of `text` on the `driver_connection` of `connection`. Raises what the driver raises."""


def failed(
    engine: Engine, pooled: Any, statement: tuple[Any, Any], error: BaseException, attempts: Attempts
) -> NoReturn:
    """Give the connection back, or up, and raise `error`, which `statement` (its text and values) met, as SQLAlchemy
    would have it."""
    connection = Connection(engine, pooled)
    try:
        of_the_driver = isinstance(error, engine.dialect.loaded_dbapi.Error)
        text, values = statement if of_the_driver else (None, None)
        connection._handle_dbapi_exception(error, text, values, None, None)
    finally:
        attempts.lost = connection.invalidated
        connection.close()


def _compiled(statement: Executable, dialect: Dialect, same: tuple[type[TypeEngine[Any]], ...]) -> Compiled | None:
    made: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
    columns = getattr(statement, "exported_columns", ())
    given = [bind.type for bind in made.binds.values() if bind.required]
    if not _is_plain(made) or not all(_is_same(kind, same) for kind in (*given, *(each.type for each in columns))):
        return None
    names = made.positiontup or list(made.binds)
    fixed = {name: brought(made, name) for name in names if not made.binds[name].required}
    return Compiled(made.string, names, fixed, bool(len(columns)), getattr(statement, "is_dml", False))


def _is_plain(made: SQLCompiler) -> bool:
    """Whether the text is complete, and the parameters of a call go into it as they are."""
    added = (made.post_compile_params, made.literal_execute_params, made.escaped_bind_names)
    return not any((*added, made.insert_prefetch, made.update_prefetch))


def _is_same(kind: TypeEngine[Any], same: tuple[type[TypeEngine[Any]], ...]) -> bool:
    if isinstance(kind, ARRAY):
        return _is_same(kind.item_type, same)
    return isinstance(kind, (*same, NullType)) and not isinstance(kind, Enum)


def brought(made: Any, name: str) -> Any:
    """The value that a bind has of its own."""
    processed: Any = made._bind_processors.get(name)
    value = made.binds[name].effective_value
    return value if processed is None else processed(value)
