"""What changed since metrics were last counted, and what to count it as: the statements of one refresh.

Triggers note the key of every session and run that is written or deleted, in the transaction that does so: whoever sees
the note sees what was written. Several notes of one row, or one that says nothing new, are no harm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Text,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal_column,
    null,
    select,
    union_all,
)

from agnodb.rules.metrics import DAY, ROW, RUN, SESSION, Counted, Totals, of_run, of_session, place_of, read_used
from agnodb.sql.executor import Row
from agnodb.sql.repository import SqlRepository

BATCH = 1000
"""How many notes are looked at in one transaction."""

KEY = ("user_id", "date", "aggregation_period")
"""What no two rows of metrics have in common."""

_DAY: ColumnElement[Any] = literal_column(str(DAY), BigInteger)


@dataclass(frozen=True, slots=True)
class State:
    """When a row of metrics was last written, and whether all triggers are there: without, nobody takes notes."""

    last: int | None
    noting: bool


@dataclass(slots=True)
class Look:
    """A session or run that was noted: what it was and what it is to be counted for, and when it had been changed at
    that time and has been now; None for what is not there or counts for nothing."""

    key: str
    before: Counted | None = None
    after: Counted | None = None
    seen: int | None = None
    written: int | None = None

    def is_stale(self, state: State) -> bool:
        """Whether what is remembered of it is to be stored. Where notes are taken nobody asks when it was changed."""
        return self.before != self.after or (not state.noting and self.seen != self.written)


class MetricChanges:
    """The statements, run by `repository`, which is inside a transaction."""

    def __init__(self, repository: SqlRepository[Any]) -> None:
        self._run, self.dialect, self.tables = repository.run, repository.dialect, repository.tables
        self._metrics = repository.rows

    async def take(self) -> list[str]:
        """The oldest notes, at most `BATCH`, which are deleted."""
        return [row[0] for row in await self._run("take", self._take, {"batch": BATCH})]

    async def note_between(self, first: int, last: int) -> None:
        """Note all that is of the days from `first` to `last`, both included, by what is stored or was counted."""
        bounds = {"first": first, "last": last, "from": first * DAY, "to": last * DAY + DAY - 1}
        await self._run("note_between", self._note_between, bounds)

    async def forget_between(self, first: int, last: int) -> None:
        """Forget what the rows of these days were counted for, and the sums."""
        for concept in ("metric_counts", "metric_totals"):
            await self._run("forget", self._forget, {"first": first, "last": last}, concept)

    async def note(self, keys: Collection[str]) -> None:
        """Note `keys`."""
        await self._put({"metric_changes": [{"row_key": key} for key in keys]})

    async def note_rows(self) -> None:
        """Note that every row of metrics is to be written again."""
        await self._run("note_rows", self._note_rows, {})

    async def note_stale(self, since: int) -> None:
        """Note all whose time of change is another than when they were counted, or `since` and later, and all that is
        gone: what is found without triggers."""
        await self._run("note_stale", self._note_stale, {"since": since})

    async def look(self, keys: Collection[str]) -> tuple[list[Look], State]:
        """What is known of each of the noted `keys` of a session or run."""
        ids = {f"{prefix.strip()}s": self.dialect.texts(_ids(keys, prefix)) for prefix in (RUN, SESSION)}
        looked = {key: Look(key) for key in keys}
        state = State(None, False)
        for what, key, number, changed, *texts in await self._run(
            "look", self._look, {"keys": self.dialect.texts(keys), **ids}
        ):
            if what == "state":
                state = State(changed, number == sum(map(len, self.tables.triggers.values())))
            elif what == "count":
                looked[key].before, looked[key].seen = Counted.read(number, texts[0]), changed
            else:
                look = looked[(RUN if what == "run" else SESSION) + key]
                look.written = changed
                look.after = _run(number, *texts) if what == "run" else of_session(texts[0], texts[1], number)
        return list(looked.values()), state

    async def totals(self, keys: Collection[str]) -> dict[str, str]:
        """The stored totals of these places."""
        rows = await self._run("totals", self._totals, {"keys": self.dialect.texts(keys)})
        return {row[0]: row[1] for row in rows}

    async def store(
        self, looked: Collection[Look], totals: Mapping[str, Totals], metrics: list[dict[str, Any]]
    ) -> Sequence[Row]:
        """Store what each key is counted for now, the totals of places, and rows of metrics, which are returned."""
        counts = [
            {"row_key": look.key, "day": now.day, "written": look.written, "counted": now.text()}
            for look in looked
            if (now := look.after) is not None
        ]
        sums = [
            {"row_key": key, "day": place_of(key)[0], "totals": total.text()} for key, total in totals.items() if total
        ]
        await self._drop("metric_counts", [look.key for look in looked if look.after is None])
        await self._drop("metric_totals", [key for key, total in totals.items() if not total])
        return await self._put({"metric_counts": counts, "metric_totals": sums, "metrics": metrics})

    # -- statements -------------------------------------------------------------------------------------------

    def _take(self) -> Executable:
        changes = self.tables.metric_changes
        oldest = select(changes.c.id).order_by(changes.c.id).limit(bindparam("batch", type_=BigInteger())).subquery()
        last = select(func.max(oldest.c.id)).scalar_subquery()
        return delete(changes).where(changes.c.id <= last).returning(changes.c.row_key)

    def _note_between(self) -> Executable:
        metrics, counts = self.tables.metrics.c, self.tables.metric_counts.c
        number = cast(self.dialect.day_start(metrics.date) // _DAY, Text)
        parts = [select(counts.row_key).where(_between(counts.day, "first", "last"))]
        for prefix, key in ((RUN, self.tables.runs.c.run_id), (SESSION, self.tables.sessions.c.session_id)):
            created = key.table.c.created_at
            parts.append(select(_text(prefix) + key).where(_between(created, "from", "to")))
        row = _text(ROW) + number + _text(" ") + metrics.user_id
        parts.append(select(row).where(_between(self.dialect.day_start(metrics.date), "from", "to")))
        return insert(self.tables.metric_changes).from_select(["row_key"], union_all(*parts))

    def _note_stale(self) -> Executable:
        counts = self.tables.metric_counts.c
        since = bindparam("since", type_=BigInteger())
        parts = []
        for prefix, id_ in ((RUN, self.tables.runs.c.run_id), (SESSION, self.tables.sessions.c.session_id)):
            table, key = id_.table, _text(prefix) + id_
            changed = _changed(table.c)
            stale = counts.written.is_distinct_from(changed) | (changed >= since)
            parts.append(
                select(key).select_from(table.outerjoin(counts.row_key.table, counts.row_key == key)).where(stale)
            )
            gone = ~exists().where(key == counts.row_key)
            parts.append(select(counts.row_key).where(counts.row_key.like(f"{prefix}%"), gone))
        return insert(self.tables.metric_changes).from_select(["row_key"], union_all(*parts))

    def _note_rows(self) -> Executable:
        totals = select(_text(ROW) + self.tables.metric_totals.c.row_key)
        return insert(self.tables.metric_changes).from_select(["row_key"], totals)

    def _forget(self, concept: str) -> Executable:
        table = getattr(self.tables, concept)
        return delete(table).where(_between(table.c.day, "first", "last"))

    def _look(self) -> Executable:
        counts, runs, sessions = self.tables.metric_counts.c, self.tables.runs.c, self.tables.sessions.c
        dialect, document = self.dialect, runs.run_data
        used = dialect.json_as_text(dialect.json_object_at(document, "metrics"))
        model, provider = (dialect.json_text(document, key) for key in ("model", "model_provider"))
        none = cast(null(), Text)
        names = {getattr(self.tables, concept): names for concept, names in self.tables.triggers.items()}
        last = select(func.max(self.tables.metrics.c.updated_at)).scalar_subquery()
        of_runs = (runs.run_id, runs.created_at, _changed(runs), runs.run_type, runs.user_id, used, model, provider)
        of_sessions = (sessions.session_id, sessions.created_at, _changed(sessions), sessions.session_type)
        of_counts = (counts.row_key, counts.day, counts.written, counts.counted)
        return union_all(
            select(_text("state"), none, dialect.triggers(names), last, none, none, none, none, none),
            select(_text("run"), *of_runs).where(dialect.any_of(runs.run_id, "runs")),
            select(_text("session"), *of_sessions, sessions.user_id, none, none, none).where(
                dialect.any_of(sessions.session_id, "sessions")
            ),
            select(_text("count"), *of_counts, none, none, none, none).where(dialect.any_of(counts.row_key, "keys")),
        )

    def _totals(self) -> Executable:
        totals = self.tables.metric_totals.c
        return select(totals.row_key, totals.totals).where(self.dialect.any_of(totals.row_key, "keys"))

    async def _put(self, rows: Mapping[str, list[dict[str, Any]]]) -> Sequence[Row]:
        """Put the rows into the table of each concept; those of the last one. One statement where that is possible."""
        concepts = tuple(concept for concept, some in rows.items() if some)
        groups = [concepts] if self.dialect.writes_nest and concepts else [(concept,) for concept in concepts]
        put: Sequence[Row] = ()
        for group in groups:
            given = {f"{concept}_rows": orjson.dumps(rows[concept]).decode() for concept in group}
            put = await self._run("put", self._put_all, given, *group)
        return put if "metrics" in concepts else ()

    def _put_all(self, *concepts: str) -> Any:
        *others, statement = (self._put_one(concept) for concept in concepts)
        for number, other in enumerate(others):
            statement = statement.add_cte(other.cte(f"put_{number}"))
        return statement

    def _put_one(self, concept: str) -> Any:
        if concept == "metrics":
            put = self.dialect.put_rows(self._metrics.columns, "metrics_rows", KEY, keep=("id", "created_at"))
            return put.returning(*self._metrics.selected())
        table = getattr(self.tables, concept)
        columns = [column for column in table.columns if column.identity is None]
        key = [column.name for column in table.primary_key if column.identity is None]
        return self.dialect.put_rows(columns, f"{concept}_rows", key)

    async def _drop(self, concept: str, keys: list[str]) -> None:
        key = getattr(self.tables, concept).c.row_key

        def build(*_: Any) -> Executable:
            return delete(key.table).where(self.dialect.any_of(key, "keys"))

        if keys:
            await self._run("drop", build, {"keys": self.dialect.texts(keys)}, concept)


def _run(created_at: int, run_type: str, user_id: str | None, used: Any, model: Any, provider: Any) -> Counted | None:
    return of_run(run_type, user_id, created_at, read_used(used) if used else None, model, provider)


def _changed(columns: Any) -> ColumnElement[Any]:
    return func.coalesce(columns.updated_at, columns.created_at)


def _ids(keys: Iterable[str], prefix: str) -> list[str]:
    return [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]


def _text(value: str) -> ColumnElement[Any]:
    return literal_column(f"'{value}'", Text())


def _between(value: ColumnElement[Any], first: str, last: str) -> ColumnElement[bool]:
    return value.between(bindparam(first, type_=BigInteger()), bindparam(last, type_=BigInteger()))
