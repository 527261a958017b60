"""Sessions in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Executable, String, Update, bindparam, func, or_, select, update

from agnodb import clock, codec
from agnodb.filters import Page, present
from agnodb.records.runs import KnownRuns, StoredRun
from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.records.snapshots import DOCUMENTS
from agnodb.rules.session_runs import give_runs
from agnodb.rules.session_saves import ACTIVE, COMPONENT, columns_of, inserted, save
from agnodb.rules.values import integer_in, text_in
from agnodb.sql import recent_runs
from agnodb.sql.ownership import may_write
from agnodb.sql.repository import Beside, constants
from agnodb.sql.runs import SqlRunRepository
from agnodb.sql.searching import any_match, bound_patterns, document_patterns
from agnodb.sql.session_saves import SessionSaves


class SqlSessionRepository(SessionSaves):
    """See `agnodb.contracts.sessions.SessionRepository`."""

    concept = "sessions"
    idempotent = frozenset({"rename", "set_data"})

    async def get(
        self, session_id: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        return await self.find(session_id=session_id, **present(user_id=user_id, session_type=session_type))

    async def get_with_runs(
        self, session_id: str, known: KnownRuns, *, user_id: str | None = None
    ) -> tuple[SessionRecord, list[StoredRun]] | None:
        if self.dialect.row_token(self.tables.runs) is None:
            session = await self.get(session_id, user_id=user_id)
            if session is None:
                return None
            # Without places nobody knows a part of the runs.
            return session, await SqlRunRepository(self._executor, self._statements).stored(session_id)
        filters = present(session_id=session_id, user_id=user_id)
        bound = {**self.rows.parameters(filters), **recent_runs.parameters(self.dialect, known)}
        rows = await self.run("get_with_runs", self._get_with_runs, bound, *sorted(filters))
        found = recent_runs.read(self.dialect, rows)
        return None if found is None else (self.read(found[0]), found[1])

    def _get_with_runs(self, *names: str) -> Executable:
        session_id = self.rows.binds(("session_id",))["session_id"]
        session = select(*self.rows.selected()).where(*self.equal(names))
        return recent_runs.beside(session, self.table, self.dialect, self.tables.runs, session_id)

    async def page(
        self,
        page: Page,
        *,
        session_type: str | None = None,
        user_id: str | None = None,
        component_id: str | None = None,
        name: str | None = None,
        created_from: int | None = None,
        created_to: int | None = None,
        with_runs: bool = False,
    ) -> tuple[list[SessionRecord], int]:
        filters = present(session_type=session_type, user_id=user_id)
        conditions: dict[str, Callable[[], ColumnElement[bool]]] = {}
        parameters: dict[str, Any] = {}
        if component_id is not None:
            conditions[f"component of {session_type}"] = lambda: self._component(session_type)
            parameters["component_id"] = text_in(component_id)
        if name is not None:
            searched = bound_patterns("name", document_patterns(name))
            conditions[" or ".join(searched)] = lambda: self._name_match(searched)
            parameters.update(searched)
        if created_from is not None:
            conditions["from"] = lambda: self.table.c.created_at >= bindparam("from", type_=BigInteger())
            parameters["from"] = integer_in(created_from)
        if created_to is not None:
            conditions["to"] = lambda: self.table.c.created_at <= bindparam("to", type_=BigInteger())
            parameters["to"] = integer_in(created_to)
        if not with_runs or self.dialect.lists:
            beside = Beside("runs", self._runs, _take_runs) if with_runs else None
            return await self.paged(page, filters, conditions=conditions, parameters=parameters, beside=beside)
        sessions, total = await self.paged(page, filters, conditions=conditions, parameters=parameters)
        await give_runs(sessions, SqlRunRepository(self._executor, self._statements).of_sessions)
        return sessions, total

    def _runs(self) -> ColumnElement[Any]:
        """The documents of a session's runs, as one list."""
        runs = self.tables.runs.c
        order = (runs.run_index, runs.created_at, runs.run_id)
        documents = select(self.dialect.listed(self.dialect.json_out(runs.run_data), *order))
        return documents.where(runs.session_id == self.table.c.session_id).scalar_subquery()

    def _component(self, session_type: str | None) -> ColumnElement[bool]:
        component_id = bindparam("component_id", type_=String())
        kinds = list(SessionType) if session_type is None else [SessionType(session_type)]
        return or_(*(self.table.c[COMPONENT[kind][0]] == component_id for kind in kinds))

    def _name_match(self, binds: Iterable[str]) -> ColumnElement[bool]:
        return any_match(self.dialect, self.dialect.json_text(self.table.c.session_data, "session_name"), binds)

    async def upsert(self, session: SessionRecord, *, updated_at: int | None = None) -> SessionRecord:
        return await save(self, self.saving(session, self._parameters(session, updated_at)))

    async def insert_if_absent(self, session: SessionRecord) -> bool:
        given = self._parameters(session)
        rows = await self.run("insert_if_absent", self._insert, given, session.session_type)
        if rows:
            inserted(self, self.saving(session, given))
        return bool(rows)

    def _insert(self, session_type: str) -> Executable:
        values = self.values(session_type)
        statement = self.dialect.upsert(self.table, values, ["session_id"], update=None)
        return statement.returning(self.key)

    def _parameters(self, session: SessionRecord, updated_at: int | None = None) -> dict[str, Any]:
        columns, changes = columns_of(session, updated_at)
        given = self.rows.parameters({**columns, **{name: getattr(session, name) for name in DOCUMENTS}})
        return {**given, "now": integer_in(changes["updated_at"])}

    async def rename(
        self, session_id: str, name: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        filters = present(session_id=session_id, user_id=user_id, session_type=session_type)
        given = {**self.rows.parameters(filters), "new_name": codec.encode(name)}
        return await self.first("rename", self._rename, given, *sorted(filters))

    def _rename(self, *names: str) -> Executable:
        data = self.table.c.session_data
        renamed = self.dialect.json_set(data, "session_name", self.dialect.json_in("new_name"))
        return self._update({"session_data": renamed}, *self.equal(names)).returning(*self.rows.selected())

    async def set_data(self, session_id: str, data: object, *, user_id: str | None = None) -> bool:
        given = self.rows.parameters({"session_id": session_id, "session_data": data, "user_id": user_id})
        return bool(await self.run("set_data", self._set_data, {**given, "now": clock.now()}))

    def _set_data(self) -> Executable:
        bound = self.rows.binds(("session_id", "session_data", "user_id"))
        mine = (self.key == bound["session_id"], may_write(self.table, bound["user_id"]))
        changed = {"session_data": bound["session_data"], "updated_at": bindparam("now", type_=BigInteger())}
        return self._update(changed, *mine).returning(self.key)

    def _update(self, values: dict[str, Any], *where: ColumnElement[bool]) -> Update:
        values = {**values, "agnodb_row_version": func.coalesce(self.table.c.agnodb_row_version, 0) + 1}
        return update(self.table).where(*where).values(values)

    async def reassign_owner(self, session_id: str, *, previous_user_id: str, user_id: str | None) -> bool:
        parameters = self.rows.parameters({"session_id": session_id, "user_id": user_id})
        parameters["previous"] = text_in(previous_user_id)
        return bool(await self.run("reassign_owner", self._reassign_owner, parameters))

    def _reassign_owner(self) -> Executable:
        runs, bound = self.tables.runs, self.rows.binds(("session_id", "user_id"))
        active = select(runs.c.run_id).where(
            runs.c.session_id == bound["session_id"], runs.c.status.in_(constants(ACTIVE))
        )
        return (
            update(self.table)
            .where(
                self.key == bound["session_id"],
                self.table.c.user_id == bindparam("previous", type_=String()),
                ~active.exists(),
            )
            .values(user_id=bound["user_id"])
            .returning(self.key)
        )

    async def delete(self, session_id: str, *, user_id: str | None = None) -> bool:
        # The runs go with their session: the foreign key cascades.
        return await self.delete_where(session_id=session_id, **present(user_id=user_id)) > 0

    async def delete_many(self, session_ids: Iterable[str], *, user_id: str | None = None) -> int:
        return await self.delete_any(session_ids, **present(user_id=user_id))


def _take_runs(session: SessionRecord, documents: Sequence[str] | None) -> None:
    session.runs = [codec.decode(document) for document in documents or ()]
