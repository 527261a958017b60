"""How a session is saved: merged with what others have written since it was read.

The common case is one statement: an upsert on the condition that the row still holds what this holder has seen of it.
It compares the documents themselves, so that a write of agno's own adapter, which knows nothing of versions, is seen
too. Where the condition fails, the row is locked, merged (see `agnodb.merge`) and written.

A save may be made again after its connection was lost, and adding up a counter twice would be wrong. So each leaves a
token in its row, and a holder who finds one of their own there knows how far the row has followed them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Executable, String, and_, bindparam, func, select, update

from agnodb.errors import OwnershipError, UnavailableError
from agnodb.merge import has_counter
from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.records.snapshots import (
    DOCUMENTS,
    MOST_OPEN,
    TOKEN_LENGTH,
    Documents,
    Place,
    Save,
    Snapshot,
    merged_documents,
)
from agnodb.sql.executor import Executor, Row
from agnodb.sql.ownership import claimable, keep_owner, may_write
from agnodb.sql.repository import SqlRepository

_RECENT = "agnodb_recent_writes"
_TOKEN = bindparam("save", type_=String())
_BOUND = tuple(f"p_{name}" for name in DOCUMENTS)
_SEEN = tuple(f"seen_{name}" for name in DOCUMENTS)

COMPONENT = {kind: (f"{kind}_id", f"{kind}_data") for kind in SessionType}

_WRITTEN = ("session_id", "session_type", "user_id", "created_at", "updated_at", *DOCUMENTS)


@dataclass(slots=True)
class _Saving:
    """One save on its way: the session, the parameters of its row, and what was tried."""

    session: SessionRecord
    given: dict[str, Any]
    snapshot: Snapshot
    save: Save
    tried: bool = False
    """Whether an attempt was made whose outcome is not known."""


class SessionSaves(SqlRepository[SessionRecord]):
    """The saving of sessions, for `SqlSessionRepository`."""

    record = SessionRecord

    def read(self, row: Row) -> SessionRecord:
        session = super().read(row)
        session.snapshot = Snapshot.of_row(self._place(session), self._documents(row), session.row_version)
        return session

    def _documents(self, row: Row) -> Documents:
        return tuple(row[self.rows.position(name)] for name in DOCUMENTS)

    def _place(self, session: SessionRecord) -> Place:
        return self._statements.place, session.session_id

    async def save(self, session: SessionRecord, given: dict[str, Any]) -> SessionRecord:
        """Store `session`, of which `given` are the row's parameters; the stored record comes back.

        Raises OwnershipError when it is another user's, StaleVersionError where the policies say so.
        """
        snapshot, save = self._begin(session, given)
        saving = _Saving(session, given, snapshot, save)
        done = await self._save_alone(saving)
        if done is None:
            done = await self._executor.repeatable(lambda executor: self._save_within(executor, saving))
        row, as_given = done
        stored = self.read(row)
        if self._executor.final:
            snapshot.stored(save, self._documents(row), stored.row_version, as_given=as_given)
        return stored

    def _begin(self, session: SessionRecord, given: dict[str, Any]) -> tuple[Snapshot, Save]:
        snapshot = session.snapshot.at(self._place(session))
        return snapshot, snapshot.begin(tuple(given[name] for name in _BOUND), session.holding)

    def inserted(self, session: SessionRecord, given: dict[str, Any]) -> None:
        """`session` was inserted, with `given` as the row's parameters: its holder is in step with the row."""
        if self._executor.final:
            snapshot, save = self._begin(session, given)
            snapshot.stored(save, save.documents, 1, as_given=True)

    # -- one statement ----------------------------------------------------------------------------------------

    async def _save_alone(self, saving: _Saving) -> tuple[Row, bool] | None:
        """The stored row, and whether it is as given. None: others have written, it is not ours, or nobody knows."""
        session, snapshot, documents = saving.session, saving.snapshot, saving.save.documents
        if snapshot.seen is not None:
            condition = "seen"
        else:  # two beginnings that count the same have counted twice
            counts = session.updated_at is None and has_counter(session.to_dict(), self.policies)
            condition = "absent" if counts else "same"
        base, mine = snapshot.sides(saving.save) or (None, documents)
        if base is not None and snapshot.seen is not None and base is not snapshot.seen:
            documents = merged_documents(base, mine, snapshot.seen, self.policies)
        try:
            row = await self._upsert_if(condition, saving, documents)
        except UnavailableError as failure:
            if not (self._executor.final and failure.facts.get("maybe_done")):
                raise
            saving.tried = True
            return None
        return None if row is None else (row, documents is saving.save.documents)

    async def _upsert_if(self, condition: str, saving: _Saving, documents: Documents) -> Row | None:
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

    async def _save_within(self, executor: Executor, saving: _Saving) -> tuple[Row, bool]:
        inside, tried, saving.tried = type(self)(executor, self._statements), saving.tried, True
        while True:
            rows = await inside.run("lock", inside._lock, {"p_session_id": saving.given["p_session_id"]})
            if rows:
                return await inside._save_locked(saving, rows[0], tried), False
            # It was deleted meanwhile, or never there and inserted by others just now.
            inserted = await inside._upsert_if("absent", saving, saving.save.documents)
            if inserted is not None:
                return inserted, True

    def _lock(self) -> Executable:
        mine = self.key == self.rows.binds(("session_id",))["session_id"]
        return select(*self.rows.selected(), self.table.c[_RECENT]).where(mine).with_for_update()

    async def _save_locked(self, saving: _Saving, row: Row, tried: bool) -> Row:
        session, save, stored, snapshot = saving.session, saving.save, self.read(row), saving.snapshot
        tokens = _tokens(row[-1])
        stranger = session.user_id is not None or not snapshot.knows(tokens)
        if stranger and stored.user_id not in (None, session.user_id):
            raise OwnershipError(session_id=session.session_id, user_id=session.user_id)
        sides = snapshot.sides(save, tokens)
        if sides is None:
            return row
        forgotten = len(tokens) == MOST_OPEN and (stored.row_version or 0) - MOST_OPEN > snapshot.version
        if tried and forgotten:
            raise UnavailableError(maybe_done=True, session_id=session.session_id)
        (base, mine), theirs = sides, self._documents(row)
        # Where the row no longer tells of earlier saves, one of them may have been its beginning.
        fresh = session.updated_at is None and not (forgotten and len(snapshot.open) > 1)
        documents = merged_documents(base, mine, theirs, self.policies, fresh=fresh)
        parameters = {**saving.given, **dict(zip(_BOUND, documents, strict=True)), "save": save.token}
        return (await self.run("save_merged", self._save_merged, parameters, session.session_type))[0]

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
