"""The last runs of a session, where those before them are as they are known: see `agnodb.records.runs.KnownRuns`.

Parts of a statement for databases that tell the version of a row (`Dialect.row_token`). What is known is counted and
digested by the server, which reads no document of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
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
    """For the binds of `beside`."""
    return {"last": known.last, "count": known.count, "digest": known.digest, "recent": dialect.tokens(known.recent)}


def beside(
    session: Select[Any], sessions: Table, dialect: Dialect, runs: Table, session_id: ColumnElement[Any]
) -> Executable:
    """`session`, which selects one of `sessions`, with its recent runs, for `read`: no session where others are not
    known. Where the database has no lists, each run is a row of its own after that of the session."""
    before = _before(dialect, runs, session_id)
    known = and_(
        before.c.count == bindparam("count", type_=BigInteger()),
        before.c.digest == bindparam("digest", type_=BigInteger()),
    )
    chosen = _chosen(dialect, runs, session_id)
    if not dialect.lists:
        mine = session.add_columns(*(null().label(name) for name in _LISTED))
        told = [chosen.selected_columns[name] for name in _LISTED]
        others = chosen.with_only_columns(*(null() for _ in session.selected_columns), *told)
        return union_all(mine.select_from(sessions.join(before, known)), others)
    after = _listed(dialect, chosen.subquery("chosen"))
    source = sessions.join(before, known).join(after, after.c.count <= literal_column(str(_MOST)))
    return session.add_columns(*(after.c[name] for name in _LISTED)).select_from(source)


def _before(dialect: Dialect, runs: Table, session_id: ColumnElement[Any]) -> FromClause:
    digest = func.coalesce(func.bit_xor(dialect.row_token(runs)), literal_column("0"))
    counted = select(func.count().label("count"), digest.label("digest")).select_from(runs)
    return counted.where(runs.c.session_id == session_id, runs.c.run_index <= _LAST).subquery("before")


def _chosen(dialect: Dialect, runs: Table, session_id: ColumnElement[Any]) -> Select[Any]:
    token: Any = dialect.row_token(runs)
    document = case((dialect.one_of_tokens(token, "recent"), None), else_=dialect.json_out(runs.c.run_data))
    order = _order(runs)
    return (
        select(token.label("token"), document.label("document"), *order)
        .where(runs.c.session_id == session_id, or_(runs.c.run_index > _LAST, runs.c.run_index.is_(None)))
        .order_by(*order)
        .limit(literal_column(str(_MOST + 1)))
    )


def _order(runs: FromClause) -> tuple[ColumnElement[Any], ...]:
    return runs.c.run_index, runs.c.created_at, runs.c.run_id


def _listed(dialect: Dialect, chosen: FromClause) -> FromClause:
    lists = [dialect.listed(chosen.c[name], *_order(chosen)).label(name) for name in _LISTED]
    return select(func.count().label("count"), *lists).select_from(chosen).subquery("after")


def read(dialect: Dialect, rows: Sequence[Row]) -> tuple[Row, list[StoredRun]] | None:
    """The row of the session of `beside`, whose last columns are not its own, and the runs; None without a session."""
    if dialect.lists:
        if not rows:
            return None
        listed: Iterable[Iterable[Any]] = (values or () for values in rows[0][-len(_LISTED) :])
        return rows[0], [stored_run(*run) for run in zip(*listed, strict=True)]
    session = next((row for row in rows if row[-len(_LISTED)] is None), None)
    if session is None or len(rows) > _MOST + 1:
        return None
    runs = [row[-len(_LISTED) :] for row in rows if row is not session]
    # In the order of their SELECT, which no standard promises of a UNION: what tells runs apart is made sure of.
    runs.sort(key=lambda run: (run[-1] is not None, run[-1] or 0))
    return session, [stored_run(*run) for run in runs]


def stored_run(token: int, document: str | None, place: int | None) -> StoredRun:
    """The run of a row; without its document where the token is a known one."""
    if document is None:
        return StoredRun(token, place=place)
    return StoredRun(token, stored_size(document), partial(codec.decode, document), place)
