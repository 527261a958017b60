"""What foreign keys, unique keys and SKIP LOCKED do elsewhere, as steps, for a database that has none of them.

A sharded table of SingleStore has no unique key without its shard key, and no foreign key that is kept. The models say
which there are; each of these plans is one transaction (see `Steps`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import (
    Delete,
    Executable,
    Insert,
    ScalarSelect,
    Table,
    Update,
    bindparam,
    delete,
    literal_column,
    select,
)
from sqlalchemy.sql import visitors

from agnodb.errors import DuplicateKeyError, NotFoundError
from agnodb.sql.dialects.many_rows import Put
from agnodb.sql.dialects.steps import KEYS, Changed, Step, among, key_of
from agnodb.sql.executor import Ask, Row


def referring(table: Any) -> list[Any]:
    """The columns of other tables whose rows go with those of `table` that they name."""
    return [
        foreign.elements[0].parent
        for other in table.metadata.sorted_tables
        for foreign in other.foreign_key_constraints
        if foreign.referred_table is table and foreign.ondelete == "CASCADE"
    ]


def unique_columns(table: Table) -> list[str]:
    """The columns that only one row has the same values in, NULLs among them: those of its unique indexes, each of
    which counts for some of the rows."""
    return sorted({column.name for index in table.indexes if index.unique for column in index.columns})


def values_of(statement: Insert | Update) -> dict[str, Any]:
    """What an INSERT or UPDATE sets, by the names of the columns."""
    given: Any = statement._values or {}
    return {getattr(column, "name", column): value for column, value in given.items()}


def chooses(statement: Any) -> bool:
    """Whether a statement looks for its rows by a subquery, which another may answer alike at the same time."""
    parts = (part for where in statement._where_criteria for part in visitors.iterate(where))
    return any(isinstance(part, ScalarSelect) for part in parts)


class Deleted:
    """DELETE, with or without RETURNING, and with the rows that refer to what is deleted."""

    def __init__(self, statement: Delete) -> None:
        table: Any = statement.table
        key = key_of(table)
        wanted = select(key, *statement._returning).where(*statement._where_criteria)
        self._lock = Step(wanted.with_for_update())
        others = [delete(column.table).where(among(column)) for column in referring(table)]
        self._deletes = [Step(each) for each in (*others, delete(table).where(among(key)))]

    def run(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """See `Steps`."""
        rows = ask(self._lock(parameters))[0].rows
        if not rows:
            return ()
        keys = {KEYS: [row[0] for row in rows]}
        ask(*(step(parameters, **keys) for step in self._deletes), last=True)
        return [row[1:] for row in rows]


class Claimed(Changed):
    """An UPDATE ... RETURNING of rows that it chooses: once they are locked it asks whether they still are the ones,
    because whoever had them locked may have claimed them."""

    def __init__(self, statement: Update) -> None:
        super().__init__(statement)
        key = key_of(statement.table)  # type: ignore[arg-type]
        self._still = Step(select(key).where(among(key), *statement._where_criteria))

    def _locked(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        while rows := super()._locked(ask, parameters):
            if ask(self._still(parameters, **{KEYS: [row[0] for row in rows]}))[0].rows:
                return rows
        return ()


class InsertedOnce:
    """INSERT of a row, unless another has the same `unique_columns`. `alone` waits for the other writes that ask."""

    def __init__(self, statement: Any, alone: Executable) -> None:
        table: Any = statement.table
        values = values_of(statement)
        same = [table.c[name].is_not_distinct_from(values[name]) for name in unique_columns(table)]
        self._alone, self._insert = Step(alone), Step(statement)
        self._taken = Step(select(literal_column("1")).select_from(table).where(*same).limit(1))

    def run(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """See `Steps`. Raises DuplicateKeyError."""
        if ask(self._alone(parameters), self._taken(parameters))[-1].rows:
            raise DuplicateKeyError()
        return ask(self._insert(parameters), last=True)[0].rows


class InsertedUnder:
    """INSERT of a row that goes with a row of another table, which must be there and stays."""

    def __init__(self, statement: Any) -> None:
        (foreign,) = statement.table.foreign_keys
        named = values_of(statement)[foreign.parent.name]
        self._parent = Step(select(foreign.column).where(foreign.column == named).with_for_update())
        self._insert = Step(statement)

    def run(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """See `Steps`. Raises NotFoundError."""
        if not ask(self._parent(parameters))[0].rows:
            raise NotFoundError()
        return ask(self._insert(parameters), last=True)[0].rows


class ChangedOnce(Changed):
    """As `InsertedOnce`, of an UPDATE ... RETURNING that sets one of the `unique_columns`."""

    def __init__(self, statement: Any, alone: Executable) -> None:
        super().__init__(statement)
        table: Any = statement.table
        other, values = table.alias("other"), values_of(statement)
        same = [other.c[n].is_not_distinct_from(values.get(n, table.c[n])) for n in unique_columns(table)]
        key = key_of(table)
        joined = table.join(other, other.c[key.name] != key)
        self._alone = Step(alone)
        self._taken = Step(select(literal_column("1")).select_from(joined).where(among(key), *same).limit(1))

    def _locked(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        ask(self._alone(parameters))
        rows = super()._locked(ask, parameters)
        if rows and ask(self._taken(parameters, **{KEYS: [row[0] for row in rows]}))[0].rows:
            raise DuplicateKeyError()
        return rows


class Placed(Put):
    """A `Put` whose `unique` columns are no key of the table: a row that has them already lends its key.

    Whoever calls it is alone (see `Dialect.one_at_a_time`): the database would take two.
    """

    def ready(self, returning: Sequence[Any]) -> Placed:
        """With the statements built."""
        self._by, key = self.unique, key_of(self.table)
        columns = [self.table.c[name] for name in self._by]
        narrowed = (column.in_(bindparam(f"{KEYS}_{column.name}", expanding=True)) for column in columns)
        self._known = Step(select(key, *columns).where(*narrowed))
        self.unique, self.keep = [key.name], [*self.keep, *self._by]
        super().ready(returning)
        return self

    def run(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """See `Steps`."""
        rows = orjson.loads(parameters[self.name])
        (key,) = self.unique
        values = {f"{KEYS}_{name}": list(dict.fromkeys(row[name] for row in rows)) for name in self._by}
        known = {tuple(map(str, found[1:])): found[0] for found in ask(self._known(values))[0].rows}
        for row in rows:
            row[key] = known.get(tuple(str(row[name]) for name in self._by), row[key])
        return super().run(ask, {**parameters, self.name: orjson.dumps(rows).decode()})
