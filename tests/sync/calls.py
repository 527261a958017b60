"""Every public method of a sync database and of its repositories, found by walking, with plausible arguments."""

from __future__ import annotations

import datetime
import inspect
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from agno.db.schemas.evals import EvalRunRecord, EvalType
from agno.db.schemas.knowledge import KnowledgeRow
from agno.db.schemas.memory import UserMemory
from agno.run.agent import RunOutput
from agno.session import AgentSession
from agno.tracing.schemas import Span, Trace

from agnodb.databases import sync_methods
from agnodb.databases.sync_methods import SyncMethods, SyncRepository
from agnodb.filters import Page
from agnodb.testing.conformance.approvals import an_approval
from agnodb.testing.conformance.eval_runs import an_eval
from agnodb.testing.conformance.knowledge import a_content
from agnodb.testing.conformance.learnings import a_learning
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.schedule_runs import a_run as a_schedule_run
from agnodb.testing.conformance.schedules import a_schedule
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.traces import a_span, a_trace

TODAY = datetime.date.today()
OF_THE_OBJECT = ("create_tables", "health", "table_exists", "to_dict")
"""What a database has besides; there are also transactions, and its end."""
REMOVING = ("delete", "clear", "reassign")


def public_methods(kind: type) -> dict[str, Any]:
    """The public functions of a class's own."""
    return {name: f for name, f in vars(kind).items() if inspect.isfunction(f) and not name.startswith("_")}


def repository_classes() -> list[type]:
    """A class for each concept."""
    return [k for k in vars(sync_methods).values() if inspect.isclass(k) and SyncRepository in k.__mro__[1:]]


class Sample:
    """Rows of every kind whose keys begin with `tag`, and arguments that fit them."""

    def __init__(self, tag: str = "") -> None:
        self.tag = tag
        self.ids = {
            "session_id": "s", "run_id": "r", "memory_id": "m", "eval_run_id": "e", "trace_id": "t", "span_id": "p",
            "approval_id": "a", "schedule_id": "c", "schedule_run_id": "cr", "learning_id": "l",
        }  # fmt: skip
        self.ids = {name: tag + id for name, id in self.ids.items()}

    def fill(self, db: Any) -> None:
        """Store a row of every kind."""
        ids = self.ids
        db.sessions.upsert(a_session(ids["session_id"]))
        db.runs.upsert(a_run(ids["run_id"], session_id=ids["session_id"]))
        db.memories.upsert(a_memory(ids["memory_id"]))
        db.knowledge.upsert(a_content(self.tag + "k"))
        db.eval_runs.create(an_eval(ids["eval_run_id"]))
        db.learnings.upsert(a_learning(ids["learning_id"]))
        db.traces.upsert(a_trace(ids["trace_id"]))
        db.spans.create_many([a_span(ids["span_id"], trace_id=ids["trace_id"])])
        db.approvals.create(an_approval(ids["approval_id"]))
        db.schedules.create(a_schedule(ids["schedule_id"]))
        db.schedule_runs.create(a_schedule_run(ids["schedule_run_id"], schedule_id=ids["schedule_id"]))

    def calls(self, db: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
        """A call of every method; those that remove something come last."""
        methods = [(name, getattr(db, name)) for name in public_methods(SyncMethods)]
        for concept, repository in vars(db.repositories).items():
            methods += [(f"{concept}.{name}", getattr(repository, name)) for name in public_methods(type(repository))]
        methods += [(name, getattr(db, name)) for name in OF_THE_OBJECT]
        for name, method in sorted(methods, key=lambda item: item[0].rpartition(".")[2].startswith(REMOVING)):
            yield name, lambda method=method, name=name: method(**self.arguments(method, flat="." not in name))
        yield "transaction", lambda: self._transaction(db)

    def _transaction(self, db: Any) -> None:
        with db.transaction() as tx:
            tx.sessions.upsert(a_session(f"{self.tag}tx"))
            tx.runs.upsert(a_run(f"{self.tag}tx", session_id=f"{self.tag}tx"))

    def arguments(self, method: Any, *, flat: bool) -> dict[str, Any]:
        """A value for each parameter that needs one, and for the owner."""
        concept = method.__qualname__.partition("Methods" if flat else "Repository")[0]
        wanted = [p for p in inspect.signature(method).parameters.values() if p.kind is not p.VAR_KEYWORD]
        needed = [p.name for p in wanted if p.default is p.empty or p.name == "user_id"]
        made = self._objects() if flat else self._records()
        return {name: self._value(concept, name, made) for name in needed}

    def _value(self, concept: str, name: str, made: dict[str, Any]) -> Any:
        key = {"EvalRun": "eval_run_id", "ScheduleRun": "schedule_run_id"}.get(concept) if name == "run_id" else None
        own = {
            ("Knowledge", "id"): f"{self.tag}k", ("Learning", "id"): self.ids["learning_id"],
            ("Knowledge", "content"): made.get("content"), ("Learning", "content"): {"likes": "tea"},
            ("ScheduleRun", "run"): made["schedule_run"], ("Approval", "changes"): {"status": "approved"},
            ("Schedule", "changes"): {"description": "d"}, ("ScheduleRun", "changes"): {"status": "success"},
            ("EvalRun", "run_ids"): [self.ids["eval_run_id"]],
        }  # fmt: skip
        if (concept, name) in own:
            return own[concept, name]
        plain = {**self.ids, **made, **self._plain()}
        if name.endswith("_ids"):
            return [plain[name.removesuffix("s")]]
        return plain[key or name]

    def _plain(self) -> dict[str, Any]:
        fresh = f"{self.tag}{uuid.uuid4().hex}"
        return {
            "user_id": "alice", "previous_user_id": "alice", "table_name": "agno_sessions", "version": "3.0.0",
            "session_type": "agent", "session_name": "Tea", "name": fresh, "page": Page(limit=3), "limit": 3,
            "query": "tea", "learning_type": "user_profile", "fields": {"content": "x"}, "data": {"n": 1},
            "run_dict": {"run_id": fresh, "content": "x"}, "reason": "r", "expected_status": "PENDING",
            "provenance": {"managed_by": "code"}, "target_type": "agent", "target_id": fresh, "worker_id": "w",
            "before": 1, "status": "COMPLETED", "run_status": "COMPLETED", "from_day": TODAY, "to_day": TODAY,
            "change": lambda run: {"status": run.status},
            "approval_data": {"id": fresh, "run_id": "r", "session_id": "s", "status": "pending"},
            "schedule_data": {"id": fresh, "name": fresh, "endpoint": "/x", "cron_expr": "* * * * *"},
            "run_data": {"id": fresh, "schedule_id": self.ids["schedule_id"]},
        }  # fmt: skip

    def _records(self) -> dict[str, Any]:
        """New records of each kind, as repositories take them."""
        fresh, ids = f"{self.tag}{uuid.uuid4().hex}", self.ids
        return {
            "session": a_session(fresh),
            "run": a_run(fresh, session_id=ids["session_id"]),
            "memory": a_memory(fresh),
            "content": a_content(fresh),
            "eval_run": an_eval(fresh),
            "learning": a_learning(fresh),
            "trace": a_trace(fresh),
            "spans": [a_span(fresh, trace_id=ids["trace_id"])],
            "approval": an_approval(fresh),
            "schedule": a_schedule(fresh),
            "schedule_run": a_schedule_run(fresh, schedule_id=ids["schedule_id"]),
        }

    def _objects(self) -> dict[str, Any]:
        """New objects of each kind, as agno makes them."""
        fresh, ids = f"{self.tag}{uuid.uuid4().hex}", self.ids
        session = AgentSession(session_id=fresh, agent_id="a", user_id="alice", session_data={"n": 1})
        memory = UserMemory(memory_id=fresh, memory="likes tea", user_id="alice")
        span = Span.from_dict(a_span(fresh, trace_id=ids["trace_id"]).to_dict())
        return {
            "session": session, "sessions": [session], "memory": memory, "memories": [memory], "span": span,
            "spans": [span], "run": RunOutput(run_id=fresh, agent_id="a", user_id="alice"),
            "knowledge_row": KnowledgeRow(id=fresh, name="n", description="d", user_id="alice"),
            "eval_run": EvalRunRecord(run_id=fresh, eval_type=EvalType.ACCURACY, eval_data={}, agent_id="a"),
            "trace": Trace.from_dict({**a_trace(fresh).to_dict(), "total_spans": 0, "error_count": 0}),
            "schedule_run": None,
        }  # fmt: skip
