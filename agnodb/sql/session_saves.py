"""How SQL saves a session (see `agnodb.rules.session_saves`): one upsert on a condition, or under the row's lock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    String,
    Text,
    and_,
    bindparam,
    cast,
    func,
    null,
    select,
    update,
)

from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.records.snapshots import DOCUMENTS, MOST_OPEN, TOKEN_LENGTH, Documents, Place, Snapshot
from agnodb.rules.session_saves import COMPONENT, Condition, Saving, Stored, Written
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

    async def write_if(self, saving: _Saving, condition: Condition, documents: Documents) -> Written | Stored | None:
        """See `agnodb.rules.session_saves.Saves`."""
        row = await self._upsert_if(condition, saving, documents)
        if row is None:
            return None
        if row[-1] is None:
            return self._written(row, as_given=documents is saving.save.documents)
        return self._stored(saving, row)

    async def _upsert_if(self, condition: Condition, saving: _Saving, documents: Documents) -> Row | None:
        parameters = self._merged(saving, documents)
        if condition == "seen":
            parameters.update(self._fingerprints(saving.snapshot.seen or ()))
        rows = await self.run("upsert", self._upsert, parameters, saving.session.session_type, condition)
        return rows[0] if rows else None

    def _upsert(self, session_type: str, condition: str) -> Executable:
        """Insert the row; replace it where it is as `seen`, or the `same` anyway."""
        values = {**self.values(session_type), _RECENT: _TOKEN}
        changes = None if condition == "absent" else self._changes(session_type)
        if condition == "seen":
            unchanged = self._unchanged()
        else:
            unchanged = [self.table.c[n].is_not_distinct_from(self.dialect.excluded(n)) for n in DOCUMENTS]
        # Nobody may save over an owner's session that they have not read; it would be taken for unscoped otherwise.
        writable = may_write if condition == "seen" else claimable
        mine = and_(writable(self.table, values["user_id"]), *unchanged)
        upsert = self.dialect.upsert(self.table, values, ["session_id"], changes, mine)
        # No tokens tell a row that was written from one that was stored.
        columns, tokens = self.rows.selected(), func.coalesce(self.table.c[_RECENT], "")
        written = upsert.returning(*columns, cast(null(), Text).label(_RECENT))
        return self.dialect.or_stored(written, select(*columns, tokens).where(self._mine))

    def _fingerprints(self, seen: Documents) -> dict[str, Any]:
        return dict(zip(_SEEN, map(self.dialect.fingerprint, seen), strict=True))

    def _unchanged(self) -> list[ColumnElement[bool]]:
        return [self.dialect.unchanged(self.table.c[name], seen) for name, seen in zip(DOCUMENTS, _SEEN, strict=True)]

    # -- a row that others write too --------------------------------------------------------------------------

    def _stored(self, saving: _Saving, row: Row) -> Stored:
        found, theirs = self.read(row), self._documents(row)

        async def replace(documents: Documents) -> Written | None:
            # The version too: what others stored may be what was there before, and tell of their save by its token.
            seen = {"seen_version": found.row_version, "seen_user_id": row[self.rows.position("user_id")]}
            parameters = {**self._merged(saving, documents), **self._fingerprints(theirs), **seen}
            rows = await self.run("replace", self._replace, parameters, saving.session.session_type)
            return self._written(rows[0], as_given=False) if rows else None

        return Stored(found, theirs, _tokens(row[-1]), replace)

    def _replace(self, session_type: str) -> Executable:
        stored = self.table.c
        still = (
            stored.agnodb_row_version.is_not_distinct_from(bindparam("seen_version", type_=BigInteger())),
            stored.user_id.is_not_distinct_from(bindparam("seen_user_id", type_=String())),
        )
        changed = update(self.table).where(self._mine, *self._unchanged(), *still).values(self._changes(session_type))
        return changed.returning(*self.rows.selected())

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
            written = await inside.write_if(saving, "absent", saving.alone())
            if written is not None and not isinstance(written, Stored):
                return written

    def _lock(self) -> Executable:
        return select(*self.rows.selected(), self.table.c[_RECENT]).where(self._mine).with_for_update()

    async def _save_locked(self, saving: _Saving, row: Row, tried: bool) -> Row:
        documents = saving.merged(self.read(row), self._documents(row), _tokens(row[-1]), tried=tried)
        if documents is None:
            return row
        parameters = self._merged(saving, documents)
        return (await self.run("save_merged", self._save_merged, parameters, saving.session.session_type))[0]

    def _save_merged(self, session_type: str) -> Executable:
        changed = update(self.table).where(self._mine).values(self._changes(session_type))
        return changed.returning(*self.rows.selected())

    @staticmethod
    def _merged(saving: _Saving, documents: Documents) -> dict[str, Any]:
        return {**saving.given, **dict(zip(_BOUND, documents, strict=True)), "save": saving.save.token}

    # -- parts of statements ----------------------------------------------------------------------------------

    @property
    def _mine(self) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = self.key == self.rows.binds(("session_id",))["session_id"]
        return mine

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
