"""Schedules in a document store. The name of each, which is unique for its owner, is a document of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agnodb import clock, codec
from agnodb.documents.encoding import new_version
from agnodb.documents.indexes import DUE, NAMES
from agnodb.documents.repository import ROUNDS, DocumentRepository
from agnodb.documents.schedule_runs import DocumentScheduleRunRepository
from agnodb.documents.store import Document, Query, Refused, Write
from agnodb.errors import DuplicateKeyError, UnavailableError
from agnodb.filters import present
from agnodb.records.schedules import ON_DEMAND, ScheduleRecord, run_endpoints, schedule_changes
from agnodb.rules.schedules import Schedules, stale_lock
from agnodb.rules.values import integer_in, text_in

_AT_ONCE = 20


class DocumentScheduleRepository(Schedules, DocumentRepository[ScheduleRecord]):
    """See `agnodb.contracts.schedules.ScheduleRepository`."""

    async def get_by_name(self, name: str, *, user_id: str | None) -> ScheduleRecord | None:
        (taken,) = await self._executor.get([self._name_at(name, user_id)])
        return None if taken is None else await self._named(taken, name, user_id)

    async def _named(self, taken: Document, name: str, user_id: str | None) -> ScheduleRecord | None:
        """The schedule that a name was taken for, if it has it."""
        schedule = await self.one(codec.decode(taken.body))
        return schedule if schedule is not None and (schedule.name, schedule.user_id) == (name, user_id) else None

    # -- writes -----------------------------------------------------------------------------------------------

    async def insert(self, record: ScheduleRecord, *with_it: Write) -> ScheduleRecord:
        return await super().insert(record, await self._name_for(record), *with_it)

    async def _name_for(self, schedule: ScheduleRecord) -> Write:
        """The write that takes the name of `schedule` for it. Raises DuplicateKeyError when another has it."""
        address = self._name_at(schedule.name, schedule.user_id)
        document = Document(address[1], codec.encode(schedule.id), {}, new_version())
        (taken,) = await self._executor.get([address])
        if taken is None:
            return Write(address, document, None)
        if (
            codec.decode(taken.body) != schedule.id
            and await self._named(taken, schedule.name, schedule.user_id) is not None
        ):
            raise self._executor.failed(DuplicateKeyError(name=schedule.name))
        return Write(address, document, taken.version)  # a store that is not atomic left it

    def _name_at(self, name: str, user_id: str | None) -> tuple[str, str]:
        return self.address(json.dumps([text_in(name), None if user_id is None else text_in(user_id)]), NAMES)

    async def update(
        self, schedule_id: str, changes: Mapping[str, Any], *, user_id: str | None = None
    ) -> ScheduleRecord | None:
        made = self.map.checked({**schedule_changes(changes), "updated_at": clock.now()})
        mine = present(user_id=user_id)
        if "name" not in made:
            return await self.change(schedule_id, made, **mine)
        for round in range(ROUNDS):
            document = await self.look(self.key_of(schedule_id))
            stored = None if document is None else self.read(document)
            if stored is None or (user_id is not None and stored.user_id != user_id):
                return None
            try:
                return await self._renamed(replace(stored, **made), stored, document)
            except Refused:
                await self._executor.pause(round)
        raise UnavailableError(schedule_id=schedule_id, detail="others write this schedule all the time")

    async def _renamed(self, schedule: ScheduleRecord, before: ScheduleRecord, over: Document | None) -> ScheduleRecord:
        if schedule.name == before.name:
            return await self.put(schedule, over)
        free, named = await self._name_of(before), await self._name_for(schedule)
        write = self.written(schedule, over)
        await self._executor.write([named, write, *free])
        assert write.document is not None
        return self.read(write.document)

    async def disable_for_target(self, target_type: str, target_id: str, *, reason: str | None = None) -> int:
        target, endpoints = (text_in(target_type), text_in(target_id)), run_endpoints(target_type, target_id)

        def aimed(schedule: ScheduleRecord) -> bool:
            return (schedule.target_type, schedule.target_id) == target or schedule.endpoint in endpoints

        changes = self.map.checked({"enabled": False, "disabled_reason": reason, "updated_at": clock.now()})

        async def disabled() -> list[Write]:
            found = await self.all_of(replace(self.chosen(enabled=True), keep=aimed))
            stored = [(self.read(document), document) for document in await self.documents(one.id for one in found)]
            return [
                self.written(replace(schedule, **changes), document)
                for schedule, document in stored
                if schedule.enabled and aimed(schedule)
            ]

        return len(await self.write_all(disabled))

    # -- the lock of the worker that runs it --------------------------------------------------------------------

    async def claim_due(self, worker_id: str, *, lock_grace_seconds: int = 300) -> ScheduleRecord | None:
        now, worker = clock.now(), text_in(worker_id)
        stale = stale_lock(now, lock_grace_seconds)
        query = Query(self.collections.name("schedules"), DUE, (1,), high=now)
        after: Document | None = None
        while found := await self._executor.find(query, after=after, limit=_AT_ONCE):
            for document in found:
                schedule = self.read(document)
                free = schedule.locked_by is None or (schedule.locked_at or 0) <= stale
                if free and (claimed := await self._locked(schedule, document, worker, now)) is not None:
                    return claimed
            after = found[-1]
        return None

    async def _locked(self, schedule: ScheduleRecord, over: Document, worker: str, now: int) -> ScheduleRecord | None:
        try:
            return await self.put(replace(schedule, locked_by=worker, locked_at=now), over)
        except Refused:  # another worker has it
            return None

    async def release(
        self,
        schedule_id: str,
        *,
        next_run_at: int | None = None,
        worker_id: str | None = None,
        locked_at: int | None = None,
    ) -> bool:
        following = None if next_run_at is None else integer_in(next_run_at)
        claim = self.map.checked(present(locked_by=worker_id, locked_at=locked_at))

        def released(stored: ScheduleRecord | None) -> ScheduleRecord | None:
            if stored is None or any(getattr(stored, name) != value for name, value in claim.items()):
                return None
            due = None if stored.cron_expr == ON_DEMAND else stored.next_run_at if following is None else following
            return replace(stored, locked_by=None, locked_at=None, next_run_at=due, updated_at=clock.now())

        return await self.compare_and_set(schedule_id, released) is not None

    async def delete(self, schedule_id: str, *, user_id: str | None = None) -> bool:
        mine = self.map.checked(present(user_id=user_id))
        runs = DocumentScheduleRunRepository(self._executor, self.collections)
        key = self.key_of(schedule_id)

        async def gone() -> list[Write]:
            document = await self.look(key)
            if document is None:
                return []
            schedule = self.read(document)
            if any(getattr(schedule, name) != value for name, value in mine.items()):
                return []
            # The schedule goes last, so that what a failure leaves can be deleted again.
            theirs = await runs.documents(run.id for run in await runs.all_of(runs.chosen(schedule_id=key)))
            return [*map(runs.without, theirs), *await self._name_of(schedule), self.without(document)]

        return bool(await self.write_all(gone))

    async def _name_of(self, schedule: ScheduleRecord) -> list[Write]:
        """The write that gives up the name of `schedule`, if it has it."""
        address = self._name_at(schedule.name, schedule.user_id)
        (taken,) = await self._executor.get([address])
        if taken is None or codec.decode(taken.body) != schedule.id:
            return []
        return [Write(address, None, taken.version)]
