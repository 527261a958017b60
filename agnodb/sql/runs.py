"""Runs in SQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    String,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    update,
)

from agnodb import clock, codec
from agnodb.errors import NotFoundError, OwnershipError
from agnodb.filters import Page
from agnodb.records.runs import HISTORY_SKIP_STATUSES, SAVED_AGAIN, RunRecord, StoredRun, stored_size
from agnodb.rules.cancelling import check_cancellable
from agnodb.rules.runs import Runs
from agnodb.rules.values import text_in
from agnodb.sql.ownership import keep_owner, may_write, of_writable
from agnodb.sql.recent_runs import stored_run
from agnodb.sql.repository import SqlRepository, constants
from agnodb.text import decode_text

_WRITTEN = (
    "run_id",
    "session_id",
    "run_type",
    "agent_id",
    "team_id",
    "workflow_id",
    "user_id",
    "parent_run_id",
    "status",
    "run_data",
    "created_at",
    "updated_at",
)
CANCELLED = codec.encode("CANCELLED")


class SqlRunRepository(Runs, SqlRepository[RunRecord]):
    """See `agnodb.contracts.runs.RunRepository`."""

    idempotent = frozenset({"upsert", "save"})

    def order(self, page: Page) -> list[ColumnElement[Any]]:
        ordered = super().order(page)
        if page.sort_by != "run_index":
            return ordered
        # A place is one among the runs of a session.
        return [ordered[0], self.table.c.created_at.asc(), *ordered[1:]]

    # -- the runs of sessions, in order -------------------------------------------------------------------------

    async def of_session(self, session_id: str) -> list[Any]:
        rows = await self.run("of_session", self._of_session, {"session": text_in(session_id)})
        return [codec.decode(row[0]) for row in rows]

    def _of_session(self) -> Executable:
        return select(self._document).where(self._in_session).order_by(*self._order)

    async def stored(self, session_id: str, known: Collection[Hashable] = ()) -> list[StoredRun]:
        session = {"session": text_in(session_id)}
        if self.dialect.row_token(self.table) is None:
            rows = await self.run("stored", self._stored, session)
            return [_told_by_text(key, text, known) for key, text in rows]
        given = {**session, "known": self.dialect.texts(str(token) for token in known)} if known else session
        rows = await self.run("stored_since", self._stored_since, given, bool(known))
        return [stored_run(*row) for row in rows]

    def _stored(self) -> Executable:
        return select(self.key, self._document).where(self._in_session).order_by(*self._order)

    def _stored_since(self, some: bool) -> Executable:
        token: Any = self.dialect.row_token(self.table)
        document: Any = self._document
        if some:
            document = case((self.dialect.any_of(cast(token, Text), "known"), None), else_=document)
        return select(token, document, self.table.c.run_index).where(self._in_session).order_by(*self._order)

    async def history(self, session_id: str, limit: int) -> list[Any]:
        limit = Page(limit).checked(self.listing).limit or 0
        rows = await self.run("history", self._history, {"session": text_in(session_id), "last": limit})
        return [codec.decode(row[0]) for row in reversed(rows)]

    def _history(self) -> Executable:
        runs = self.table.c
        told = or_(runs.status.is_(None), runs.status.not_in(constants(HISTORY_SKIP_STATUSES)))
        last = bindparam("last", type_=BigInteger())
        latest_first = (column.desc() for column in self._order)
        chosen = select(self._document).where(self._in_session, runs.parent_run_id.is_(None), told)
        return chosen.order_by(*latest_first).limit(last)

    async def of_sessions(self, session_ids: Iterable[str]) -> dict[str, list[Any]]:
        runs: dict[str, list[Any]] = {}
        sessions = self.dialect.texts(text_in(session_id) for session_id in session_ids)
        for session_id, document in await self.run("of_sessions", self._of_sessions, {"sessions": sessions}):
            runs.setdefault(decode_text(session_id), []).append(codec.decode(document))
        return runs

    def _of_sessions(self) -> Executable:
        session_id = self.table.c.session_id
        chosen = self.dialect.any_of(session_id, "sessions")
        return select(session_id, self._document).where(chosen).order_by(*self._order)

    @property
    def _document(self) -> ColumnElement[Any]:
        return self.dialect.json_out(self.table.c.run_data)

    @property
    def _in_session(self) -> ColumnElement[bool]:
        return self.table.c.session_id == bindparam("session", type_=String())

    @property
    def _order(self) -> tuple[ColumnElement[Any], ...]:
        return self.table.c.run_index, self.table.c.created_at, self.key

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert(self, run: RunRecord) -> RunRecord:
        stored = self.table.c
        returning = (stored.user_id, stored.run_index, stored.created_at, stored.updated_at)
        rows = await self.run("upsert", lambda: self._upsert(*returning), self._parameters(run))
        if not rows:
            raise await self._refusal(run)
        user_id, run_index, created_at, updated_at = rows[0]
        owner = None if user_id is None else decode_text(user_id)
        return replace(run, user_id=owner, run_index=run_index, created_at=created_at, updated_at=updated_at)

    def _upsert(self, *returning: ColumnElement[Any]) -> Executable:
        stored, values, excluded = self.table.c, self.rows.binds(_WRITTEN), self.dialect.excluded
        update = {name: excluded(name) for name in SAVED_AGAIN}
        update["user_id"] = keep_owner(self.table, excluded("user_id"))
        same = (stored.session_id == excluded("session_id")) & may_write(self.table, excluded("user_id"))
        return self.dialect.insert_run(self.table, self.tables.sessions, values, update, same, returning)

    async def save(self, run: RunRecord) -> None:
        if not await self.run("save", lambda: self._upsert(self.key), self._parameters(run)):
            raise await self._refusal(run)

    async def append_if_absent(self, run: RunRecord) -> bool:
        if await self.run("append_if_absent", self._append, self._parameters(run)):
            return True
        if await self.get(run.run_id) is not None:
            return False
        raise await self._refusal(run)

    def _append(self) -> Executable:
        values = self.rows.binds(_WRITTEN)
        return self.dialect.insert_run(self.table, self.tables.sessions, values, None, None, (self.key,))

    def _parameters(self, run: RunRecord) -> dict[str, Any]:
        now = clock.now()
        values = {name: getattr(run, name) for name in _WRITTEN}
        created_at = now if run.created_at is None else run.created_at
        return self.rows.parameters({**values, "created_at": created_at, "updated_at": now})

    async def _refusal(self, run: RunRecord) -> NotFoundError | OwnershipError:
        """Why a run could not be written: asked only after it was refused."""
        session = {"session": text_in(run.session_id)}
        if not await self.run("session_exists", self._session_exists, session):
            return NotFoundError("There is no such session.", session_id=run.session_id, run_id=run.run_id)
        return OwnershipError(session_id=run.session_id, run_id=run.run_id, user_id=run.user_id)

    def _session_exists(self) -> Executable:
        sessions = self.tables.sessions
        return select(sessions.c.session_id).where(sessions.c.session_id == bindparam("session", type_=String()))

    async def patch(
        self,
        run_id: str,
        session_id: str,
        change: Callable[[RunRecord], dict[str, Any] | None],
        *,
        user_id: str | None = None,
    ) -> bool | None:
        mine = self.rows.parameters({"run_id": run_id, "session_id": session_id, "user_id": user_id})
        async with self._executor.transaction() as executor:
            run = await type(self)(executor, self._statements).first("lock", self._lock, mine)
            if run is None:
                return None
            values = change(run)
            if values is None:
                return False
            given = self.rows.parameters({**values, "run_id": run_id, "updated_at": clock.now()})
            shape = self._statements.shape("runs.patch", self._patch, *sorted(values))
            await executor.execute(shape, given)
            return True

    def _lock(self) -> Executable:
        bound = self.rows.binds(("run_id", "session_id", "user_id"))
        return select(*self.rows.selected()).where(*self._mine(bound)).with_for_update(of=self.table)

    def _mine(self, bound: Mapping[str, ColumnElement[Any]]) -> tuple[ColumnElement[bool], ...]:
        """The run of that session, if the user may change both."""
        return (
            self.key == bound["run_id"],
            self.table.c.session_id == bound["session_id"],
            may_write(self.table, bound["user_id"]),
            of_writable(self.tables.sessions, bound["session_id"], bound["user_id"]),
        )

    def _patch(self, *names: str) -> Executable:
        bound = self.rows.binds((*names, "updated_at", "run_id"))
        run_id = bound.pop("run_id")
        return update(self.table).where(self.key == run_id).values(bound)

    async def cancel(
        self, run_id: str, session_id: str, *, reason: str, expected_status: str, user_id: str | None = None
    ) -> bool:
        check_cancellable(expected_status)
        mine = {"run_id": run_id, "session_id": session_id, "user_id": user_id, "status": expected_status}
        given = {
            **self.rows.parameters({**mine, "updated_at": clock.now()}),
            "reason": codec.encode(reason),
            "cancelled": CANCELLED,
        }
        return bool(await self.run("cancel", self._cancel, given))

    def _cancel(self) -> Executable:
        stored, bound = self.table.c, self.rows.binds(("run_id", "session_id", "user_id", "status", "updated_at"))
        content = self.dialect.json_text(stored.run_data, "content")
        cancelled = self.dialect.json_set(stored.run_data, "status", self.dialect.json_in("cancelled"))
        explained = self.dialect.json_set(cancelled, "content", self.dialect.json_in("reason"))
        return (
            update(self.table)
            .where(*self._mine(bound), stored.status == bound["status"])
            .values(
                status="CANCELLED",
                run_data=case((func.coalesce(content, literal("")) == literal(""), explained), else_=cancelled),
                updated_at=bound["updated_at"],
            )
            .returning(self.key)
        )


def _told_by_text(key: str, text: str, known: Collection[Hashable]) -> StoredRun:
    """A run whose token is made of its text, which was read for nothing if it is known."""
    token = (key, hash(text), len(text))
    return StoredRun(token) if token in known else StoredRun(token, stored_size(text), partial(codec.decode, text))
