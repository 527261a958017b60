"""Patterns that find a text inside a stored one, which is stored escaped where no database holds it (`agnodb.text`).

Most texts have one pattern. Another is needed for those that an escape would change, and for the start of a text:
an escaped one starts with a marker. In an escaped text, and only there, the escapes are found as well: "u0000".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, func, literal_column, or_, select

from agnodb.config import GramNames
from agnodb.rules.values import text_in
from agnodb.sql.dialects.base import Dialect, like_pattern
from agnodb.text import TEXT_MARKER, UNSTORABLE, decode_text, escape


def column_patterns(value: Any, *, start: bool = False) -> list[str]:
    """LIKE patterns, of which a text column that has `value` in it (at its start) matches one, and no other does.

    Raises InvalidValueError for what is no text.
    """
    text = decode_text(text_in(value))
    escaped, cut = escape(text), 1 if start else 0
    patterns = [] if UNSTORABLE.search(text) else [like_pattern(text)[cut:]]
    return [*patterns, TEXT_MARKER + like_pattern(escaped)[cut:]] if start or escaped != text else patterns


def document_texts(value: Any) -> list[str]:
    """The texts of which a string in a document that has `value` in it has one, as `Dialect.json_text` and
    `Dialect.json_as_text` give it. Raises InvalidValueError for what is no text."""
    text = decode_text(text_in(value))
    escaped = escape(text)
    texts = [] if UNSTORABLE.search(text) else [text]
    # The codec's tag is given as JSON, in which a backslash is two.
    return [*texts, json.dumps(escaped, ensure_ascii=False)[1:-1]] if escaped != text else texts


def document_patterns(value: Any) -> list[str]:
    """LIKE patterns for `document_texts`."""
    return [like_pattern(text) for text in document_texts(value)]


def bound_patterns(name: str, patterns: list[str]) -> dict[str, str]:
    """Names of binds, which begin with `name`, and the patterns to bind."""
    return {f"{name}_{number}": pattern for number, pattern in enumerate(patterns)}


FEW = 1_000
"""From this many rows on that an index finds, to read the rows in their order and to stop early is rather faster."""


@dataclass(frozen=True)
class Search:
    """A search for one of some texts in a document. All is by the names of binds.

    `patterns` say what is found. `grams` are what an index asks for each of them, or empty where it cannot serve all.
    """

    patterns: Mapping[str, str]
    grams: Mapping[str, Any]

    @classmethod
    def of(cls, dialect: Dialect, name: str, forms: Mapping[str, Sequence[str]]) -> Search:
        """For `forms`: LIKE pattern -> the literal parts of it. The binds begin with `name`."""
        grams = [dialect.grams(parts) for parts in forms.values()]
        served = {} if None in grams else {f"{name}_grams_{n}": asked for n, asked in enumerate(grams)}
        return cls(bound_patterns(name, list(forms)), served)

    @property
    def parameters(self) -> dict[str, Any]:
        """What to bind."""
        return {**self.patterns, **self.grams}

    @property
    def binds(self) -> tuple[str, ...]:
        """What tells its conditions from those of another one."""
        return (*self.patterns, *self.grams)


@dataclass(frozen=True)
class SearchedColumn:
    """A document in which is searched: its text, the key of its row, and what the index over it is called."""

    dialect: Dialect
    key: Column[Any]
    text: ColumnElement[Any]
    names: GramNames

    def matches(self, search: Search) -> ColumnElement[bool]:
        """Whether the document has it."""
        return any_match(self.dialect, self.text, search.patterns)

    def found(self, search: Search) -> ColumnElement[bool]:
        """The same, from the rows that the index gives, where it can serve."""
        if not search.grams:
            return self.matches(search)
        return self.dialect.has_grams(self.names, self.key, self.text, [*search.grams]) & self.matches(search)

    def few(self, search: Search) -> ColumnElement[bool]:
        """Whether the index gives at most `FEW` rows; for a search that it can serve."""
        given = self.dialect.rows_with_grams(self.names, self.key, self.text, [*search.grams])
        some = given.limit(literal_column(str(FEW + 1))).subquery()
        counted = select(func.count().label("number")).select_from(some).cte("given")  # once, however often it is asked
        return select(counted.c.number).scalar_subquery() <= literal_column(str(FEW))


def any_match(dialect: Dialect, value: ColumnElement[Any], binds: Iterable[str]) -> ColumnElement[bool]:
    """Whether `value` matches the pattern of one of `binds`."""
    return or_(*(dialect.text_match(value, bind) for bind in binds))
