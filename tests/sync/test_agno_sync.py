"""agno's own objects on a sync database, without an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from agents import helper, refund_order
from agno.agent import Agent
from agno.db.schemas.scheduler import Schedule
from agno.knowledge import Knowledge
from agno.learn import LearningMachine
from agno.memory import MemoryManager
from agno.os import AgentOS
from agno.run.base import RunContext, RunStatus
from agno.scheduler import ScheduleExecutor, ScheduleManager, SchedulePoller
from agno.session import AgentSession, TeamSession, WorkflowSession
from agno.team import Team
from agno.tracing import setup_tracing
from agno.workflow import Step, Workflow
from agno.workflow.types import StepOutput
from fastapi.testclient import TestClient
from openinference.instrumentation.agno import AgnoInstrumentor
from opentelemetry import trace as otel
from opentelemetry.util._once import Once
from sync_places import SyncPlace, in_threads

from agnodb import PostgresDb
from agnodb.demo.model import OfflineModel
from agnodb.demo.words import WordIndex
from agnodb.errors import AgnoDbError
from agnodb.testing.servers import PostgresServer

ALICE = {"session_id": "s", "user_id": "alice"}


@pytest.fixture(autouse=True)
def nothing_swallowed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """agno goes on after a failed write and only logs it."""
    loggers = [logging.getLogger(name) for name in ("agno", "agno-team", "agno-workflow")]
    for logger in loggers:
        logger.addHandler(caplog.handler)
    yield
    for logger in loggers:
        logger.removeHandler(caplog.handler)
    assert [r.getMessage() for r in caplog.get_records("call") if r.levelname == "ERROR"] == []


def add_to_cart(run_context: RunContext, item: str) -> str:
    """Put an item into the cart."""
    run_context.session_state["cart"].append(item)  # type: ignore[index]
    return f"{item} is in the cart"


def eventually(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """The first true answer of `check`: agno writes some things in the background."""
    for _ in range(round(seconds / 0.05)):
        if found := check():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def test_an_agent_runs_streams_and_remembers(place: SyncPlace) -> None:
    with place.ours() as first:
        answer = helper(first).run("my name is alice", **ALICE)
        run = first.get_run(answer.run_id)
        assert (run.content, run.status, run.session_id) == (answer.content, RunStatus.completed, "s")
        assert run.metrics.total_tokens == answer.metrics.total_tokens > 0
    with place.ours() as second:
        events = list(helper(second).run("what is my name?", **ALICE, stream=True))
        text = "".join(event.content for event in events if event.event == "RunContent")
        assert text == "Your name is alice."
        assert second.get_run(events[0].run_id).content == text
        assert helper(second).run("what did I say?", **ALICE).content == "You said: my name is alice / what is my name?"
        stranger = helper(second).run("what is my name?", session_id="other", user_id="alice")
        assert "alice" not in stranger.content
        session = second.get_session("s", user_id="alice")
        assert isinstance(session, AgentSession)
        assert len(session.runs) == 3


def test_session_state_and_memories_persist(place: SyncPlace) -> None:
    odd = {"nan": float("inf"), "bytes": b"\x00\xff", "big": 2**80, "a\x00": "\ud800"}
    with place.ours() as first:
        agent = helper(first, session_state={"cart": []}, tools=[add_to_cart], update_memory_on_run=True)
        agent.run("add_to_cart with item tea", **ALICE, session_state=dict(odd))
        agent.run("I like tea", **ALICE)
    with place.ours() as second:
        agent = helper(second, session_state={"cart": []}, tools=[add_to_cart], add_memories_to_context=True)
        agent.run("add_to_cart with item milk", **ALICE)
        assert agent.get_session_state(session_id="s") == {"cart": ["tea", "milk"], **odd}
        assert "The user likes tea." in agent.run("what do you know about me?", session_id="n", user_id="alice").content
        manager = MemoryManager(model=OfflineModel(), db=second)
        assert [m.memory for m in manager.get_user_memories(user_id="alice") or ()] == ["The user likes tea."]
        manager.clear_user_memories(user_id="alice")
        assert second.get_user_memories() == []


async def test_an_agent_runs_inside_a_running_loop(db: Any) -> None:
    """`run` blocks the loop; `arun` with a sync database works too, also many at once."""
    assert helper(db).run("my name is alice", **ALICE).status is RunStatus.completed
    assert (await helper(db).arun("what is my name?", **ALICE)).content == "Your name is alice."
    agents = [helper(db) for _ in range(8)]
    await asyncio.gather(*(a.arun("hello", session_id="many", user_id="alice") for a in agents))
    rows, total = db.get_runs(session_id="many", deserialize=False)
    assert (total, [row["run_index"] for row in rows]) == (8, list(range(8)))


def test_agents_run_in_many_threads_on_one_database(db: Any) -> None:
    in_threads([lambda n=n: helper(db).run(f"hello {n}", session_id=f"s{n % 4}", user_id="alice") for n in range(16)])
    for n in range(4):
        rows, total = db.get_runs(session_id=f"s{n}", deserialize=False)
        assert (total, [row["run_index"] for row in rows]) == (4, list(range(4)))


def test_a_team_runs(db: Any) -> None:
    team = Team(
        id="crew", name="Crew", members=[helper(db, role="helps")], model=OfflineModel(), db=db, telemetry=False,
        add_history_to_context=True,
    )  # fmt: skip
    answer = team.run("my name is alice", **ALICE)
    assert answer.status is RunStatus.completed
    assert team.run("what is my name?", **ALICE).content == "Your name is alice."
    assert list(team.run("hello", **ALICE, stream=True))
    session = db.get_session("s")
    assert isinstance(session, TeamSession)
    assert (session.team_id, len([r for r in session.runs if not r.parent_run_id])) == ("crew", 3)


def test_a_workflow_runs(db: Any) -> None:
    steps = [Step(name="ask", agent=helper(db)), Step(name="shout", executor=lambda i: _shouted(i))]
    workflow = Workflow(id="flow", name="Flow", steps=steps, db=db, telemetry=False)
    answer = workflow.run("what is 2 * 3?", **ALICE)
    assert answer.content == "2 * 3 = 6!"
    session = db.get_session("s")
    assert isinstance(session, WorkflowSession)
    assert (session.workflow_id, [r.run_id for r in session.runs]) == ("flow", [answer.run_id])
    assert list(workflow.run("what is 1 + 1?", **ALICE, stream=True))
    assert db.get_runs(session_id="s", workflow_id="flow", deserialize=False)[1] == 2


def _shouted(given: Any) -> Any:
    return StepOutput(content=f"{given.previous_step_content}!")


@pytest.mark.parametrize("decision", ["approved", "rejected"])
def test_an_approval_pauses_a_run_and_lets_it_go_on(place: SyncPlace, decision: str) -> None:
    with place.ours() as first:
        paused = helper(first, tools=[refund_order]).run("refund_order with order A-17", **ALICE)
        assert paused.is_paused
    with place.ours() as boss:
        [approval], total = boss.get_approvals(status="pending", user_id="alice")
        assert (total, approval["run_id"], approval["tool_args"]) == (1, paused.run_id, {"order": "A-17"})
        assert boss.update_approval(approval["id"], expected_status="pending", status=decision, resolved_by="boss")
        assert boss.update_approval(approval["id"], expected_status="pending", status="expired") is None
    with place.ours() as second:
        done = helper(second, tools=[refund_order]).continue_run(run_id=paused.run_id, **ALICE)
        assert done.status is RunStatus.completed
        assert ("refunded A-17" in done.content) is (decision == "approved")
        assert second.get_run(paused.run_id).content == done.content
        assert second.get_approval(approval["id"])["run_status"] == "COMPLETED"


@contextlib.contextmanager
def traced(db: Any) -> Iterator[None]:
    """agno's tracing into `db`; the process can be traced anew afterwards."""
    setup_tracing(db)
    try:
        yield
    finally:
        AgnoInstrumentor().uninstrument()
        otel._TRACER_PROVIDER, otel._TRACER_PROVIDER_SET_ONCE = None, Once()


def test_runs_are_traced(db: Any) -> None:
    with traced(db):
        agent = helper(db, tools=[add_to_cart], session_state={"cart": []})
        answer = agent.run("add_to_cart with item tea", **ALICE)
        trace = eventually(lambda: db.get_trace(run_id=answer.run_id))
        spans = eventually(lambda: len(found := db.get_spans(trace_id=trace.trace_id)) > 1 and found)
    trace = db.get_trace(run_id=answer.run_id)
    assert (trace.session_id, trace.user_id, trace.agent_id, trace.status) == ("s", "alice", "helper", "OK")
    assert (trace.total_spans, db.get_traces(user_id="alice")[1]) == (len(spans), 1)
    assert db.get_trace_stats(user_id="alice")[0][0]["total_traces"] == 1


def test_the_agent_learns(place: SyncPlace) -> None:
    with place.ours() as first:
        machine = LearningMachine(db=first, model=OfflineModel(), user_profile=True)
        helper(first, learning=machine).run("my name is alice", **ALICE)
        [learned] = eventually(lambda: first.get_learnings(learning_type="user_profile", user_id="alice"))
        assert learned["content"]["name"] == "alice"
    with place.ours() as second:
        machine = LearningMachine(db=second, model=OfflineModel(), user_profile=True)
        assert machine.user_profile_store.get(user_id="alice").name == "alice"
        assert machine.user_profile_store.get(user_id="bob") is None


def test_knowledge_is_kept_and_searched(db: Any) -> None:
    books = Knowledge(name="books", contents_db=db, vector_db=WordIndex())
    books.insert(name="Tea", text_content="Tea is served at five.", metadata={"é": [1]})
    [content], total = books.get_content()
    assert (total, content.name, content.metadata["é"], content.status.value) == (1, "Tea", [1], "completed")
    answer = helper(db, knowledge=books, search_knowledge=True).run("Search knowledge base, query tea", **ALICE)
    assert "served at five" in answer.content
    books.remove_content_by_id(content.id)
    assert db.get_knowledge_contents() == ([], 0)


async def test_schedules_are_made_claimed_and_run(db: Any) -> None:
    manager = ScheduleManager(db)
    made = manager.create(name="report", cron="0 9 * * *", endpoint="/agents/helper/runs", payload={"message": "hi"})
    assert [s.id for s in manager.list()] == [made.id]
    assert (await manager.aget(made.id)).name == "report"
    assert manager.disable(made.id).enabled is False
    assert manager.enable(made.id).enabled is True
    db.update_schedule(made.id, next_run_at=1)

    class Executor(ScheduleExecutor):
        async def _call_endpoint(
            self, schedule: Schedule | dict[str, Any], *args: Any, **kwargs: Any
        ) -> dict[str, Any]:
            return {"status": "success", "status_code": 200, "error": None, "run_id": "r", "session_id": "s"}

    poller = SchedulePoller(db, Executor(base_url="http://os", internal_service_token="t"), poll_interval=1)
    await poller.start()
    for _ in range(200):
        runs, total = db.get_schedule_runs(made.id)
        if total and runs[0]["status"] == "success":
            break
        await asyncio.sleep(0.05)
    await poller.stop()
    assert (total, runs[0]["status"], runs[0]["run_id"]) == (1, "success", "r")
    released = db.get_schedule(made.id)
    assert released["locked_by"] is None
    assert released["next_run_at"] > time.time()
    assert len(manager.get_runs(made.id)) == 1
    assert manager.delete(made.id)
    assert db.get_schedules() == ([], 0)


@pytest.fixture(scope="module")
def guarded_server() -> Iterator[PostgresServer]:
    """A server that asks everybody for a password, with a role `user` who owns a database `agno`."""
    with PostgresServer.start() as server:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("CREATE ROLE \"user\" LOGIN PASSWORD 'pass'")
            admin.execute('CREATE DATABASE agno OWNER "user"')
            row = admin.execute("SHOW hba_file").fetchone()
            assert row
            Path(row[0]).write_text("host all postgres all trust\nhost all all all scram-sha-256\n")
            admin.execute("SELECT pg_reload_conf()")
        yield server


def test_the_first_example_of_all(guarded_server: PostgresServer) -> None:
    """A program as it is written in the description of this project, host and port apart."""
    host, port = guarded_server.host, guarded_server.port
    agent = Agent(
        id="helper", model=OfflineModel(), add_history_to_context=True, telemetry=False,
        db=PostgresDb(db_url=f"postgresql://user:pass@{host}:{port}/agno"),
    )  # fmt: skip
    agent.run("my name is alice", **ALICE)
    assert agent.run("what is my name?", **ALICE).content == "Your name is alice."
    db: Any = agent.db
    system = AgentOS(agents=[agent], db=db, telemetry=False)
    with TestClient(system.get_app()) as client:
        form = {"message": "what did I say?", "stream": "false", **ALICE}
        answer = client.post("/agents/helper/runs", data=form).json()
        assert answer["content"] == "You said: my name is alice / what is my name?"
        [session] = client.get("/sessions", params={"user_id": "alice"}).json()["data"]
        assert session["session_id"] == "s"
    assert "pass@" not in repr(db) + str(db.to_dict())
    wrong = PostgresDb(db_url=f"postgresql://user:wrong@{host}:{port}/agno")
    with pytest.raises(AgnoDbError) as refused:
        wrong.get_session("s")
    assert "wrong" not in str(refused.value)
    db.close()
