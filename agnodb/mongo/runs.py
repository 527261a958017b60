"""Runs in MongoDB."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Hashable, Iterable
from typing import Any

from agnodb import clock
from agnodb.filters import Page
from agnodb.mongo.documents import decoded, texts
from agnodb.mongo.ownership import may_write
from agnodb.mongo.recent_runs import ORDER, SHOWN, VERSION, new_version, stored_run
from agnodb.mongo.repository import Document
from agnodb.mongo.run_saves import RunSaves
from agnodb.records.runs import HISTORY_SKIP_STATUSES, RunRecord, StoredRun
from agnodb.rules.cancelling import cancellation
from agnodb.rules.runs import Runs
from agnodb.rules.values import text_in


class MongoRunRepository(Runs, RunSaves):
    """See `agnodb.contracts.runs.RunRepository`."""

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

    # -- changes ------------------------------------------------------------------------------------------------

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
