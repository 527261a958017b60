"""The differences between SQL databases that repositories meet, each a method named after it.

Only classes in this folder know which database they speak to; everything else is written once against `Dialect`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Column, ColumnElement, Executable, Insert, Select, Table, Text, cast, select
from sqlalchemy.sql.dml import ReturningInsert

from agnodb.config import GramNames
from agnodb.sql.executor import Steps

LIKE_ESCAPE = "\\"


MOST_GRAMS = 64
"""How much of a text an index is asked for: more would find hardly fewer rows."""


def longest_first(parts: Iterable[str]) -> Iterator[str]:
    """`parts` without repetitions, the longest first: as many as have `MOST_GRAMS`, but each as a whole."""
    left = MOST_GRAMS
    for part in sorted(dict.fromkeys(parts), key=len, reverse=True):
        if left > 0:
            yield part
        left -= len(part)


def like_pattern(text: str) -> str:
    """A LIKE pattern for `text` as a literal, anywhere in the value (for use with ESCAPE '\\')."""
    for character in (LIKE_ESCAPE, "%", "_"):
        text = text.replace(character, LIKE_ESCAPE + character)
    return f"%{text}%"


class Dialect(ABC):
    """One SQL database."""

    def longest(self, column: Column[Any]) -> int | None:
        """How many characters a text column holds, if that is bounded."""
        return None

    def prepared(self, statement: Executable) -> Executable | Steps:
        """`statement` as this database can run it: where it knows no RETURNING, as several statements."""
        return statement

    @abstractmethod
    def json_in(self, name: str) -> ColumnElement[Any]:
        """The bind `name`, JSON text, as a value for a JSON column."""

    @abstractmethod
    def json_out(self, column: Column[Any]) -> ColumnElement[Any]:
        """A JSON column as text, so that no engine's JSON codec touches it."""

    @abstractmethod
    def fingerprint(self, text: str | None) -> str | None:
        """What tells a JSON column's text (of `json_out`) from any other, for `unchanged`."""

    @abstractmethod
    def unchanged(self, column: Column[Any], name: str) -> ColumnElement[bool]:
        """Whether a JSON column still holds the text whose `fingerprint` is the bind `name`."""

    @abstractmethod
    def json_text(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        """The value at `key` of a JSON object, as text; NULL when there is none."""

    @abstractmethod
    def json_as_text(self, document: ColumnElement[Any]) -> ColumnElement[Any]:
        """A whole JSON value as text: a JSON string without quotes and escapes, anything else as JSON."""

    @abstractmethod
    def json_set(self, document: ColumnElement[Any], key: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """A JSON object (an empty one for NULL or JSON null) with `value`, JSON text, at `key`."""

    @abstractmethod
    def json_array_has_all(self, document: Column[Any], name: str) -> ColumnElement[bool]:
        """Whether a JSON array of texts holds every element of the bind `name`, a JSON array."""

    @abstractmethod
    def json_elements(self, table: Table, column: Column[Any]) -> tuple[Any, ColumnElement[Any]]:
        """A FROM that has one row for each element of a JSON array column, and the element as JSON text."""

    @abstractmethod
    def json_object_at(self, document: ColumnElement[Any], key: str) -> ColumnElement[Any]:
        """The JSON object at `key` of a JSON object; NULL when there is none."""

    @abstractmethod
    def any_of(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Whether `column` is one of the texts of the bind `name` (see `texts`): one statement for any number."""

    @abstractmethod
    def texts(self, values: Iterable[str]) -> Any:
        """A parameter for `any_of`."""

    dates_writes: ClassVar[bool] = False
    """Whether the database keeps `agnodb_written_at` of the runs."""

    def row_token(self, table: Table) -> ColumnElement[Any] | None:
        """A number of 64 bits that another one takes the place of with every write of a row of `table`, whoever writes;
        None where the database keeps none."""
        return None

    def one_of_tokens(self, token: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Whether a `row_token` is one of the few in the bind `name` (see `tokens`)."""
        return self.any_of(cast(token, Text), name)

    def tokens(self, tokens: Iterable[Any]) -> Any:
        """A parameter for `one_of_tokens`."""
        return self.texts(str(token) for token in tokens)

    lists: ClassVar[bool] = False
    """Whether it has lists: see `listed`."""

    def listed(self, column: ColumnElement[Any], *order: ColumnElement[Any]) -> ColumnElement[Any]:
        """The values of `column` in all rows, in order, as one list; for databases with `lists`."""
        raise NotImplementedError

    @abstractmethod
    def text_match(self, value: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """Whether `value` has the bind `name` (a `like_pattern`) in it, upper and lower case alike."""

    def grams(self, parts: Sequence[str]) -> Any:
        """A parameter for `has_grams`, which is true of every text with all of `parts` in it; None where there is no
        index, or they are too short for it."""
        return None

    def has_grams(
        self, names: GramNames, key: Column[Any], document: ColumnElement[Any], binds: Sequence[str]
    ) -> ColumnElement[bool]:
        """Whether the index of `names` has what one of `binds` asks for; it is over the text `document` of each row of
        `key`. So it is where a text has the `parts` of one in it, and here and there elsewhere."""
        raise NotImplementedError

    def rows_with_grams(
        self, names: GramNames, key: Column[Any], document: ColumnElement[Any], binds: Sequence[str]
    ) -> Select[Any]:
        """A row for each row where `has_grams`, of the index alone if it can be."""
        return select(key).where(self.has_grams(names, key, document, binds))

    @abstractmethod
    def upsert(
        self,
        table: Table,
        values: Mapping[str, ColumnElement[Any]],
        key: Iterable[str],
        update: Mapping[str, Any] | None,
        where: ColumnElement[bool] | None = None,
    ) -> Insert:
        """INSERT of `values`; where `key` is taken: set `update` if `where` holds, or nothing for None.

        The statement's `excluded` gives the values that were to be inserted.
        """

    answers_stored: ClassVar[bool] = False
    """Whether `or_stored` answers with what is stored."""

    def or_stored(self, upsert: ReturningInsert[Any], stored: Select[Any]) -> Executable:
        """`upsert`; where it writes nothing, with the rows of `stored`, if that is one round trip. These are as they
        were when the statement began. Both have the same columns; one that differs is NULL in what was written."""
        return upsert

    @abstractmethod
    def put_rows(
        self, columns: Iterable[Column[Any]], name: str, key: Iterable[str] = (), keep: Iterable[str] = ()
    ) -> Insert:
        """INSERT into the table of `columns` of a row for each object of the bind `name`, a JSON array in which JSON
        columns are text; where `key` is taken: set all of them but those to `keep`."""

    @abstractmethod
    def triggers(self, names: Mapping[Table, Iterable[str]]) -> ColumnElement[int]:
        """How many triggers of these names there are on these tables, and are not disabled."""

    @abstractmethod
    def excluded(self, name: str) -> ColumnElement[Any]:
        """In an upsert's `update` and `where`: the value of column `name` that was to be inserted."""

    writes_nest: ClassVar[bool]
    """Whether a statement may hold another INSERT, as a WITH of it."""

    @abstractmethod
    def insert_absent(self, columns: Iterable[Column[Any]], key: Iterable[str], name: str) -> Insert:
        """INSERT into the table of `columns` of a row for each object of the bind `name`, a JSON array in which JSON
        columns are text; rows whose `key` is taken stay as they are."""

    @abstractmethod
    def insert_run(
        self,
        runs: Table,
        sessions: Table,
        values: Mapping[str, ColumnElement[Any]],
        update: Mapping[str, Any] | None,
        where: ColumnElement[bool] | None,
        returning: Iterable[ColumnElement[Any]],
    ) -> Executable:
        """An upsert of a run that gives a new run the next index of its session, in one atomic statement."""

    @abstractmethod
    def claim_one(self, table: Table, due: ColumnElement[bool], order_by: ColumnElement[Any]) -> ColumnElement[Any]:
        """The key of the first row where `due` holds, as a scalar for an UPDATE's WHERE.

        Two workers that claim at the same time never get the same row.
        """

    @abstractmethod
    def one_at_a_time(self, table: Table) -> Executable:
        """A statement that waits for the other transactions that ran it for `table` to end."""

    @abstractmethod
    def day_start(self, day: ColumnElement[Any]) -> ColumnElement[Any]:
        """The epoch seconds at which a UTC day begins."""

    @abstractmethod
    def greatest(self, *values: ColumnElement[Any]) -> ColumnElement[Any]:
        """The largest of `values`."""

    @abstractmethod
    def least(self, *values: ColumnElement[Any]) -> ColumnElement[Any]:
        """The smallest of `values`."""

    @abstractmethod
    def milliseconds_between(self, start: ColumnElement[Any], end: ColumnElement[Any]) -> ColumnElement[Any]:
        """Whole milliseconds from one ISO 8601 text to another."""
