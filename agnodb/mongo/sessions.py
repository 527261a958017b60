"""Sessions in MongoDB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agnodb import clock
from agnodb.errors import InvalidValueError
from agnodb.filters import Page, present
from agnodb.mongo import recent_runs
from agnodb.mongo.documents import texts
from agnodb.mongo.failures import TOO_LARGE
from agnodb.mongo.ownership import may_write
from agnodb.mongo.runs import MongoRunRepository
from agnodb.mongo.searching import within
from agnodb.mongo.session_saves import SessionSaves
from agnodb.records.runs import KnownRuns, StoredRun
from agnodb.records.sessions import SessionRecord, SessionType
from agnodb.rules.session_runs import give_runs
from agnodb.rules.session_saves import ACTIVE, COMPONENT, inserted, save
from agnodb.rules.values import integer_in, text_in


class MongoSessionRepository(SessionSaves):
    """See `agnodb.contracts.sessions.SessionRepository`."""

    concept = "sessions"
    idempotent = frozenset({"set_data"})

    async def get(
        self, session_id: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        return await self.one(session_id, **present(user_id=user_id, session_type=session_type))

    async def get_with_runs(
        self, session_id: str, known: KnownRuns, *, user_id: str | None = None
    ) -> tuple[SessionRecord, list[StoredRun]] | None:
        match = self.fields.encode(present(session_id=session_id, user_id=user_id))
        stages = [{"$match": match}, {"$project": self.fields.projection}]
        stages += recent_runs.stages(self._collections.name("runs"), known)
        try:
            rows = await self.call("get_with_runs", "aggregate", stages)
        except InvalidValueError as error:
            if error.facts.get("code") not in TOO_LARGE:
                raise
            return None
        recent = recent_runs.read(rows[0], known) if rows else None
        return None if recent is None else (self.read(rows[0]), recent)

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
        match: dict[str, Any] = self.fields.encode(present(session_type=session_type, user_id=user_id))
        if component_id is not None:
            kinds = list(SessionType) if session_type is None else [SessionType(session_type)]
            match["$or"] = [{COMPONENT[kind][0]: text_in(component_id)} for kind in kinds]
        if name is not None:
            match["$and"] = [within("session_data.session_name", name)]
        created = present(**{"$gte": created_from, "$lte": created_to})
        if created:
            match["created_at"] = {bound: integer_in(moment) for bound, moment in created.items()}
        sessions, total = await self.paged(page, match)
        if with_runs:
            await give_runs(sessions, MongoRunRepository(self._executor, self._collections).of_sessions)
        return sessions, total

    async def upsert(self, session: SessionRecord, *, updated_at: int | None = None) -> SessionRecord:
        return await save(self, self.saving(session, updated_at))

    async def insert_if_absent(self, session: SessionRecord) -> bool:
        saving = self.saving(session)
        if not await self.insert_absent(saving.given.inserted["session_id"], saving.given.inserted):
            return False
        inserted(self, saving)
        return True

    async def rename(
        self, session_id: str, name: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        match = self.fields.encode(present(session_id=session_id, user_id=user_id, session_type=session_type))
        stored = {"$literal": self.fields.encode({"session_data": {"session_name": name}})["session_data"]}
        changes = {
            "session_data": {"$mergeObjects": ["$session_data", stored]},
            "agnodb_row_version": {"$add": [{"$ifNull": ["$agnodb_row_version", 0]}, 1]},
        }
        return await self.changed_where(match, [{"$set": changes}])

    async def set_data(self, session_id: str, data: object, *, user_id: str | None = None) -> bool:
        given = self.fields.encode({"session_id": session_id, "session_data": data, "user_id": user_id})
        match = {"session_id": given["session_id"], **may_write(given["user_id"])}
        changes = {"session_data": given["session_data"], "updated_at": clock.now()}
        done = await self.call("set_data", "update_one", match, {"$set": changes, "$inc": {"agnodb_row_version": 1}})
        return bool(done.matched_count)

    async def reassign_owner(self, session_id: str, *, previous_user_id: str, user_id: str | None) -> bool:
        given = self.fields.encode({"session_id": session_id, "user_id": user_id})
        active = {"session_id": given["session_id"], "status": {"$in": list(ACTIVE)}}
        if await self.call("active", "find_one", active, {"_id": 1}, of="runs") is not None:
            return False
        match = {"session_id": given["session_id"], "user_id": text_in(previous_user_id)}
        update = {"$set": {"user_id": given["user_id"]}, "$inc": {"agnodb_row_version": 1}}  # seen by metrics
        done = await self.call("reassign_owner", "update_one", match, update)
        return bool(done.matched_count)

    async def delete(self, session_id: str, *, user_id: str | None = None) -> bool:
        return await self.delete_many([session_id], user_id=user_id) > 0

    async def delete_many(self, session_ids: Iterable[str], *, user_id: str | None = None) -> int:
        chosen = {"session_id": {"$in": texts(session_ids)}, **self.fields.encode(present(user_id=user_id))}
        return await self.delete_with("runs", "session_id", chosen)
