"""What every backend promises of values: every column of every table gives back what was put in.

The columns are found by walking the models, so that a new one cannot be forgotten.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Column, String

from agnodb.codec import encode
from agnodb.config import Layout
from agnodb.filters import LISTINGS, Page
from agnodb.models.base import concepts, tables_for
from agnodb.records import (
    ApprovalRecord,
    EvalRunRecord,
    KnowledgeRecord,
    LearningRecord,
    MemoryRecord,
    RunRecord,
    ScheduleRecord,
    ScheduleRunRecord,
    SessionRecord,
    SessionType,
    SpanRecord,
)
from agnodb.records.base import Record, column_fields
from agnodb.records.traces import TraceRow
from agnodb.testing.conformance.approvals import an_approval
from agnodb.testing.conformance.generated import sample_documents, sample_texts
from agnodb.testing.conformance.schedule_runs import a_run as a_schedule_run
from agnodb.testing.conformance.schedules import a_schedule
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.traces import at
from agnodb.testing.conformance.values import ODD_VALUES, canonical

DAY = datetime.date(1970, 1, 1)
_TIMES = {"start_time": at(0.5), "end_time": at(1), "created_at": at(2)}
_DECIDED = frozenset({"updated_at", "run_index", "agnodb_row_version"})
"""The columns that the database decides."""
ROWS = 8
_NUMBERS = (0, 1, -1, 2**63 - 1, -(2**63), 1_700_000_000)


@dataclass(frozen=True)
class Kept:
    """How records of one concept are stored and read; `fixed` columns hold what others refer to, or a time."""

    concept: str
    record: type[Record]
    write: str = "upsert"
    fixed: Mapping[str, Any] | None = None
    left_out: tuple[str, ...] = ()


_COMPONENT = ("id", "data")


def _session(kind: SessionType) -> Kept:
    others = tuple(f"{other}_{what}" for other in SessionType if other != kind for what in _COMPONENT)
    return Kept("sessions", SessionRecord, fixed={"session_type": str(kind)}, left_out=others)


KEPT = (
    *map(_session, SessionType),
    Kept("runs", RunRecord, fixed={"session_id": "s"}),
    Kept("memories", MemoryRecord),
    Kept("knowledge", KnowledgeRecord),
    Kept("eval_runs", EvalRunRecord, "create"),
    Kept("traces", TraceRow, fixed=_TIMES),
    Kept("spans", SpanRecord, "create_many", _TIMES),
    Kept("approvals", ApprovalRecord, "create"),
    Kept("schedules", ScheduleRecord, "create"),
    Kept("schedule_runs", ScheduleRunRecord, "create", {"schedule_id": "s"}),
    Kept("learnings", LearningRecord),
)
COMPUTED = {"metrics", "schema_versions"}
"""What no caller writes column by column: these have tests of their own here."""


def _columns(kept: Kept) -> dict[str, Column[Any]]:
    """Field name -> the column, of those that a caller writes."""
    table, chosen = getattr(tables_for(Layout(None)), kept.concept), column_fields(kept.record)
    omitted = {*_DECIDED, *(kept.fixed or ()), *kept.left_out}
    return {field: table.c[name] for name, field in chosen.items() if name not in omitted}


def _records(kept: Kept, first: int) -> Iterator[Record]:
    """Records with other values in every column of every one; the keys are the texts from `first` on."""
    keys = sample_texts()[first : first + ROWS]
    texts, documents, numbers = cycle(sample_texts()), cycle(sample_documents()), cycle(_NUMBERS)
    for row in range(ROWS):
        values: dict[str, Any] = dict(kept.fixed or {})
        for place, (field, column) in enumerate(_columns(kept).items()):
            if column.primary_key:
                values[field] = keys[row]
            elif isinstance(column.type, JSON):
                values[field] = _document(documents, row + place)
            elif isinstance(column.type, String):
                values[field] = None if column.nullable and (row + place) % 7 == 6 else next(texts)
            elif isinstance(column.type, Boolean):
                values[field] = bool(row % 2)
            else:
                assert isinstance(column.type, BigInteger)
                values[field] = next(numbers)
        yield kept.record(**values)


def _document(documents: Iterator[Any], number: int) -> Any:
    """A document of its own, some under odd keys, or all the odd ones: every column holds each of those."""
    match number % 4:
        case 0:
            return [*ODD_VALUES]
        case 1:
            return {key: next(documents) for key in ("", "a\x00", 1, None)}
        case _:
            return next(documents)


async def _write(db: Any, kept: Kept, record: Record) -> None:
    write = getattr(getattr(db.repositories, kept.concept), kept.write)
    await write([record] if kept.write == "create_many" else record)


async def _read(db: Any, kept: Kept, key: str) -> Any:
    repository = getattr(db.repositories, kept.concept)
    return await (repository.get(trace_id=key) if kept.concept == "traces" else repository.get(key))


async def _listed(db: Any, kept: Kept) -> list[Any]:
    given = {"schedule_id": "s"} if kept.concept == "schedule_runs" else {}
    return list((await getattr(db.repositories, kept.concept).page(Page(), **given))[0])


class RoundTripConformance:
    """Values of every column."""

    def test_every_column_is_among_them(self) -> None:
        assert {kept.concept for kept in KEPT} | COMPUTED == set(concepts())
        for concept in set(concepts()) - COMPUTED:
            mine = [kept for kept in KEPT if kept.concept == concept]
            walked = {column.name for kept in mine for column in _columns(kept).values()}
            fixed = {name for kept in mine for name in kept.fixed or ()}
            columns = {column.name for column in getattr(tables_for(Layout(None)), concept).c}
            assert {name for name in columns if not name.startswith("agnodb_")} - walked - fixed <= _DECIDED

    async def test_every_value_comes_back_equal_from_every_column(self, db: Any) -> None:
        await db.repositories.sessions.upsert(a_session("s", user_id=None))
        await db.repositories.schedules.create(a_schedule("s"))
        for number, kept in enumerate(KEPT):
            key = LISTINGS[kept.concept].key
            first = ROWS * number if kept.concept == "sessions" else 0
            given = {getattr(record, key): record for record in _records(kept, first)}
            for record in given.values():
                await _write(db, kept, record)
            listed = {getattr(record, key): record for record in await _listed(db, kept)}
            for name, record in given.items():
                read = await _read(db, kept, name)
                assert _differences(kept, record, read) == {}
                assert encode(listed[name].to_dict()) == encode(read.to_dict())

    async def test_a_change_stores_every_value_too(self, db: Any) -> None:
        changes = (
            ("approvals", an_approval(), ("tool_name", "tool_args", "context", "resolution_data", "resolved_by")),
            ("schedules", a_schedule(), ("description", "payload", "method", "disabled_reason")),
            ("schedule_runs", a_schedule_run(), ("error", "input", "output", "requirements", "status")),
        )
        texts, documents = cycle(sample_texts()), cycle(sample_documents())
        for concept, record, names in changes:
            repository, table = getattr(db.repositories, concept), getattr(tables_for(Layout(None)), concept)
            await repository.create(record)
            for _ in range(ROWS):
                change = {n: next(documents if isinstance(table.c[n].type, JSON) else texts) for n in names}
                changed = await repository.update(record.id, change)
                assert canonical({name: getattr(changed, name) for name in names}) == canonical(change)

    async def test_names_and_owners_of_what_is_computed_are_any_text(self, db: Any) -> None:
        for text in sample_texts()[:ROWS]:
            await db.repositories.sessions.upsert(a_session(text, user_id=text))
            await db.repositories.schema_versions.set(text, f"{text}!")
        rows = await db.repositories.metrics.recompute(DAY, DAY)
        assert {row.user_id for row in rows} == {*sample_texts()[:ROWS]}
        for text in sample_texts()[:ROWS]:
            assert await db.repositories.schema_versions.get(text) == f"{text}!"

    async def test_agnos_objects_keep_every_value(self, db: Any) -> None:
        """In the places where an application puts its own values."""
        agno = pytest.importorskip("agno.session")
        texts, documents = sample_texts(), list(sample_documents())
        state = {"session_state": {"all": documents}, "session_name": texts[-1]}
        await db.upsert_session(agno.AgentSession(session_id="s", agent_id="a", session_data=state))
        await db.upsert_run(_agno_run(texts, documents), "s")
        read = await db.get_run("r")
        assert canonical(read.content) == canonical(documents)
        assert [tool.result for tool in read.tools] == [message.content for message in read.messages] == [*texts]
        assert canonical([tool.tool_args for tool in read.tools]) == canonical([{t: documents[0]} for t in texts])
        session = await db.get_session("s")
        assert canonical(session.session_data) == canonical(state)
        assert canonical(session.runs[0].content) == canonical(documents)

    async def test_agnos_memories_and_knowledge_keep_every_value(self, db: Any) -> None:
        memories, knowledge = pytest.importorskip("agno.db.schemas"), pytest.importorskip("agno.db.schemas.knowledge")
        documents = dict(zip(sample_texts(), cycle(sample_documents()), strict=False))
        for text in sample_texts()[::4]:
            topics = [text, *sample_texts()]
            memory = memories.UserMemory(memory_id="m", memory=text, topics=topics, input=text, feedback=text)
            assert (await db.upsert_user_memory(memory)).memory == text
            read = await db.get_user_memory("m")
            assert (read.memory, read.topics, read.input, read.feedback) == (text, topics, text, text)
            row = knowledge.KnowledgeRow(id="k", name=text, description=text, metadata=documents)
            await db.upsert_knowledge_content(row)
            stored = await db.get_knowledge_content("k")
            assert (stored.name, stored.description) == (text, text)
            assert canonical(stored.metadata) == canonical(documents)


def _differences(kept: Kept, given: Record, read: Any) -> dict[str, Any]:
    pairs = {name: (getattr(given, name), getattr(read, name)) for name in _columns(kept)}
    return {name: pair for name, pair in pairs.items() if canonical(pair[0]) != canonical(pair[1])}


def _agno_run(texts: Iterable[str], documents: list[Any]) -> Any:
    from agno.models.message import Message
    from agno.models.response import ToolExecution
    from agno.run.agent import RunOutput

    tools = [ToolExecution(tool_call_id="c", tool_args={text: documents[0]}, result=text) for text in texts]
    messages = [Message(role="tool", content=text) for text in texts]
    return RunOutput(run_id="r", session_id="s", agent_id="a", content=documents, tools=tools, messages=messages)
