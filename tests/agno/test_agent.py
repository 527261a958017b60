"""agno's own Agent on agnodb."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from agents import eventually, helper, refund_order
from agno.eval.accuracy import AccuracyEval
from agno.eval.reliability import ReliabilityEval
from agno.learn import LearningMachine
from agno.memory import MemoryManager
from agno.run.base import RunContext, RunStatus
from agno.session import AgentSession
from agno.tracing import setup_tracing
from openinference.instrumentation.agno import AgnoInstrumentor
from opentelemetry import trace as otel
from opentelemetry.util._once import Once
from places import Place

from agnodb.demo.model import OfflineModel

ALICE = {"session_id": "s", "user_id": "alice"}


@pytest.fixture(autouse=True)
def nothing_swallowed(agno_log: pytest.LogCaptureFixture) -> Iterator[None]:
    """agno goes on after a failed write and only logs it."""
    yield
    problems = [r.getMessage() for r in agno_log.get_records("call") if r.name == "agno" and r.levelname == "ERROR"]
    assert problems == []


async def test_a_run_is_stored(db: Any) -> None:
    answer = await helper(db).arun("my name is alice", **ALICE)
    run = await db.get_run(answer.run_id)
    assert (run.content, run.status, run.session_id) == (answer.content, RunStatus.completed, "s")
    assert [m.role for m in run.messages] == [m.role for m in answer.messages]
    assert run.metrics.total_tokens == answer.metrics.total_tokens > 0
    session = await db.get_session("s", user_id="alice")
    assert isinstance(session, AgentSession)
    assert (session.agent_id, session.user_id, [r.run_id for r in session.runs]) == ("helper", "alice", [answer.run_id])


async def test_a_streamed_run_is_stored(db: Any) -> None:
    events = [event async for event in helper(db).arun("what is 12 * 3?", **ALICE, stream=True)]
    text = "".join(event.content for event in events if event.event == "RunContent")
    assert text == "12 * 3 = 36"
    assert len(events) > 3
    run = await db.get_run(events[0].run_id)
    assert (run.content, run.status) == (text, RunStatus.completed)


async def test_streamed_events_are_stored_on_demand(db: Any) -> None:
    agent = helper(db, store_events=True, stream_events=True)
    events = [event async for event in agent.arun("hello", **ALICE, stream=True)]
    stored = (await db.get_run(events[0].run_id)).events
    assert [e.event for e in stored] == [e.event for e in events if e.event != "RunContent"]


async def test_history_comes_from_the_database(place: Place) -> None:
    async with place.ours() as first:
        await helper(first).arun("my name is alice", **ALICE)
        await helper(first).arun("I like tea", **ALICE)
    async with place.ours() as second:
        told = await helper(second).arun("what did I say?", **ALICE)
        assert told.content == "You said: my name is alice / I like tea"
        streamed = [e async for e in helper(second).arun("what is my name?", **ALICE, stream=True)]
        assert "".join(e.content for e in streamed if e.event == "RunContent") == "Your name is alice."
        strangers = await helper(second).arun("what did I say?", session_id="other", user_id="alice")
        assert strangers.content == "You have said nothing before."
        limited = await helper(second, num_history_runs=1).arun("what did I say?", **ALICE)
        assert limited.content == "You said: what is my name?"


async def test_another_user_does_not_get_into_a_session(db: Any) -> None:
    await helper(db).arun("my name is alice", **ALICE)
    before = await db.sessions.get("s"), await db.runs.of_session("s")
    answer = await helper(db).arun("what did I say?", session_id="s", user_id="bob")
    assert "alice" not in str(answer.content)
    assert (await db.sessions.get("s"), await db.runs.of_session("s")) == before


def add_to_cart(run_context: RunContext, item: str) -> str:
    """Put an item into the cart."""
    run_context.session_state["cart"].append(item)  # type: ignore[index]
    return f"{item} is in the cart"


async def test_session_state_persists(place: Place) -> None:
    async with place.ours() as first:
        agent = helper(first, session_state={"cart": [], "since": 1}, tools=[add_to_cart])
        await agent.arun("add_to_cart with item tea", **ALICE)
    async with place.ours() as second:
        agent = helper(second, session_state={"cart": []}, tools=[add_to_cart])
        await agent.arun("add_to_cart with item milk", **ALICE, session_state={"note": "a\x00b é"})
        state = await helper(second).aget_session_state(session_id="s")
        assert state == {"cart": ["tea", "milk"], "since": 1, "note": "a\x00b é"}


async def test_state_that_json_cannot_carry_survives(db: Any) -> None:
    odd = {"nan": float("inf"), "bytes": b"\x00\xff", "set": {1, 2}, "ключ\x00": "\ud800", "big": 2**80}
    answer = await helper(db).arun("hello", **ALICE, session_state=dict(odd))
    assert answer.status == RunStatus.completed
    assert (await db.get_session("s")).session_data["session_state"] == odd


async def test_a_session_has_a_summary_and_a_name(db: Any) -> None:
    agent = helper(db, enable_session_summaries=True, add_session_summary_to_context=True)
    await agent.arun("my name is alice", **ALICE)
    await agent.arun("I like tea", **ALICE)
    summary = (await helper(db).aget_session(session_id="s")).summary
    assert "my name is alice" in summary.summary
    assert summary.topics == ["name", "likes"]
    await agent.aset_session_name(session_id="s", session_name="Tea % talk")
    assert (await db.get_session("s")).session_data["session_name"] == "Tea % talk"
    assert (await db.get_session("s")).summary == summary


async def test_memories_are_kept_and_used(place: Place) -> None:
    async with place.ours() as first:
        await helper(first, update_memory_on_run=True).arun("my name is alice. I like tea", **ALICE)
        memories = await first.get_user_memories(user_id="alice")
        assert {m.memory for m in memories} == {"The user's name is alice.", "The user likes tea."}
    async with place.ours() as second:
        agent = helper(second, add_memories_to_context=True, update_memory_on_run=True)
        answer = await agent.arun("what do you know about me?", session_id="new", user_id="alice")
        assert "The user likes tea." in answer.content
        other = await agent.arun("what do you know about me?", session_id="bobs", user_id="bob")
        assert other.content == "Nothing yet."
        assert await agent.aget_user_memories(user_id="bob") == []


async def test_the_agent_manages_memories_itself(db: Any) -> None:
    await helper(db, enable_agentic_memory=True).arun("remember that I was born in 1980", **ALICE)
    assert [m.memory for m in await db.get_user_memories(user_id="alice")] == ["I was born in 1980"]
    manager = MemoryManager(model=OfflineModel(), db=db)
    await manager.aclear_user_memories(user_id="bob")
    assert len(await manager.aget_user_memories(user_id="alice") or ()) == 1
    await manager.aclear_user_memories(user_id="alice")
    assert await db.get_user_memories() == []


@pytest.mark.parametrize("decision", ["approved", "rejected"])
async def test_an_approval_pauses_a_run_and_lets_it_go_on(place: Place, decision: str) -> None:
    async with place.ours() as first:
        paused = await helper(first, tools=[refund_order]).arun("refund_order with order A-17", **ALICE)
        assert paused.is_paused
        assert (await first.get_run(paused.run_id)).status == RunStatus.paused
    async with place.ours() as boss:
        [approval], total = await boss.get_approvals(status="pending", user_id="alice")
        assert (total, approval["run_id"], approval["tool_name"]) == (1, paused.run_id, "refund_order")
        assert approval["tool_args"] == {"order": "A-17"}
        assert await boss.get_pending_approval_count() == 1
        resolved = {"status": decision, "resolved_by": "boss", "resolved_at": 1}
        assert await boss.update_approval(approval["id"], expected_status="pending", **resolved)
        assert await boss.update_approval(approval["id"], expected_status="pending", status="expired") is None
    async with place.ours() as second:
        agent = helper(second, tools=[refund_order])
        done = await agent.acontinue_run(run_id=paused.run_id, **ALICE)
        assert done.status == RunStatus.completed
        assert ("refunded A-17" in done.content) is (decision == "approved")
        stored = await second.get_run(paused.run_id)
        assert (stored.status, stored.content) == (RunStatus.completed, done.content)
        kept = await second.get_approval(approval["id"])
        assert (kept["status"], kept["resolved_by"], kept["run_status"]) == (decision, "boss", "COMPLETED")
        assert await second.get_pending_approval_count() == 0
        after = await helper(second).arun("what did I say?", **ALICE)
        assert after.content == "You said: refund_order with order A-17"


@contextlib.contextmanager
def traced(db: Any) -> Iterator[None]:
    """agno's tracing into `db`; the process can be traced anew afterwards."""
    setup_tracing(db)
    try:
        yield
    finally:
        AgnoInstrumentor().uninstrument()
        otel._TRACER_PROVIDER, otel._TRACER_PROVIDER_SET_ONCE = None, Once()


async def test_runs_are_traced(db: Any) -> None:
    with traced(db):
        agent = helper(db, tools=[add_to_cart], session_state={"cart": []})
        answer = await agent.arun("add_to_cart with item tea", **ALICE)
        other = await agent.arun("what is 1 + 1?", session_id="t", user_id="bob")

        async def all_traces() -> Any:
            traces, total = await db.get_traces()
            return traces if total == 2 and all(t.start_time and t.total_spans for t in traces) else None

        await eventually(all_traces)
        spans = await eventually(lambda: _spans(db, answer.run_id, 2))
    trace = await db.get_trace(run_id=answer.run_id)
    assert (trace.session_id, trace.user_id, trace.agent_id, trace.status) == ("s", "alice", "helper", "OK")
    assert trace.total_spans == len(spans)
    assert (await db.get_trace(trace_id=trace.trace_id)).run_id == answer.run_id
    kinds = sorted(str(span.attributes.get("openinference.span.kind")) for span in spans)
    assert kinds == ["AGENT", "TOOL"]
    [root] = [span for span in spans if span.parent_span_id is None]
    assert (root.start_time, root.trace_id) == (trace.start_time, trace.trace_id)
    assert trace.end_time == max(span.end_time for span in spans)
    assert {s.span_id for s in await db.get_spans(parent_span_id=root.span_id)} <= {s.span_id for s in spans}
    assert (await db.get_span(root.span_id)).attributes == root.attributes
    traces, total = await db.get_traces(user_id="bob", limit=1, page=1)
    assert (total, [t.run_id for t in traces]) == (1, [other.run_id])
    assert (await db.get_traces(session_id="s", status="ERROR")) == ([], 0)
    stats, total = await db.get_trace_stats(user_id="alice")
    assert (total, stats[0]["session_id"], stats[0]["total_traces"]) == (1, "s", 1)


async def _spans(db: Any, run_id: str, count: int) -> Any:
    trace = await db.get_trace(run_id=run_id)
    spans = await db.get_spans(trace_id=trace.trace_id) if trace else []
    return spans if len(spans) >= count else None


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
async def test_spans_from_a_program_without_a_loop(place: Place) -> None:
    """agno's exporter then runs each export in an event loop of its own."""

    def program() -> None:
        db = place.ours()
        with traced(db):
            for n in range(8):
                otel.get_tracer("t").start_span(f"outside {n}").end()
        asyncio.run(db.close())

    await asyncio.to_thread(program)
    async with place.ours() as db:
        assert {span.name for span in await db.get_spans()} == {f"outside {n}" for n in range(8)}
        assert (await db.get_traces())[1] == 8


async def test_metrics_are_calculated(db: Any) -> None:
    agent = helper(db)
    runs = [await agent.arun("hello", session_id=f"s{n % 2}", user_id="alice") for n in range(3)]
    runs.append(await agent.arun("hello", session_id="b", user_id="bob"))
    await db.calculate_metrics()
    rows, latest = await db.get_metrics()
    assert latest
    assert {row["user_id"] for row in rows} == {"alice", "bob"}
    assert sum(row["agent_runs_count"] for row in rows) == 4
    assert sum(row["agent_sessions_count"] for row in rows) == 3
    tokens = sum(row["token_metrics"]["total_tokens"] for row in rows)
    assert tokens == sum(run.metrics.total_tokens for run in runs)
    [alices] = (await db.get_metrics(user_id="alice"))[0]
    assert alices["model_metrics"] == [{"model_id": "offline-1", "model_provider": "agnodb", "count": 3}]


async def test_evaluations_are_stored(db: Any) -> None:
    agent = helper(db, tools=[add_to_cart], session_state={"cart": []})
    accuracy = AccuracyEval(
        name="sums", model=OfflineModel(), agent=agent, input="what is 2 * 3?", expected_output="6", db=db,
        num_iterations=1, telemetry=False,
    )  # fmt: skip
    assert (await accuracy.arun(print_results=False, print_summary=False)).avg_score == 10
    answer = await agent.arun("add_to_cart with item tea", **ALICE)
    reliability = ReliabilityEval(agent_response=answer, expected_tool_calls=["add_to_cart"], db=db, telemetry=False)
    assert (await reliability.arun(print_results=False)).eval_status == "PASSED"
    stored = {e.eval_type.value: e for e in await db.get_eval_runs()}
    assert set(stored) == {"accuracy", "reliability"}
    assert (stored["accuracy"].name, stored["accuracy"].agent_id) == ("sums", "helper")
    assert stored["accuracy"].eval_data["avg_score"] == 10


async def test_the_agent_learns(place: Place) -> None:
    async with place.ours() as first:
        machine = LearningMachine(db=first, model=OfflineModel(), user_profile=True)
        await helper(first, learning=machine).arun("my name is alice", **ALICE)
        [learned] = await eventually(lambda: first.get_learnings(learning_type="user_profile", user_id="alice"))
        assert learned["content"]["name"] == "alice"
    async with place.ours() as second:
        machine = LearningMachine(db=second, model=OfflineModel(), user_profile=True)
        profile = await machine.user_profile_store.aget(user_id="alice")
        assert profile.name == "alice"
        assert await machine.user_profile_store.aget(user_id="bob") is None
