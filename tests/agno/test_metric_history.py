"""Whatever happens to sessions and runs, and whoever does it: the metrics are what is stored, counted by hand."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import Place

from agnodb.errors import NotFoundError, OwnershipError
from agnodb.filters import Page
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord

DAY = 86400
PAST = 20_000 * DAY
KINDS = ("agent", "team", "workflow")
Event = tuple[str, dict[str, Any]]

_owners = st.sampled_from(["alice", "bob", None])
_times = st.integers(0, 2).map(lambda day: PAST + day * DAY + 7)
_kinds = st.sampled_from(KINDS)
_sessions = st.integers(0, 3).map(lambda number: f"s{number}")
_runs = st.integers(0, 5).map(lambda number: f"r{number}")
_tokens = st.integers(0, 9) | st.sampled_from([2**63, -3, "7", None, True])
_used = st.fixed_dictionaries(
    {"input_tokens": _tokens, "total_tokens": _tokens},
    optional={
        "steps": st.dictionaries(
            st.just("one"), st.fixed_dictionaries({"metrics": st.fixed_dictionaries({"total_tokens": _tokens})})
        )
    },
)
_documents = st.fixed_dictionaries(
    {"metrics": _used | st.none()},
    optional={"model": st.sampled_from(["gpt", "opus", ""]), "model_provider": st.just("X")},
)


def _event(name: str, **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.tuples(st.just(name), st.fixed_dictionaries(parts))


_session = {"session_id": _sessions, "user_id": _owners, "created_at": _times, "kind": _kinds}
_run = {"run_id": _runs, "session_id": _sessions, "user_id": _owners, "created_at": _times, "document": _documents}
_events = st.lists(
    st.one_of(
        _event("session", **_session),
        _event("session in sql", **_session),
        _event("run", kind=_kinds, **_run),
        _event("run of agno", **_run),
        _event("run in sql", kind=_kinds, **_run),
        _event("run gets another id", run_id=_runs, to=_runs),
        _event("run is deleted", run_id=_runs),
        _event("run is deleted in sql", run_id=_runs),
        _event("session is deleted", session_id=_sessions),
        _event("session is deleted by agno", session_id=_sessions),
        _event("everything is deleted in sql"),
        _event("metrics are deleted in sql"),
        _event("refresh"),
        _event("two refresh"),
        _event("recompute", day=st.integers(0, 2)),
    ),
    min_size=4,
    max_size=24,
)


class History:
    """Two database objects of agnodb and agno's adapter, on one database."""

    def __init__(self, place: Place) -> None:
        self.place, self.ours, self.other, self.theirs = place, place.ours(), place.ours(), place.agnos()

    async def run(self, events: list[Event]) -> None:
        for name, given_ in events:
            await self._do(name, **given_)
        await self._check()

    async def _do(self, name: str, **given_: Any) -> None:
        if name == "session":
            await _unless_refused(self.ours.sessions.upsert(_session_record(**given_)))
        elif name == "run":
            await _unless_refused(self.ours.runs.upsert(_run_record(**given_)))
        elif name == "run of agno":
            await self._of_agno(**given_)
        elif name == "run is deleted":
            await self.ours.runs.delete(given_["run_id"])
        elif name == "session is deleted":
            await self.ours.sessions.delete(given_["session_id"])
        elif name == "session is deleted by agno":
            await self.theirs.delete_session(given_["session_id"])
        elif name == "refresh":
            await self.ours.calculate_metrics()
        elif name == "two refresh":
            await asyncio.gather(self.ours.calculate_metrics(), self.other.calculate_metrics())
        elif name == "recompute":
            date = datetime.date(2024, 10, 4) + datetime.timedelta(days=given_["day"])
            await self.other.metrics.recompute(date, date)
        else:
            self._in_sql(name, **given_)

    async def _of_agno(self, run_id: str, session_id: str, user_id: str | None, created_at: int, document: Any) -> None:
        if self.place.query(f"SELECT 1 FROM agno_sessions WHERE session_id = '{session_id}'"):
            run = {"run_id": run_id, "agent_id": "a", "created_at": created_at, **document}
            await self.theirs.upsert_run(run, session_id, user_id, 0)

    def _in_sql(self, name: str, **given_: Any) -> None:
        """Without a word of it in `updated_at`."""
        text = {key: "NULL" if value is None else f"'{value}'" for key, value in given_.items()}
        if name == "session in sql":
            self.place.query(
                f"UPDATE agno_sessions SET user_id = {text['user_id']}, created_at = {given_['created_at']},"
                f" session_type = {text['kind']} WHERE session_id = {text['session_id']}"
            )
        elif name == "run in sql":
            document = json.dumps(given_["document"])
            self.place.query(
                f"UPDATE agno_runs SET user_id = {text['user_id']}, created_at = {given_['created_at']}, run_type ="
                f" {text['kind']}, run_data = '{document}' WHERE run_id = {text['run_id']}"
            )
        elif name == "run gets another id":
            free = f"NOT EXISTS (SELECT 1 FROM agno_runs WHERE run_id = {text['to']})"
            self.place.query(f"UPDATE agno_runs SET run_id = {text['to']} WHERE run_id = {text['run_id']} AND {free}")
        elif name == "run is deleted in sql":
            self.place.query(f"DELETE FROM agno_runs WHERE run_id = {text['run_id']}")
        elif name == "metrics are deleted in sql":
            self.place.query("DELETE FROM agno_metrics")
        elif self.place.kind == "postgresql":
            self.place.query("TRUNCATE agno_sessions CASCADE")
        else:
            self.place.query("DELETE FROM agno_runs")

    async def _check(self) -> None:
        await self.other.calculate_metrics()
        counted = await self._stored()
        assert counted == self._by_hand()
        assert await self.ours.calculate_metrics() is None
        await self.ours.metrics.recompute(datetime.date.min, datetime.date.max)
        assert await self._stored() == counted

    async def _stored(self) -> dict[Any, dict[str, Any]]:
        rows, _ = await self.ours.metrics.page(Page())
        return {(row.date, row.user_id): _shown(row) for row in rows}

    def _by_hand(self) -> dict[Any, dict[str, Any]]:
        """From the rows themselves, in the words of the documentation."""
        found: dict[Any, Counter[Any]] = {}
        for row in self.place.query("SELECT * FROM agno_sessions"):
            found.setdefault(_place(row), Counter())[f"{row['session_type']}_sessions_count"] += 1
        for row in self.place.query("SELECT * FROM agno_runs"):
            document = row["run_data"] if isinstance(row["run_data"], dict) else json.loads(row["run_data"])
            counter = found.setdefault(_place(row), Counter())
            counter[f"{row['run_type']}_runs_count"] += 1
            used = document.get("metrics") or {}
            for metrics in (used, *(step["metrics"] for step in (used.get("steps") or {}).values())):
                for name in ("input_tokens", "total_tokens"):
                    value = metrics.get(name)
                    counter[name] += min(value, 10**15) if type(value) is int else 0
            if document.get("model"):
                counter["model", document["model"], document.get("model_provider") or ""] += 1
        return {place: {key: n for key, n in counter.items() if n} for place, counter in found.items()}

    async def close(self) -> None:
        for database in (self.ours, self.other, self.theirs):
            await database.close()


def _place(row: dict[str, Any]) -> tuple[datetime.date, str]:
    return datetime.datetime.fromtimestamp(row["created_at"], datetime.UTC).date(), row["user_id"] or ""


def _shown(row: Any) -> dict[Any, int]:
    counts = {
        f"{kind}_{what}_count": getattr(row, f"{kind}_{what}_count") for kind in KINDS for what in ("runs", "sessions")
    }
    models = {("model", m["model_id"], m["model_provider"]): m["count"] for m in row.model_metrics}
    assert row.users_count == (1 if row.user_id else 0)
    assert row.completed
    return {key: number for key, number in {**counts, **row.token_metrics, **models}.items() if number}


def _session_record(session_id: str, user_id: str | None, created_at: int, kind: str) -> SessionRecord:
    return SessionRecord(session_id=session_id, session_type=kind, user_id=user_id, created_at=created_at)


def _run_record(kind: str, document: Any, **given_: Any) -> RunRecord:
    return RunRecord(run_type=kind, run_data=document, **given_)


async def _unless_refused(call: Any) -> None:
    with contextlib.suppress(NotFoundError, OwnershipError):
        await call


async def _lived(place: Place, events: list[Event]) -> None:
    history = History(place)
    try:
        await history.ours.create_tables()
        for table in ("runs", "sessions", "metrics"):
            place.query(f"DELETE FROM agno_{table}")
        for number, owner in enumerate(("alice", "bob", None, None)):
            await history.ours.sessions.upsert(_session_record(f"s{number}", owner, PAST, KINDS[number % 3]))
        await history.run(events)
    finally:
        await history.close()


def test_the_days_add_up_to_the_rows_over_any_history(place: Place) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_events)
    def lives(events: list[Event]) -> None:
        asyncio.run(_lived(place, events))

    lives()
