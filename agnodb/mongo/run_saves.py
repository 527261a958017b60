"""How MongoDB saves a run: in its place by one command, or at the end of its session, which counts the places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agnodb import clock
from agnodb.errors import NotFoundError, OwnershipError
from agnodb.mongo.documents import lookup
from agnodb.mongo.ownership import may_write
from agnodb.mongo.recent_runs import VERSION, new_version
from agnodb.mongo.repository import Document, MongoRepository
from agnodb.records.runs import SAVED_AGAIN, RunRecord
from agnodb.rules.values import text_in

_PLACE = ("user_id", "run_index", "created_at", "updated_at")
_COUNTER, _PLACED = "agnodb_run_counter", "agnodb_run_placed"
"""Of a session: its next place, and the run that was given the last one."""


def _key(given: Document) -> Document:
    return {name: given[name] for name in ("run_id", "session_id")}


class RunSaves(MongoRepository[RunRecord]):
    """The saving of runs, for `MongoRunRepository`."""

    concept = "runs"
    record = RunRecord
    idempotent = frozenset({"upsert", "place"})

    async def upsert(self, run: RunRecord) -> RunRecord:
        """See `agnodb.contracts.runs.RunRepository`."""
        given = self._given(run)
        stored = await self._saved(run, given) or await self.call(
            "stored", "find_one", _key(given), dict.fromkeys(_PLACE, 1)
        )
        return replace(run, **self._place(stored or given))

    async def save(self, run: RunRecord) -> None:
        """See `agnodb.contracts.runs.RunRepository`."""
        await self._saved(run, self._given(run))

    async def _saved(self, run: RunRecord, given: Document) -> Document | None:
        """Save the run; what is stored of one that is new. One that is there is not read: it would cost a command."""
        owned = {} if given["user_id"] is None else {"user_id": given["user_id"]}
        for _ in range(2):
            if await self._changed(given, owned):
                return None
            around = await self._around(given)
            if around is None:
                break
            if not around["same"]:
                if (new := await self._append(given, around)) is not None:
                    return new
            elif await self._changed(given, {"user_id": None}):  # a run without an owner is its session's
                return None
        raise await self._refusal(run)

    async def _changed(self, given: Document, owned: Document) -> bool:
        """Change the stored run; False when there is none that is `owned` so."""
        changes = {name: given[name] for name in (*SAVED_AGAIN, VERSION)}
        if given["user_id"] is not None:
            changes["user_id"] = given["user_id"]
        done = await self.call("upsert", "update_one", {**_key(given), **owned}, {"$set": changes})
        return bool(done.matched_count)

    async def _around(self, given: Document) -> Document | None:
        """The session of a run, if the writer may change it: its counter, whether it has the `same` run, its `last`."""
        last = [{"$sort": {"run_index": -1}}, {"$limit": 1}, {"$project": {"run_index": 1}}]
        stages = [
            {"$match": {"session_id": given["session_id"], **may_write(given["user_id"])}},
            {"$project": {"session_id": 1, _COUNTER: 1, "run_id": {"$literal": given["run_id"]}}},
            lookup(self._collections.name("runs"), "run_id", "same", [{"$project": {"_id": 1}}]),
            lookup(self._collections.name("runs"), "session_id", "last", last),
        ]
        found: list[Document] = await self.call("around", "aggregate", stages, of="sessions")
        return found[0] if found else None

    async def _append(self, given: Document, around: Document, name: str = "upsert") -> Document | None:
        """Insert the run at the end of its session; None when its id is taken, or the session is gone."""
        floor = next((row["run_index"] for row in around["last"] if row.get("run_index") is not None), -1)
        place = await self._advanced(given, around.get(_COUNTER), floor)
        if place is None:
            return None
        document = {**given, "run_index": place}
        return document if await self.insert_absent(given["run_id"], document, name) else None

    async def _advanced(self, given: Document, counter: int | None, floor: int) -> int | None:
        """The place of a new run, from its session's counter, which was `counter`; None when the session is gone.

        Racing runs never get one place: whoever is first after the counter was read takes it, the others ask for the
        next. The last stored place is only the floor, for sessions whose runs agno's own adapter wrote.
        """
        session = {"session_id": given["session_id"], **may_write(given["user_id"])}
        place = max(counter or 0, floor + 1)
        first = {"$set": {_COUNTER: place + 1, _PLACED: given["run_id"]}}
        done = await self.call("place", "update_one", {**session, _COUNTER: counter}, first, of="sessions")
        if done.matched_count:
            return place
        return await self._next(session, given["run_id"], floor)

    async def _next(self, session: Document, run_id: str, floor: int) -> int | None:
        """The next place, as the server counts. Asked again for the same run, it gives the same one."""
        counter, literal = {"$ifNull": [f"${_COUNTER}", 0]}, {"$literal": run_id}
        again = {"$and": [{"$eq": [f"${_PLACED}", literal]}, {"$gte": [counter, floor + 2]}]}
        advanced = {"$cond": [again, counter, {"$add": [{"$max": [counter, floor + 1]}, 1]}]}
        found = await self.call(
            "place",
            "find_one_and_update",
            session,
            [{"$set": {_COUNTER: advanced, _PLACED: literal}}],
            of="sessions",
            return_document=True,
            projection={_COUNTER: 1},
        )
        return None if found is None else int(found[_COUNTER]) - 1

    async def append_if_absent(self, run: RunRecord) -> bool:
        """See `agnodb.contracts.runs.RunRepository`."""
        given = self._given(run)
        around = await self._around(given)
        if around is not None and not around["same"] and await self._append(given, around, "append") is not None:
            return True
        if await self.one(run.run_id) is not None:
            return False
        raise await self._refusal(run)

    def _given(self, run: RunRecord) -> Document:
        now = clock.now()
        created_at = now if run.created_at is None else run.created_at
        values = {**self.fields.values(run), "created_at": created_at, "updated_at": now, "run_index": None}
        return {**self.fields.encode(values), VERSION: new_version()}

    def _place(self, stored: Document) -> dict[str, Any]:
        known = self.fields.read({name: stored.get(name) for name in _PLACE})
        return {name: getattr(known, name) for name in _PLACE}

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
