"""How SQL saves a session (see `agnodb.rules.session_saves`): one upsert on a condition, or under the row's lock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Executable, String, and_, bindparam, func, select, update

from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.records.snapshots import DOCUMENTS, MOST_OPEN, TOKEN_LENGTH, Documents, Place, Snapshot
from agnodb.rules.session_saves import COMPONENT, Condition, Saving, Written
from agnodb.sql.executor import Executor, Row
from agnodb.sql.ownership import claimable, keep_owner, may_write
from agnodb.sql.repository import SqlRepository

_RECENT = "agnodb_recent_writes"
_TOKEN = bindparam("save", type_=String())
_BOUND = tuple(f"p_{name}" for name in DOCUMENTS)
_SEEN = tuple(f"seen_{name}" for name in DOCUMENTS)

_WRITTEN = ("session_id", "session_type", "user_id", "created_at", "updated_at", *DOCUMENTS)


_Saving = Saving[dict[str, Any]]


class SessionSaves(SqlRepository[SessionRecord], asks=False):
    """The saving of sessions, for `SqlSessionRepository`."""

    record = SessionRecord

    def read(self, row: Row) -> SessionRecord:
        session = super().read(row)
        session.snapshot = Snapshot.of_row(self._place(session), self._documents(row), session.row_version)
        return session

    def _documents(self, row: Row) -> Documents:
        return tuple(row[self.rows.position(name)] for name in DOCUMENTS)

    def saving(self, session: SessionRecord, given: dict[str, Any]) -> _Saving:
        """The save of `session`, of which `given` are the row's parameters."""
        documents = tuple(given[name] for name in _BOUND)
        return Saving.of(session, given, documents, self._place(session), self.policies)

    def _place(self, session: SessionRecord) -> Place:
        return self._statements.place, session.session_id

    @property
    def final(self) -> bool:
        return self._executor.final

    def _written(self, row: Row, *, as_given: bool) -> Written:
        return self.read(row), self._documents(row), as_given

    # -- one statement ----------------------------------------------------------------------------------------

    async def write_if(self, saving: _Saving, condition: Condition, documents: Documents) -> Written | None:
        """See `agnodb.rules.session_saves.Saves`."""
        row = await self._upsert_if(condition, saving, documents)
        return None if row is None else self._written(row, as_given=documents is saving.save.documents)

    async def _upsert_if(self, condition: Condition, saving: _Saving, documents: Documents) -> Row | None:
        parameters = {**saving.given, **dict(zip(_BOUND, documents, strict=True)), "save": saving.save.token}
        if condition == "seen":
            fingerprints = map(self.dialect.fingerprint, saving.snapshot.seen or ())
            parameters.update(zip(_SEEN, fingerprints, strict=True))
        rows = await self.run("upsert", self._upsert, parameters, saving.session.session_type, condition)
        return rows[0] if rows else None

    def _upsert(self, session_type: str, condition: str) -> Executable:
        """Insert the row; replace it where it is as `seen`, or the `same` anyway."""
        values = {**self.values(session_type), _RECENT: _TOKEN}
        changes = None if condition == "absent" else self._changes(session_type)
        columns = [self.table.c[name] for name in DOCUMENTS]
        if condition == "seen":
            unchanged = list(map(self.dialect.unchanged, columns, _SEEN))
        else:
            unchanged = [column.is_not_distinct_from(self.dialect.excluded(column.name)) for column in columns]
        # Nobody may save over an owner's session that they have not read; it would be taken for unscoped otherwise.
        writable = may_write if condition == "seen" else claimable
        mine = and_(writable(self.table, values["user_id"]), *unchanged)
        return self.dialect.upsert(self.table, values, ["session_id"], changes, mine).returning(*self.rows.selected())

    # -- a row that others write too --------------------------------------------------------------------------

    async def settle(self, saving: _Saving) -> Written:
        """See `agnodb.rules.session_saves.Saves`."""
        return await self._executor.repeatable(lambda executor: self._settle_within(executor, saving))

    async def _settle_within(self, executor: Executor, saving: _Saving) -> Written:
        inside, tried, saving.tried = type(self)(executor, self._statements), saving.tried, True
        while True:
            rows = await inside.run("lock", inside._lock, {"p_session_id": saving.given["p_session_id"]})
            if rows:
                return self._written(await inside._save_locked(saving, rows[0], tried), as_given=False)
            # It was deleted meanwhile, or never there and inserted by others just now.
            written = await inside.write_if(saving, "absent", saving.save.documents)
            if written is not None:
                return written

    def _lock(self) -> Executable:
        mine = self.key == self.rows.binds(("session_id",))["session_id"]
        return select(*self.rows.selected(), self.table.c[_RECENT]).where(mine).with_for_update()

    async def _save_locked(self, saving: _Saving, row: Row, tried: bool) -> Row:
        documents = saving.merged(self.read(row), self._documents(row), _tokens(row[-1]), tried=tried)
        if documents is None:
            return row
        bound = dict(zip(_BOUND, documents, strict=True))
        parameters = {**saving.given, **bound, "save": saving.save.token}
        return (await self.run("save_merged", self._save_merged, parameters, saving.session.session_type))[0]

    def _save_merged(self, session_type: str) -> Executable:
        mine = self.key == self.rows.binds(("session_id",))["session_id"]
        return update(self.table).where(mine).values(self._changes(session_type)).returning(*self.rows.selected())

    # -- parts of statements ----------------------------------------------------------------------------------

    def values(self, session_type: str) -> dict[str, ColumnElement[Any]]:
        """A session has the id and the data of one component only: the others are not touched."""
        names = (*_WRITTEN, *COMPONENT[SessionType(session_type)])
        return {**self.rows.binds(names), "agnodb_row_version": bindparam("first_version", 1, type_=BigInteger())}

    def _changes(self, session_type: str) -> dict[str, Any]:
        stored, values = self.table.c, self.values(session_type)
        return {
            **{name: values[name] for name in (*DOCUMENTS, *COMPONENT[SessionType(session_type)])},
            "user_id": keep_owner(self.table, values["user_id"]),
            "updated_at": bindparam("now", type_=BigInteger()),
            "agnodb_row_version": func.coalesce(stored.agnodb_row_version, 0) + 1,
            _RECENT: func.substr(_TOKEN.concat(func.coalesce(stored[_RECENT], "")), 1, MOST_OPEN * TOKEN_LENGTH),
        }


def _tokens(recent: str | None) -> list[str]:
    text = recent or ""
    return [text[start : start + TOKEN_LENGTH] for start in range(0, len(text), TOKEN_LENGTH)]
