"""The last runs of a session, where those before them are as they are known: see `agnodb.records.runs.KnownRuns`.

Parts of a statement for databases that tell the version of a row (`Dialect.row_token`). What is known is counted and
digested by the server, which reads no document of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)

from agnodb import codec
from agnodb.records.runs import MOST_RECENT, KnownRuns, StoredRun, stored_size
from agnodb.sql.dialects.base import Dialect
from agnodb.sql.executor import Row

# A second server may have added some since; whoever knows much less reads all, row by row.
_MOST = 2 * MOST_RECENT
_LAST = bindparam("last", type_=BigInteger())
_LISTED = ("token", "document", "run_index")


def parameters(dialect: Dialect, known: KnownRuns) -> dict[str, Any]:
    """For the binds of `joined`."""
    recent = dialect.texts(str(token) for token in known.recent)
    return {"last": known.last, "count": known.count, "digest": known.digest, "recent": recent}


def joined(
    sessions: Table, dialect: Dialect, runs: Table, session_id: ColumnElement[Any]
) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """`sessions` joined with the recent runs of one, and the columns for `read`: no row where others are not known."""
    before, after = _before(dialect, runs, session_id), _after(dialect, runs, session_id)
    known = and_(
        before.c.count == bindparam("count", type_=BigInteger()),
        before.c.digest == bindparam("digest", type_=BigInteger()),
    )
    few = after.c.count <= literal_column(str(_MOST))
    return sessions.join(before, known).join(after, few), [after.c[name] for name in _LISTED]


def _before(dialect: Dialect, runs: Table, session_id: ColumnElement[Any]) -> FromClause:
    digest = func.coalesce(func.bit_xor(dialect.row_token(runs)), literal_column("0"))
    counted = select(func.count().label("count"), digest.label("digest")).select_from(runs)
    return counted.where(runs.c.session_id == session_id, runs.c.run_index <= _LAST).subquery("before")


def _after(dialect: Dialect, runs: Table, session_id: ColumnElement[Any]) -> FromClause:
    token: Any = dialect.row_token(runs)
    document = case((dialect.any_of(cast(token, Text), "recent"), None), else_=dialect.json_out(runs.c.run_data))
    order = (runs.c.run_index, runs.c.created_at, runs.c.run_id)
    chosen = (
        select(token.label("token"), document.label("document"), *order)
        .where(runs.c.session_id == session_id, or_(runs.c.run_index > _LAST, runs.c.run_index.is_(None)))
        .order_by(*order)
        .limit(literal_column(str(_MOST + 1)))
        .subquery("chosen")
    )
    in_order = [chosen.c[column.name] for column in order]
    lists = [dialect.listed(chosen.c[name], *in_order).label(name) for name in _LISTED]
    return select(func.count().label("count"), *lists).select_from(chosen).subquery("after")


def read(lists: Row) -> list[StoredRun]:
    """The runs of the columns of `joined`."""
    listed: Iterable[Iterable[Any]] = (values or () for values in lists)
    return [stored_run(*run) for run in zip(*listed, strict=True)]


def stored_run(token: int, document: str | None, place: int | None) -> StoredRun:
    """The run of a row; without its document where the token is a known one."""
    if document is None:
        return StoredRun(token, place=place)
    return StoredRun(token, stored_size(document), partial(codec.decode, document), place)
