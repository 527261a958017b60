"""What RETURNING and ON CONFLICT ... WHERE say in one statement, as several, for databases that have neither.

The rows are locked first, then changed by their keys, then read: so what is answered is what was changed, whoever
else writes, and no condition is asked twice. All steps of one plan are one transaction (see `Steps`), and what does not
wait for an answer is asked together. Each statement is built once.

Where a statement names its one row, nothing waits: a change tells by the number of its rows whether there was one, and
the row is read after it. That needs a database that counts a row which an UPDATE leaves as it was (`at_once`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Delete,
    Executable,
    Insert,
    Select,
    Table,
    UniqueConstraint,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.sql import operators, visitors

from agnodb.sql.executor import Answer, Ask, Row, Statement

KEYS = "agnodb_keys"
_EXCLUDED = "agnodb_excluded."
_DUPLICATE = 1062
_MOST_KNOWN = 4096
_LARGE = 100_000
"""Characters of an upsert that are not sent twice to save a round trip: in its UPDATE and in its INSERT."""


def excluded(name: str) -> ColumnElement[Any]:
    """Stands for the value of `name` that was to be inserted, until the plan has it."""
    return literal_column(_EXCLUDED + name)


def _given(expression: Any, values: Mapping[str, ColumnElement[Any]], bound: Mapping[str, Any] | None = None) -> Any:
    """`expression` with `values` for what was `excluded`, and what `bound` has for binds."""

    def replaced(element: Any, **_: Any) -> Any:
        if getattr(element, "is_literal", False) and element.name.startswith(_EXCLUDED):
            return values[element.name.removeprefix(_EXCLUDED)]
        return bound.get(element.key) if bound and isinstance(element, BindParameter) else None

    if not hasattr(expression, "get_children"):
        return expression
    return visitors.replacement_traverse(expression, {}, replaced)


class Step:
    """One statement, and which of the parameters are its own."""

    def __init__(self, statement: Any, *parts: Any) -> None:
        """`parts` are those of the statement that SQLAlchemy does not find in it."""
        self._statement: Executable = statement
        found = chain.from_iterable(map(visitors.iterate, (statement, *parts)))
        self._names = {part.key for part in found if isinstance(part, BindParameter)}

    def __call__(self, parameters: Mapping[str, Any], **further: Any) -> Statement:
        """With its own of these parameters."""
        given = {**parameters, **further} if further else parameters
        return self._statement, {name: given[name] for name in self._names if name in given}


def key_of(table: Table) -> Column[Any]:
    """The one column that is the key of `table`."""
    (key,) = table.primary_key
    return key


def among(key: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether `key` is one of the parameter `KEYS`."""
    return key.in_(bindparam(KEYS, expanding=True))


def _set(statement: Update, table: Table, values: Mapping[Any, Any]) -> Update:
    """`statement` with SET."""
    return statement.ordered_values(*_ordered(table, values))


def _ordered(table: Table, values: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Assignments see those to their left: who reads a column goes before who sets it."""
    left = {getattr(name, "name", name): value for name, value in values.items()}
    read = {name: _columns_of(value, table) for name, value in left.items()}
    ordered: list[tuple[Any, Any]] = []
    while left:
        name = next((n for n in left if not any(n in read[other] for other in left if other != n)), next(iter(left)))
        ordered.append((table.c[name], left.pop(name)))
    return ordered


def has_further_keys(table: Table) -> bool:
    """Whether rows of `table` are unique by more than their key."""
    unique = any(isinstance(each, UniqueConstraint) for each in table.constraints)
    return unique or any(index.unique for index in table.indexes)


def _columns_of(value: Any, table: Table) -> set[str]:
    if not hasattr(value, "get_children"):
        return set()
    return {c.name for c in visitors.iterate(value) if isinstance(c, Column) and c.table is table}


def _error_code(error: Exception) -> Any:
    """The server's number, of an error of the driver or of SQLAlchemy's about it."""
    return next(iter(getattr(error, "orig", error).args), None)


def _named_row(statement: Any, key: Column[Any]) -> Any:
    """The condition that names the one row of a statement by its `key`; None if there is none."""
    for each in statement._where_criteria:
        if (
            getattr(each, "operator", None) is operators.eq
            and each.left is key
            and isinstance(each.right, BindParameter)
        ):
            return each
    return None


class Changed:
    """UPDATE ... RETURNING, or DELETE ... RETURNING."""

    def __init__(self, statement: Any, *, at_once: bool = False) -> None:
        table: Table = statement.table
        key, returning = key_of(table), list(statement._returning)
        deletes = isinstance(statement, Delete)
        self._key_only = [column.name for column in returning] == [key.name]
        locked = select(key, *(returning if deletes else ())).where(*statement._where_criteria)
        self._lock = Step(locked.with_for_update())
        if deletes:
            made: Any = delete(table)
            self._read = None
        else:
            made = _set(update(table), table, statement._values or dict(statement._ordered_values or ()))
            self._read = None if self._key_only else Step(select(*returning).where(among(key)))
        self._change = Step(made.where(among(key)))
        named = _named_row(statement, key) if at_once and (self._key_only or not deletes) else None
        self._named = None
        if named is not None:
            self._named, found = named.right, select(*returning).where(named)
            self._alone, self._found = Step(made.where(*statement._where_criteria)), Step(found)

    def run(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """See `Steps`."""
        if self._named is not None:
            return self._at_once(ask, parameters)
        rows = self._locked(ask, parameters)
        if not rows:
            return ()
        keys = {KEYS: [row[0] for row in rows]}
        change = self._change(parameters, **keys)
        if self._read is None:
            ask(change, last=True)
            return [row[1:] or row for row in rows]
        return ask(change, self._read(parameters, **keys), last=True)[-1].rows

    def _at_once(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        if not self._key_only:
            changed, found = ask(self._alone(parameters), self._found(parameters), last=True)
            return found.rows if changed.rowcount else ()
        (changed,) = ask(self._alone(parameters), last=True)
        named: Any = self._named
        return [(parameters.get(named.key, named.value),)] if changed.rowcount else ()

    def _locked(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """The rows to change, by their keys, which nobody else writes from now on."""
        return ask(self._lock(parameters))[0].rows


def _whether(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[Any]:
    one: ColumnElement[Any] = literal_column("1")
    zero: ColumnElement[Any] = literal_column("0")
    return case((and_(*conditions), one), else_=zero) if conditions else one


def as_values(table: Table, values: Mapping[str, ColumnElement[Any]]) -> Insert:
    """INSERT of a row whose values are expressions."""
    return insert(table).values(dict(values))


@dataclass
class Upsert:
    """INSERT ... ON CONFLICT (key) DO UPDATE SET `update` WHERE `where`, or DO NOTHING for None."""

    table: Table
    values: dict[str, ColumnElement[Any]]
    update: Mapping[str, Any] | None
    where: ColumnElement[bool] | None
    inserted: Callable[[Table, Mapping[str, ColumnElement[Any]]], Insert] = as_values
    at_once: bool = False
    allowed: ColumnElement[bool] | None = None
    """Whether the row may be there at all."""
    stored: Select[Any] | None = None
    """What to answer with where nothing is written; the columns that differ are NULL in what was."""

    def ready(self, returning: Sequence[Any]) -> Upsert:
        """With the statements built."""
        key = key_of(self.table)
        mine = key == self.values[key.name]
        conditions = [given for given in (self.where, self.allowed) if given is not None]
        where = [_given(condition, self.values) for condition in conditions]
        self._lock = Step(select(_whether(where)).where(mine).with_for_update())
        self._insert = Step(self.inserted(self.table, self.values))
        absent = [] if self.allowed is None else [self.allowed]
        missing = select(*self.values.values()).where(~exists().where(mine).correlate(None), *absent)
        self._insert_absent = Step(insert(self.table).from_select(list(self.values), missing))
        self._change = self._change_allowed = None
        if self.update is not None:
            values = {name: _given(value, self.values) for name, value in self.update.items()}
            changed = _set(update(self.table).where(mine), self.table, values)
            self._change, self._change_allowed = Step(changed), Step(changed.where(*where))
        self._read = Step(select(*(returning or (key,))).where(mine))
        self._key_only = [column.name for column in returning] == [key.name]
        self._put = self._put_by_key(returning or (key,)) if self._is_lasting() else None
        self._stored, self._nulls = None, frozenset[int]()
        if self.stored is not None:
            self._stored, columns = Step(self.stored), self.stored.exported_columns
            self._nulls = frozenset(n for n, (a, b) in enumerate(zip(returning, columns, strict=True)) if a is not b)
        return self

    def _is_lasting(self) -> bool:
        """Whether `where` says after the change what it said before: the owner, whom it may ask for, is kept."""
        if not self.at_once or not self.update or self.stored is not None or has_further_keys(self.table):
            return False
        asked = set() if self.where is None else _columns_of(self.where, self.table)
        return asked.isdisjoint(self.update.keys() - {"user_id"})

    def _put_by_key(self, returning: Sequence[Any]) -> tuple[Step, Step]:
        """The row with each value in it once, and what tells whether that was done. A row that may not be changed is
        set to what it holds; either way it is locked from then on."""
        new: Any = mysql_insert(self.table)
        values = {name: new.inserted[name] for name in self.values}
        bound = {each.key: values[name] for name, each in self.values.items() if isinstance(each, BindParameter)}
        changes = {name: _given(value, values, bound) for name, value in (self.update or {}).items()}
        if self.where is not None:
            same, kept = _given(self.where, values, bound), self.table.c
            changes = {name: case((same, value), else_=kept[name]) for name, value in changes.items()}
        if self.allowed is None:
            made = new.values(self.values)
        else:
            made = new.from_select(list(self.values), select(*self.values.values()).where(self.allowed))
        put = made.on_duplicate_key_update([(column.name, value) for column, value in _ordered(self.table, changes)])
        key = key_of(self.table)
        allowed = _whether([] if self.where is None else [_given(self.where, self.values)])
        read = select(*returning, allowed).where(key == self.values[key.name])
        return Step(put, *changes.values()), Step(read)

    def run(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """See `Steps`."""
        rows = self.in_one(ask, parameters) if self.at_once else None
        return self.decided(ask, parameters, ask(self.lock(parameters))[0]) if rows is None else rows

    def changed_in_one(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """The row of which only the key is asked for, or all that is; none where none may be changed."""
        if self._change_allowed is None:
            return ()
        change = self._change_allowed(parameters)
        if self._key_only:
            (changed,) = ask(change, last=True)
            key: Any = self.values[key_of(self.table).name]
            return [(parameters[key.key],)] if changed.rowcount else ()
        changed, found = ask(change, self._read(parameters), last=True)
        return found.rows if changed.rowcount else ()

    def in_one(self, ask: Ask, parameters: Mapping[str, Any], *before: Statement) -> Sequence[Row] | None:
        """As `run`, without waiting for an answer; None where that decides nothing, and nothing is written: the row may
        not be changed, another has just inserted it, or it is too large."""
        if self._put is not None:
            put, told = self._put
            *_, written, found = ask(*before, put(parameters), told(parameters), last=True)
            if not written.rowcount:
                return None
            return [row[:-1] for row in found.rows if row[-1]]
        if sum(len(value) for value in parameters.values() if isinstance(value, str)) > _LARGE:
            return None
        read = (self._stored or self._read)(parameters)
        change = () if self._change_allowed is None else (self._change_allowed(parameters),)
        try:
            *writes, found = ask(*before, *change, self._insert_absent(parameters), read, last=True)
        except Exception as error:
            if _error_code(error) != _DUPLICATE:
                raise
            return None
        if any(written.rowcount for written in writes[len(before) :]):
            return [[None if n in self._nulls else value for n, value in enumerate(row)] for row in found.rows]
        if self._stored is not None:
            return found.rows or None
        return () if self._change_allowed is None else None

    def lock(self, parameters: Mapping[str, Any]) -> Statement:
        """What to ask first: locks the row, and answers whether it may be changed."""
        return self._lock(parameters)

    def decided(self, ask: Ask, parameters: Mapping[str, Any], locked: Answer) -> Sequence[Row]:
        """What is stored of the row, where `lock` has answered."""
        while True:
            if locked.rows:
                return self._changed(ask, parameters) if locked.rows[0][0] else ()
            try:
                return ask(self._insert(parameters), self._read(parameters), last=True)[-1].rows
            except Exception as error:
                if _error_code(error) != _DUPLICATE:
                    raise
                (locked,) = ask(self._lock(parameters))  # another has just inserted it

    def _changed(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        if self._change is None:
            return ()
        return ask(self._change(parameters), self._read(parameters), last=True)[-1].rows


@dataclass
class NumberedRun:
    """An upsert of a run; only a new one advances the counter of its session, which is locked from then on."""

    upsert: Upsert
    advance: Any
    writable: Any
    known: dict[str, None] = field(default_factory=dict)
    """Runs that were written lately, and are there unless somebody has deleted them: a save of one is a change."""

    def ready(self, returning: Sequence[Any]) -> NumberedRun:
        """With the statements built."""
        self.upsert.ready(returning)
        self._advance, self._writable = Step(self.advance), Step(self.writable)
        self._key: Any = self.upsert.values[key_of(self.upsert.table).name]
        return self

    def run(self, ask: Ask, parameters: Mapping[str, Any]) -> Sequence[Row]:
        """See `Steps`."""
        if self.upsert.at_once:
            run_id = parameters[self._key.key]
            rows = self.upsert.changed_in_one(ask, parameters) if run_id in self.known else None
            if not rows:
                rows = self.upsert.in_one(ask, parameters, self._advance(parameters))
            if rows:
                self._remember(run_id)
            if rows is not None:
                return rows
        first = (self._advance(parameters), self._writable(parameters), self.upsert.lock(parameters))
        advanced, writable, locked = ask(*first)
        if not advanced.rowcount and not writable.rows:
            return ()
        return self.upsert.decided(ask, parameters, locked)

    def _remember(self, run_id: str) -> None:
        if len(self.known) >= _MOST_KNOWN:
            self.known.clear()
        self.known[run_id] = None
