"""Runs in MongoDB."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Hashable, Iterable
from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.errors import NotFoundError, OwnershipError
from agnodb.filters import Page, present
from agnodb.mongo.documents import decoded, texts
from agnodb.mongo.ownership import may_write
from agnodb.mongo.recent_runs import ORDER, SHOWN, VERSION, new_version, stored_run
from agnodb.mongo.repository import Document, MongoRepository
from agnodb.records.runs import HISTORY_SKIP_STATUSES, SAVED_AGAIN, RunRecord, StoredRun
from agnodb.rules.cancelling import cancellation
from agnodb.rules.values import text_in

_PLACE = {"run_id": 1, "user_id": 1, "run_index": 1, "created_at": 1, "updated_at": 1, "_id": 0}


class MongoRunRepository(MongoRepository[RunRecord]):
    """See `agnodb.contracts.runs.RunRepository`."""

    concept = "runs"
    record = RunRecord
    idempotent = frozenset({"upsert", "place"})

    async def get(self, run_id: str) -> RunRecord | None:
        return await self.find(run_id=run_id)

    async def page(
        self,
        page: Page,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: str | None = None,
    ) -> tuple[list[RunRecord], int]:
        filters = present(
            session_id=session_id,
            user_id=user_id,
            agent_id=agent_id,
            team_id=team_id,
            workflow_id=workflow_id,
            status=status,
        )
        return await self.paged(page, self.fields.encode(filters))

    def ordered(self, page: Page) -> list[Document]:
        stages = super().ordered(page)
        if page.sort_by != "run_index":
            return stages
        sort = stages[-1]["$sort"]  # a place is one among the runs of a session
        return [{"$sort": {"run_index": sort["run_index"], "created_at": 1, "run_id": sort["run_id"]}}]

    # -- the runs of sessions, in order -------------------------------------------------------------------------

    async def of_session(self, session_id: str) -> list[Any]:
        return await self._documents({"session_id": text_in(session_id)}, 1)

    async def stored(self, session_id: str, known: Collection[Hashable] = ()) -> list[StoredRun]:
        match, versions = {"session_id": text_in(session_id)}, {token for token in known if isinstance(token, int)}
        shown = SHOWN if versions else {**SHOWN, "run_data": 1}
        rows = await self.call("stored", "find", match, shown, sort=self._order(1))
        if versions:
            rows = await self._with_unknown(rows, match, versions)
        return [stored_run(row) for row in rows]

    async def _with_unknown(self, rows: list[Document], match: Document, versions: Container[int]) -> list[Document]:
        """`rows` with what those hold whose version is not among `versions`; without those that are gone meanwhile."""
        unknown = {row["run_id"] for row in rows if row.get(VERSION) not in versions}
        if not unknown:
            return rows
        chosen = {**match, "run_id": {"$in": [*unknown]}}
        found = await self.call("unknown", "find", chosen, {**SHOWN, "run_data": 1})
        read = {row["run_id"]: row for row in found}
        return [read.get(row["run_id"], row) for row in rows if row["run_id"] not in unknown or row["run_id"] in read]

    async def history(self, session_id: str, limit: int) -> list[Any]:
        limit = Page(limit).checked(self.listing).limit or 0
        if limit == 0:  # to MongoDB that is no limit
            return []
        told = {"parent_run_id": None, "status": {"$nin": list(HISTORY_SKIP_STATUSES)}}
        latest = await self._documents({"session_id": text_in(session_id), **told}, -1, limit=limit)
        return latest[::-1]

    async def of_sessions(self, session_ids: Iterable[str]) -> dict[str, list[Any]]:
        match = {"session_id": {"$in": texts(session_ids)}}
        shown = {"session_id": 1, "run_data": 1, "_id": 0}
        sort = [("session_id", 1), *self._order(1)]
        rows: dict[str, list[Any]] = {}
        for row in await self.call("of_sessions", "find", match, shown, sort=sort):
            session_id = self.fields.read({"session_id": row["session_id"]}).session_id
            rows.setdefault(session_id, []).append(decoded(row.get("run_data")))
        return rows

    async def _documents(self, match: dict[str, Any], way: int, **options: Any) -> list[Any]:
        shown = {"run_data": 1, "_id": 0}
        rows = await self.call("documents", "find", match, shown, sort=self._order(way), **options)
        return [decoded(row.get("run_data")) for row in rows]

    @staticmethod
    def _order(way: int) -> list[tuple[str, int]]:
        return [(field, way) for field in ORDER]

    # -- writes -----------------------------------------------------------------------------------------------

    async def upsert(self, run: RunRecord) -> RunRecord:
        given = self._given(run)
        owned = {} if given["user_id"] is None else {"user_id": given["user_id"]}
        for _ in range(2):
            stored = await self._resaved(given, owned)
            if stored is None:
                around = await self._around(given)
                if around is None:
                    break
                # A run without an owner is its session's.
                same = around["same"]
                stored = await (self._resaved(given, {"user_id": None}) if same else self._append(given, around))
            if stored is not None:
                return replace(run, **self._place(stored))
        raise await self._refusal(run)

    async def _resaved(self, given: Document, owned: Document) -> Document | None:
        """Change the stored run; None when there is none that is `owned` so."""
        match = {"run_id": given["run_id"], "session_id": given["session_id"], **owned}
        changes = {name: given[name] for name in (*SAVED_AGAIN, VERSION, *owned)}
        options: dict[str, Any] = {"return_document": True, "projection": _PLACE}
        stored: Document | None = await self.call("upsert", "find_one_and_update", match, {"$set": changes}, **options)
        return stored

    async def _around(self, given: Document) -> Document | None:
        """The session of a run, if the writer may change it: whether it has the `same` run, and its `last` one."""
        runs = {"from": self.name_of("runs")}
        same = [{"$match": {"run_id": given["run_id"]}}, {"$project": {"_id": 1}}]
        last = [{"$match": {"session_id": given["session_id"]}}, {"$sort": {"run_index": -1}}, {"$limit": 1}]
        stages = [
            {"$match": {"session_id": given["session_id"], **may_write(given["user_id"])}},
            {"$project": {"_id": 1}},
            {"$lookup": {**runs, "pipeline": same, "as": "same"}},
            {"$lookup": {**runs, "pipeline": [*last, {"$project": {"run_index": 1}}], "as": "last"}},
        ]
        found: list[Document] = await self.call("around", "aggregate", stages, of="sessions")
        return found[0] if found else None

    async def _append(self, given: Document, around: Document, name: str = "upsert") -> Document | None:
        """Insert the run at the end of its session; None when its id is taken, or the session is gone.

        The session's counter gives the place, so racing runs never get one. The last stored place is only the floor,
        for sessions whose runs agno's own adapter wrote. Asked again for the same run, it gives the same place.
        """
        floor = next((row["run_index"] for row in around["last"] if row.get("run_index") is not None), -1)
        counter, run_id = {"$ifNull": ["$agnodb_run_counter", 0]}, {"$literal": given["run_id"]}
        again = {"$and": [{"$eq": ["$agnodb_run_placed", run_id]}, {"$gte": [counter, floor + 2]}]}
        advanced = {"$cond": [again, counter, {"$add": [{"$max": [counter, floor + 1]}, 1]}]}
        session = await self.call(
            "place",
            "find_one_and_update",
            {"session_id": given["session_id"], **may_write(given["user_id"])},
            [{"$set": {"agnodb_run_counter": advanced, "agnodb_run_placed": run_id}}],
            of="sessions",
            return_document=True,
            projection={"agnodb_run_counter": 1},
        )
        if session is None:
            return None
        document = {**given, "run_index": session["agnodb_run_counter"] - 1}
        return document if await self.insert_absent(given["run_id"], document, name) else None

    async def append_if_absent(self, run: RunRecord) -> bool:
        given = self._given(run)
        around = await self._around(given)
        if around is not None and not around["same"] and await self._append(given, around, "append") is not None:
            return True
        if await self.get(run.run_id) is not None:
            return False
        raise await self._refusal(run)

    def _given(self, run: RunRecord) -> Document:
        now = clock.now()
        created_at = now if run.created_at is None else run.created_at
        values = {**self.fields.values(run), "created_at": created_at, "updated_at": now, "run_index": None}
        return {**self.fields.encode(values), VERSION: new_version()}

    def _place(self, stored: Document) -> dict[str, Any]:
        known = self.fields.read({name: stored.get(name) for name in _PLACE if name != "_id"})
        return {name: getattr(known, name) for name in ("user_id", "run_index", "created_at", "updated_at")}

    async def _refusal(self, run: RunRecord) -> NotFoundError | OwnershipError:
        """Why a run could not be written: asked only after it was refused."""
        if await self._session({"session_id": text_in(run.session_id), "user_id": None}) is None:
            return NotFoundError("There is no such session.", session_id=run.session_id, run_id=run.run_id)
        return OwnershipError(session_id=run.session_id, run_id=run.run_id, user_id=run.user_id)

    async def _session(self, given: Document) -> Document | None:
        """The session of `given`, if the writer may change it."""
        match = {"session_id": given["session_id"], **may_write(given["user_id"])}
        found: Document | None = await self.call("session", "find_one", match, {"_id": 1}, of="sessions")
        return found

    async def patch(
        self,
        run_id: str,
        session_id: str,
        change: Callable[[RunRecord], dict[str, Any] | None],
        *,
        user_id: str | None = None,
    ) -> bool | None:
        mine = self.fields.encode({"run_id": run_id, "session_id": session_id, "user_id": user_id})
        if await self._session(mine) is None:
            return None
        match = {"run_id": mine["run_id"], "session_id": mine["session_id"], **may_write(mine["user_id"])}

        def changed(run: RunRecord) -> Document | None:
            values = change(run)
            if values is None:
                return None
            return {**self.fields.encode({**values, "updated_at": clock.now()}), VERSION: new_version()}

        return await self.change_as_read("patch", match, changed)

    async def cancel(
        self, run_id: str, session_id: str, *, reason: str, expected_status: str, user_id: str | None = None
    ) -> bool:
        change = cancellation(expected_status, reason)
        return bool(await self.patch(run_id, session_id, change, user_id=user_id))

    # -- deletes ----------------------------------------------------------------------------------------------

    async def delete(self, run_id: str) -> bool:
        return await self.delete_where({"run_id": text_in(run_id)}) > 0

    async def delete_many(self, run_ids: Iterable[str]) -> int:
        return await self.delete_any(run_ids)
