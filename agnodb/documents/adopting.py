"""Takes over what agno's own adapter has stored on the same kind of backend.

It is read as agno wrote it and written as our records, as far as they are not there: whoever is interrupted does it
again. Runs keep their order. Nothing of agno's is changed here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger

from agnodb import clock
from agnodb.documents.agnos_layouts import CONCEPTS, Rows
from agnodb.documents.batches import in_parts, parts
from agnodb.documents.histories import History
from agnodb.documents.indexes import HISTORIES
from agnodb.documents.repositories import DocumentRepositories
from agnodb.documents.store import Write
from agnodb.errors import InvalidValueError
from agnodb.records.runs import RunRecord
from agnodb.records.traces import TraceRecord

_BATCH = 500


@dataclass
class Adopted:
    """What became of the rows of one concept."""

    concept: str
    taken: int = 0
    """Written, or to be written."""
    there: int = 0
    refused: list[str] = field(default_factory=list)
    """Of each that cannot be taken: its key, and why."""

    @property
    def found(self) -> int:
        """The rows that agno has."""
        return self.taken + self.there + len(self.refused)


class Adoption:
    """Takes `rows` over into the repositories; only counts without `apply`."""

    def __init__(self, repositories: DocumentRepositories, rows: Rows, *, apply: bool) -> None:
        self._repositories, self._rows, self._apply = repositories, rows, apply
        self._most = repositories.sessions._executor.capabilities.batch
        self.told = {concept: Adopted(concept) for concept in CONCEPTS}

    async def run(self) -> list[Adopted]:
        """Take everything over, what others belong to first."""
        await self._plain("sessions")
        await self._runs()
        for concept in ("memories", "eval_runs", "knowledge"):
            await self._plain(concept)
        await self._traces()
        return list(self.told.values())

    # -- records that stand by themselves -------------------------------------------------------------------------

    async def _plain(self, concept: str) -> None:
        repository: Any = getattr(self._repositories, concept)
        for part in self._parts(self._new(concept, self._rows.get(concept, ()))):
            there = {document.key for document in await repository.documents(part)}
            writes: list[Write] = []
            for record in part.values():
                try:
                    write = repository.written(record, None)
                except InvalidValueError as error:
                    self._refuse(concept, getattr(record, repository.listing.key), error)
                    continue
                if write.address[1] in there:
                    self.told[concept].there += 1
                    continue
                self.told[concept].taken += 1
                writes.append(write)
                if concept == "sessions":
                    history = History(repository.address(record.session_id, HISTORIES), None)
                    writes.append(history.owned_by(record.user_id).write())
            if self._apply:
                await self._write(writes)

    def _new(self, concept: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """The records of rows by their keys; of two with one key the first."""
        repository: Any = getattr(self._repositories, concept)
        key, found = repository.listing.key, dict[str, Any]()
        for row in rows:
            try:
                record = self._record(concept, repository.record, row)
                repository.key_of(getattr(record, key))
            except (InvalidValueError, TypeError, ValueError) as error:
                self._refuse(concept, row.get(key), error)
                continue
            if getattr(record, key) in found:
                self.told[concept].there += 1
            else:
                found[getattr(record, key)] = record
        return found

    def _record(self, concept: str, kind: type, row: Mapping[str, Any]) -> Any:
        table = getattr(self._repositories.sessions.collections.tables, concept)
        names = {f.name for f in fields(kind) if not f.metadata.get("internal")}
        values = {name: value for name, value in row.items() if name in names}
        for name, value in values.items():
            if isinstance(value, str) and name in table.c and isinstance(table.c[name].type, BigInteger):
                values[name] = int(datetime.fromisoformat(value).timestamp())  # agno writes some times as local ones
        made = table.c.get("created_at")
        if made is not None and isinstance(made.type, BigInteger) and values.get("created_at") is None:
            values["created_at"] = clock.now()  # agno leaves it out in places; nobody knows it any more
        return kind(**values)

    async def _write(self, writes: list[Write]) -> None:
        """In as few parts as the store can; Refused where somebody else writes there meanwhile."""
        async for _ in in_parts(self._repositories.sessions._executor, writes):
            pass

    def _parts(self, records: dict[str, Any]) -> Iterable[dict[str, Any]]:
        """So many records as are written in one batch, with one document for all of them."""
        return map(dict, parts(list(records.items()), min(_BATCH, self._most - 1)))

    def _refuse(self, concept: str, key: Any, error: Exception) -> None:
        detail = getattr(error, "detail", None)
        self.told[concept].refused.append(f"{key}: {error}{f' ({detail})' if detail else ''}")

    # -- runs -----------------------------------------------------------------------------------------------------

    async def _runs(self) -> None:
        sessions = {row.get("session_id"): row for row in self._rows.get("sessions", ())}
        rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for session_id, session in sessions.items():
            rows[str(session_id)] += _in_blob(session)
        for row in sorted(self._rows.get("runs", ()), key=_place):
            rows[str(row.get("session_id"))].append(row)
        for session_id, listed in rows.items():
            # What agno wrote of a run after it had left the blob counts, at the place that it had there.
            latest = {row.get("run_id"): row for row in listed}
            for part in self._parts(self._new("runs", [*latest.values()])):
                await self._append(session_id, part, known=session_id in sessions)

    async def _append(self, session_id: str, runs: dict[str, RunRecord], *, known: bool) -> None:
        """Add those of `runs` that are not there to their session, in order."""
        repository, told = self._repositories.runs, self.told["runs"]
        histories = repository.address(session_id, HISTORIES)
        session, counted = await repository._executor.get([repository.address(session_id, "sessions"), histories])
        if session is None and (self._apply or not known):
            for run_id in runs:
                self._refuse("runs", run_id, InvalidValueError("its session is not there"))
            return
        there = {document.key for document in await repository.documents(runs)}
        history, writes = History.of(histories, counted), list[Write]()
        for run in runs.values():
            try:
                write = repository.numbered(replace(run, run_index=history.places), history.with_run())
            except InvalidValueError as error:
                self._refuse("runs", run.run_id, error)
                continue
            if write.address[1] in there:
                told.there += 1
            else:
                told.taken += 1
                history = history.with_run()
                writes.append(write)
        if writes and self._apply:
            await self._write([history.write(), *writes])

    # -- traces and their spans -----------------------------------------------------------------------------------

    async def _traces(self) -> None:
        for concept, save in (("traces", self._save_traces), ("spans", self._repositories.spans.create_many)):
            repository: Any = getattr(self._repositories, concept)
            for part in self._parts(self._new(concept, self._rows.get(concept, ()))):
                stored = map(repository.read, await repository.documents(part))
                there = {getattr(record, repository.listing.key) for record in stored}
                new = [record for key, record in part.items() if key not in there]
                self.told[concept].there += len(part) - len(new)
                self.told[concept].taken += len(new)
                if new and self._apply:
                    await save(new)

    async def _save_traces(self, rows: list[Any]) -> None:
        for row in rows:
            await self._repositories.traces.upsert(TraceRecord(**row.to_dict()))


def _in_blob(session: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The runs that agno 2 kept in a session, as rows."""
    runs = session.get("runs")
    return [
        {
            **{name: run.get(name) for name in ("run_id", "parent_run_id", "status", "created_at")},
            **{name: run.get(name) for name in ("agent_id", "team_id", "workflow_id")},
            "session_id": session.get("session_id"),
            "user_id": session.get("user_id"),
            "run_type": next((kind for kind in ("agent", "team", "workflow") if run.get(f"{kind}_id")), "agent"),
            "run_data": run,
        }
        for run in (runs if isinstance(runs, list) else ())
        if isinstance(run, dict)
    ]


def _place(run: Mapping[str, Any]) -> tuple[Any, Any]:
    """What agno orders the runs of a session by."""
    return run.get("run_index") or 0, run.get("created_at") or 0
