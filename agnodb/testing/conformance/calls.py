"""A call of every public method of a database, found by walking, with arguments that make it do something.

    sample = Sample()
    await sample.fill(db)
    for call in calls(db, sample, user="bob", taken=True):
        await call.run()

The flat methods are those of `AllMethods`, the others those of the contracts. An argument is known by the name of its
parameter, so that a new method has a call at once, or raises LookupError here until somebody says what it is given.
"""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, get_type_hints

from agnodb import clock
from agnodb.agno.base import HAS_AGNO, objects
from agnodb.contracts.repositories import Repositories
from agnodb.databases.methods.all import AllMethods
from agnodb.filters import Page
from agnodb.records.runs import KnownRuns
from agnodb.records.sessions import SessionRecord
from agnodb.records.traces import TraceRecord, TraceRow
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

OWNER = "alice"
HEIR = "carol"
"""To whom a session is given."""
_EARLY = 100
"""When the rows of a sample were made."""
_NEW_CONTENT = {"likes": "coffee"}

_READ = (
    "count_", "earliest", "get", "history", "latest", "list_", "of_session", "page", "report", "search", "stats",
    "stored", "topics", "user_stats", "users",
)  # fmt: skip
_COMPUTING = ("get_metrics",)
"""It reads, but what it gives is computed and stored first."""
_REMOVING = ("clear", "delete", "reassign")
_USERS = ("user_id", "previous_user_id")
_GIVEN = (*_USERS, "trace_id")
"""Parameters that are given a value even where they need none."""

_FURTHER: Mapping[str, Mapping[str, Any]] = {
    "get_session": {"deserialize": False},
    "stamp_schedule_provenance": {"managed_by": "code"},
    "update_approval": {"status": "approved"},
    "update_run_in_session": {"session_data": {"n": 2}, "content_if_absent": "late"},
    "update_schedule": {"description": "told"},
    "update_schedule_run": {"status": "success"},
}
"""What some methods are given besides, so that they do what they do in all the statements they have, every time."""


@dataclass(frozen=True)
class Call:
    """One call of one method."""

    name: str
    """`get_session`, or `sessions.get`."""
    concept: str
    """`sessions`, for both."""
    writes: bool
    """Whether it may change rows."""
    takes_user: bool
    """Whether the call says who makes it, by an argument or in what it saves."""
    arguments: Callable[[], dict[str, Any]] = field(repr=False)
    """Its arguments, made anew each time: the caller's objects may be changed by a call."""
    db: Any = field(repr=False)

    def run(self) -> Any:
        """What the method returns: an awaitable, but on a sync database the result."""
        return attrgetter(self.name)(self.db)(**self.arguments())


def methods() -> dict[str, tuple[str, Any]]:
    """name -> (concept, function) of every public method: `get_session`, `sessions.get`."""
    found: dict[str, tuple[str, Any]] = {}
    for mixin in AllMethods.__mro__:
        for name, function in _public(mixin):
            found.setdefault(name, (mixin.__module__.rpartition(".")[2], function))
    for concept, member in vars(Repositories).items():
        if isinstance(member, property):
            contract = get_type_hints(member.fget)["return"]
            found |= {f"{concept}.{name}": (concept, function) for name, function in _public(contract)}
    return found


def _public(kind: type) -> list[tuple[str, Any]]:
    return [(n, f) for n, f in vars(kind).items() if inspect.iscoroutinefunction(f) and not n.startswith("_")]


def calls(db: Any, sample: Sample, user: str | None = OWNER, *, taken: bool = False) -> Iterator[Call]:
    """A call of every method, made by `user`; those that remove something come last.

    Each reads, changes and removes rows of the sample. What it creates, saves or claims has a new key or belongs to
    nobody; with `taken`, it has the key of a row that the sample's owner has.
    """
    found = methods()
    for name in sorted(found, key=lambda name: name.rpartition(".")[2].startswith(_REMOVING)):
        concept, function = found[name]

        def arguments(name: str = name, concept: str = concept, function: Any = function) -> dict[str, Any]:
            return sample.arguments(name, concept, function, user, taken=taken)

        own = name.rpartition(".")[2]
        yield Call(
            name=name,
            concept=concept,
            writes=own in _COMPUTING or not own.startswith(_READ),
            takes_user=any(_says_who(*item) for item in arguments().items()),
            arguments=arguments,
            db=db,
        )


def _says_who(name: str, value: Any) -> bool:
    if isinstance(value, list) and value:
        value = value[0]
    return name in _USERS or hasattr(value, "user_id") or (isinstance(value, dict) and "user_id" in value)


class Sample:
    """Rows of every kind, of `owner`, whose keys begin with `tag`; and arguments that fit them."""

    def __init__(self, tag: str = "", owner: str | None = OWNER) -> None:
        self.tag, self.owner = tag, owner
        short = {
            "session_id": "s", "run_id": "r", "memory_id": "m", "content_id": "k", "eval_run_id": "e",
            "trace_id": "t", "span_id": "p", "approval_id": "a", "schedule_id": "c", "schedule_run_id": "cr",
            "learning_id": "l",
        }  # fmt: skip
        self.ids = {name: f"{tag}{key}" for name, key in short.items()}

    # -- rows -------------------------------------------------------------------------------------------------

    async def fill(self, db: Any) -> None:
        """Store the rows."""
        for method, given in self.rows():
            await attrgetter(method)(db)(**given)

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows, each as a method of a database that stores it and its arguments."""
        mine, tag = self.records(self.ids, self.owner), self.tag
        # Metrics that are out of date, and those of a day of which nothing else is left.
        yield "sessions.upsert", {"session": a_session(f"{tag}gone", user_id=self.owner, created_at=4 * 86400)}
        yield "sessions.upsert", {"session": mine["session"]}
        yield "metrics.refresh", {}
        yield "sessions.delete", {"session_id": f"{tag}gone"}
        yield "sessions.upsert", {"session": a_session(f"{tag}idle", user_id=self.owner)}
        yield "runs.upsert", {"run": mine["run"]}
        yield "memories.upsert", {"memory": mine["memory"]}
        yield "knowledge.upsert", {"content": mine["knowledge_row"]}
        yield "eval_runs.create", {"eval_run": mine["eval_run"]}
        yield "eval_runs.create", {"eval_run": an_eval(f"{tag}free")}
        yield "learnings.upsert", {"learning": mine["learning"]}
        yield "traces.upsert", {"trace": mine["trace"]}
        yield "spans.create_many", {"spans": [mine["span"]]}
        yield "approvals.create", {"approval": mine["approval"]}
        yield "schedules.create", {"schedule": mine["schedule"]}
        locked = replace(mine["schedule"], next_run_at=None, locked_by="w", locked_at=5)
        yield "schedules.create", {"schedule": replace(locked, id=f"{tag}locked", name=f"{tag}locked")}
        yield "schedule_runs.create", {"run": mine["schedule_run"]}

    def records(self, ids: Mapping[str, str], user: str | None) -> dict[str, Any]:
        """A record of each kind with those keys, of `user`, and belonging to the sample's rows."""
        key, own = ids.__getitem__, self.ids
        session_id, run_id = own["session_id"], own["run_id"]
        # What is new is made now: a save that is made again answers the same then.
        at = _EARLY if ids is own else clock.now()
        document = {"run_id": key("run_id"), "agent_id": "a", "status": "PENDING", "created_at": at}
        data = {"session_name": "Tea", "n": 1}
        return {
            "session": a_session(key("session_id"), user_id=user, session_data=data, created_at=at),
            "run": a_run(
                key("run_id"), session_id=session_id, user_id=user, status="PENDING", run_data=document, created_at=at
            ),
            "memory": a_memory(key("memory_id"), user_id=user, topics=["tea"], created_at=at),
            "knowledge_row": a_content(key("content_id"), user_id=user, created_at=at),
            "eval_run": an_eval(key("eval_run_id"), user_id=user),
            "learning": a_learning(key("learning_id"), user_id=user, content={"likes": "tea"}, created_at=at),
            "trace": a_trace(key("trace_id"), user_id=user, run_id=run_id, session_id=session_id),
            "span": a_span(key("span_id"), trace_id=own["trace_id"]),
            "approval": an_approval(key("approval_id"), user_id=user, run_id=run_id, session_id=session_id),
            "schedule": a_schedule(key("schedule_id"), user_id=user, endpoint=f"/agents/{self.tag}a/runs"),
            "schedule_run": a_schedule_run(
                key("schedule_run_id"), user_id=user, schedule_id=own["schedule_id"], completed_at=50
            ),
        }

    # -- arguments --------------------------------------------------------------------------------------------

    def arguments(self, name: str, concept: str, function: Any, user: str | None, *, taken: bool) -> dict[str, Any]:
        """What the method `name` is given by `user`: all it needs, its user, and what makes it do something."""
        parameters = inspect.signature(function).parameters.values()
        needed = [
            p.name
            for p in parameters
            if p.name != "self" and p.kind is not p.VAR_KEYWORD and (p.default is p.empty or p.name in _GIVEN)
        ]
        ids = self.ids if taken else dict.fromkeys(self.ids, f"{self.tag}new {name}")
        records = self.records(ids, user)
        made = {**self._plain(user), **self._written(name, records)}
        own = {**made, **self._of_concept(concept, records), **self._of_method(name, ids, user, taken=taken)}
        try:
            given = {parameter: own[parameter] for parameter in needed}
        except KeyError as error:
            raise LookupError(f"{name}: what is its argument {error.args[0]!r} in a sample?") from error
        return {**given, **_FURTHER.get(name, {})}

    def _plain(self, user: str | None) -> dict[str, Any]:
        """Values that mean the same wherever they are asked for; each key of a row also as a list of one."""
        today = datetime.datetime.fromtimestamp(clock.now(), datetime.UTC).date()
        return {
            **self.ids,
            **{f"{name}s": [key] for name, key in self.ids.items()},
            "before": 100,
            "change": lambda run: {"status": "COMPLETED"},
            "data": {"n": 2},
            "expected_status": "PENDING",
            "fields": {"content": "x"},
            "from_day": today,
            "known": KnownRuns(),
            "learning_type": "user_profile",
            "limit": 3,
            "name": "Renamed",
            "page": Page(limit=3),
            "previous_user_id": user,
            "provenance": {"managed_by": "code"},
            "query": "tea",
            "reason": "r",
            "run_status": "COMPLETED",
            "session_name": "Renamed",
            "session_type": "agent",
            "status": "COMPLETED",
            "table_name": "agno_sessions",
            "target_id": f"{self.tag}a",
            "target_type": "agent",
            "to_day": today,
            "user_id": user,
            "version": "3.9.9",
            "worker_id": "w",
        }

    def _written(self, name: str, records: Mapping[str, Any]) -> dict[str, Any]:
        """What is saved: records for a repository, for a flat method agno's objects where agno is installed."""
        run, eval_run = records["run"], records["eval_run"]
        if "." in name:
            return {**records, "spans": [records["span"]], "content": records["knowledge_row"]}
        made = objects()
        session, memory = _session(records["session"]), made.memory(records["memory"])
        span = made.span(records["span"])
        return {
            "session": session, "sessions": [session], "memory": memory, "memories": [memory],
            "span": span, "spans": [span],
            "run": made.run(run), "run_dict": run.run_data if HAS_AGNO else run.to_dict(),
            "knowledge_row": made.knowledge(records["knowledge_row"]), "eval_run": made.eval_run(eval_run),
            "trace": made.trace(_counted(records["trace"])),
            "approval_data": records["approval"].to_dict(), "schedule_data": records["schedule"].to_dict(),
            "run_data": records["schedule_run"].to_dict(),
        }  # fmt: skip

    def _of_concept(self, concept: str, records: Mapping[str, Any]) -> dict[str, Any]:
        """What a name means only for one concept."""
        eval_run_id, schedule_run_id = self.ids["eval_run_id"], self.ids["schedule_run_id"]
        meanings: dict[str, dict[str, Any]] = {
            "approvals": {"changes": {"status": "approved"}},
            "eval_runs": {"run_id": eval_run_id, "run_ids": [eval_run_id]},
            "knowledge": {"id": self.ids["content_id"]},
            "learnings": {"id": self.ids["learning_id"], "content": _NEW_CONTENT},
            "schedule_runs": {
                "run_id": schedule_run_id, "run": records["schedule_run"], "changes": {"status": "success"},
            },
            "schedules": {"name": self.ids["schedule_id"], "changes": {"description": "told"}},
        }  # fmt: skip
        return meanings.get(concept, {})

    def _of_method(self, name: str, ids: Mapping[str, str], user: str | None, *, taken: bool) -> dict[str, Any]:
        """What a name means only for one method."""
        claimed = self.ids["eval_run_id"] if taken else f"{self.tag}free"
        given_away = {"session_id": f"{self.tag}idle", "previous_user_id": user, "user_id": HEIR}
        release = {"schedule_id": f"{self.tag}locked"}
        meanings: dict[str, dict[str, Any]] = {
            "eval_runs.claim": {"run_id": claimed},
            "reassign_session_owner": given_away,
            "release_schedule": release,
            "schedules.release": release,
            "sessions.reassign_owner": given_away,
            "update_eval_run_user_id": {"eval_run_id": claimed},
            "upsert_learning": {"id": ids["learning_id"]},
        }
        return meanings.get(name, {})


def _session(record: SessionRecord) -> Any:
    """A session as an application makes it: one that was read would be saved as a change of what was read."""
    if not HAS_AGNO:
        return record
    from agno.session import AgentSession

    return AgentSession.from_dict({**record.to_dict(), "runs": None})


def _counted(record: TraceRow) -> TraceRecord:
    return TraceRecord(**record.to_dict())
