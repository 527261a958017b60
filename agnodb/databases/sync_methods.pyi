"""The types of the sync side. Written by `make stubs` from the async side: change that, not this."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Any, Literal

from agnodb.filters import Page
from agnodb.records.approvals import ApprovalRecord
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.records.knowledge import KnowledgeRecord
from agnodb.records.learnings import LearningRecord
from agnodb.records.memories import MemoryRecord, UserMemories
from agnodb.records.metrics import MetricRecord
from agnodb.records.runs import KnownRuns, RunRecord, StoredRun
from agnodb.records.schedule_runs import ScheduleRunRecord
from agnodb.records.schedules import ScheduleRecord
from agnodb.records.sessions import SessionRecord
from agnodb.records.spans import SpanRecord
from agnodb.records.traces import TraceRecord, TraceRow

class SyncMethods:
    """agno's database interface for the tables that agnodb keeps."""

    def get_session(
        self,
        session_id: str,
        session_type: Any = None,
        user_id: str | None = None,
        deserialize: bool | None = True,
        runs_limit: int | None = None,
    ) -> Any:
        """The session with its runs in order, or None.

        Two statements. On PostgreSQL and MySQL one where its runs were read before, and three where one of them was
        deleted since, or one that is not among the last eight was changed.

        `runs_limit` attaches only the last so many runs that are history for a model. The run objects of an agent's
        session are shared with other reads of it: copy what you change, as agno does, or take `deserialize=False`.
        """

    def get_sessions(
        self,
        session_type: Any = None,
        user_id: str | None = None,
        component_id: str | None = None,
        session_name: str | None = None,
        start_timestamp: int | None = None,
        end_timestamp: int | None = None,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        deserialize: bool | None = True,
        include_runs: bool = True,
    ) -> Any:
        """A page of sessions: a list of objects, or (dictionaries, number of all that match).

        One statement, on other databases than PostgreSQL one more for the runs of the page when `include_runs`.
        """

    def upsert_session(self, session: Any, deserialize: bool | None = True) -> Any:
        """Save the session without its runs; the stored session comes back with the runs of the one given.

        One atomic statement. Raises OwnershipError when the session is another user's.
        """

    def upsert_sessions(
        self, sessions: list[Any], deserialize: bool | None = True, preserve_updated_at: bool = False
    ) -> list[Any]:
        """Save all sessions or none; the stored ones come back in order. One transaction.

        With `preserve_updated_at` they keep their own time of change. Raises OwnershipError when one is another user's.
        """

    def insert_session_if_absent(self, session: Any) -> bool:
        """Insert the session; False, with the stored row untouched, when the id is taken."""

    def rename_session(
        self,
        session_id: str,
        session_type: Any,
        session_name: str,
        user_id: str | None = None,
        deserialize: bool | None = True,
    ) -> Any:
        """Set the session's name and nothing else; the session with its runs, or None."""

    def reassign_session_owner(self, session_id: str, *, previous_user_id: str, user_id: str | None) -> bool:
        """Give an idle session to another user; False when its owner is another one or a run is under way."""

    def delete_session(self, session_id: str, user_id: str | None = None) -> bool:
        """Delete the session and its runs; False when there is none (of that owner)."""

    def delete_sessions(self, session_ids: list[str], user_id: str | None = None) -> None:
        """Delete sessions (of that owner) and their runs."""

    def get_run(self, run_id: str, deserialize: bool | None = True) -> Any:
        """The run, or None."""

    def get_runs(
        self,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: Any = None,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        deserialize: bool | None = True,
    ) -> Any:
        """A page of runs: a list of objects, or (dictionaries, number of all that match). One statement."""

    def upsert_run(self, run: Any, session_id: str, user_id: str | None = None, run_index: int | None = None) -> None:
        """Save one run: at the end of its session when it is new, else in its place. One atomic statement.

        `run_index` is agno's guess of the place, which two concurrent runs make alike: the database gives the
        place instead. Raises NotFoundError when there is no such session, OwnershipError when the session or the
        run is another user's.
        """

    def append_run_to_session_if_absent(
        self, session_id: str, run_dict: dict[str, Any], user_id: str | None = None
    ) -> bool | None:
        """Insert a run; False when its id is taken, None when there is no such session (agno's caller makes it)."""

    def update_run_in_session(
        self,
        session_id: str,
        run_id: str,
        fields: dict[str, Any],
        expected_attempt: int | None = None,
        user_id: str | None = None,
        content_if_absent: str | None = None,
        session_data: dict[str, Any] | None = None,
    ) -> Any:
        """Change fields of a stored run under its row lock; agno's RunPersistOutcome comes back.

        With `session_data`, the session's data is replaced in the same transaction. Raises NotFoundError when
        there is no such session then.
        """

    def cancel_pending_run(
        self, run_id: str, *, session_id: str, reason: str, user_id: str | None = None, expected_status: str = "PENDING"
    ) -> bool:
        """Cancel a run that is still in `expected_status`; False when it is not. One atomic statement."""

    def delete_run(self, run_id: str) -> bool:
        """Delete the run; False when there is none."""

    def delete_runs(self, run_ids: list[str]) -> None:
        """Delete runs."""

    def get_user_memory(self, memory_id: str, deserialize: bool | None = True, user_id: str | None = None) -> Any:
        """The memory, or None when there is none (of that user)."""

    def get_user_memories(
        self,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        topics: list[str] | None = None,
        search_content: str | None = None,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        deserialize: bool | None = True,
    ) -> Any:
        """A page of memories that have all `topics` and hold `search_content` as a literal: a list of objects, or
        (dictionaries, number of all that match). One statement."""

    def upsert_user_memory(self, memory: Any, deserialize: bool | None = True) -> Any:
        """Save the memory; the stored one comes back. A memory without an id gets one. One atomic statement.

        Raises OwnershipError when it is another user's.
        """

    def upsert_memories(
        self, memories: list[Any], deserialize: bool | None = True, preserve_updated_at: bool = False
    ) -> list[Any]:
        """Save all memories or none; the stored ones come back in order. One transaction.

        With `preserve_updated_at` they keep their own time of change. Raises OwnershipError when one is another user's.
        """

    def get_all_memory_topics(self, user_id: str | None = None) -> list[str]:
        """Every topic of the memories (of that user), once."""

    def get_user_memory_stats(
        self, limit: int | None = None, page: int | None = None, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the users with memories, the latest change first, and their number. One statement."""

    def delete_user_memory(self, memory_id: str, user_id: str | None = None) -> None:
        """Delete the memory (of that user), if there is one."""

    def delete_user_memories(self, memory_ids: list[str], user_id: str | None = None) -> None:
        """Delete memories (of that user)."""

    def clear_memories(self) -> None:
        """Delete all memories of all users."""

    def get_knowledge_content(self, id: str, user_id: str | None = None) -> Any:
        """The content, or None when there is none (of that user or shared)."""

    def get_knowledge_contents(
        self,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        linked_to: str | None = None,
        user_id: str | None = None,
    ) -> tuple[list[Any], int]:
        """A page of contents (of that user or shared) and the number of all that match. One statement."""

    def upsert_knowledge_content(self, knowledge_row: Any) -> Any:
        """Save the content: fields that are None keep what is stored. What was given comes back.

        One atomic statement. Raises OwnershipError when `user_id` is set and the content is another's or shared.
        """

    def delete_knowledge_content(self, id: str, user_id: str | None = None) -> None:
        """Delete the content (of that user), if there is one."""

    def create_eval_run(self, eval_run: Any) -> Any:
        """Save a new evaluation run; it comes back. Raises DuplicateKeyError when its id is taken."""

    def get_eval_run(self, eval_run_id: str, deserialize: bool | None = True, user_id: str | None = None) -> Any:
        """The run, or None when there is none (of that user)."""

    def get_eval_runs(
        self,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        model_id: str | None = None,
        filter_type: Any = None,
        eval_type: list[Any] | None = None,
        deserialize: bool | None = True,
        user_id: str | None = None,
    ) -> Any:
        """A page of runs, the latest first: a list of objects, or (dictionaries, number of all that match).

        `filter_type` leaves those that evaluated an agent, a team or a workflow. One statement.
        """

    def rename_eval_run(
        self, eval_run_id: str, name: str, deserialize: bool | None = True, user_id: str | None = None
    ) -> Any:
        """Set the name; the run, or None when there is none (of that user). One statement."""

    def update_eval_run_user_id(self, eval_run_id: str, user_id: str) -> None:
        """Make `user_id` the owner of a run without one. Raises OwnershipError when it is another user's."""

    def delete_eval_run(self, eval_run_id: str) -> None:
        """Delete the run, if there is one."""

    def delete_eval_runs(self, eval_run_ids: list[str], user_id: str | None = None) -> None:
        """Delete runs (of that user)."""

    def upsert_trace(self, trace: Any) -> None:
        """Save the trace, merged into what is stored of it (see `TraceRepository.upsert`). One atomic statement.

        Raises OwnershipError when the trace is another user's.
        """

    def get_trace(self, trace_id: str | None = None, run_id: str | None = None) -> Any:
        """The trace with the counts of its spans, by its id or else the latest of a run; or None. One statement."""

    def get_traces(
        self,
        run_id: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = 20,
        page: int | None = 1,
        filter_expr: dict[str, Any] | None = None,
    ) -> tuple[list[Any], int]:
        """A page of traces, the latest first, and the number of all that match. One statement.

        Those that started at `start_time` or later and ended at `end_time` or earlier. No `limit` means all. Raises
        InvalidValueError (a ValueError), also for a wrong `filter_expr`.
        """

    def get_trace_stats(
        self,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = 20,
        page: int | None = 1,
        filter_expr: dict[str, Any] | None = None,
        group_by: Literal["session", "agent", "team", "workflow", "endpoint"] = "session",
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of statistics by group, and the number of groups (see `TraceRepository.stats`). One statement.

        Durations are in milliseconds, averages and percentiles to one digit; times are datetimes. No `limit` means
        all. Raises InvalidValueError (a ValueError).
        """

    def create_span(self, span: Any) -> None:
        """Store the span, if its id is not taken. Atomic, see `create_spans`."""

    def create_spans(self, spans: list[Any]) -> None:
        """Store the spans whose ids are not taken. Atomic, one write for any number of spans.

        Where a trace is unknown, a placeholder is stored that the trace itself replaces later. Spans that cannot be
        stored raise InvalidValueError after the others were stored.
        """

    def get_span(self, span_id: str) -> Any:
        """The span, or None."""

    def get_spans(
        self, trace_id: str | None = None, parent_span_id: str | None = None, limit: int | None = 1000
    ) -> list[Any]:
        """At most `limit` spans in the order of their start; no `limit`, or 0, means all. One statement."""

    def get_span_stats(
        self,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        name: str | None = None,
        span_type: str | None = None,
        limit: int | None = 20,
        page: int | None = 1,
        sort_by: str = "total_calls",
        sort_order: str = "desc",
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of statistics by name and type, and the number of groups. One statement.

        Each has `name`, `span_type`, `total_calls`, `avg_duration_ms`, `p95_duration_ms` and `max_duration_ms`
        (milliseconds, to one digit), `error_count`, `last_called_at` (a datetime). No `limit` means all. Raises
        InvalidValueError, also for an unknown `sort_by`.
        """

    def create_approval(self, approval_data: dict[str, Any]) -> dict[str, Any]:
        """Insert an approval; the data with its defaults (`created_at` and `updated_at`: now).

        Raises DuplicateKeyError when the id is taken, InvalidValueError for unknown or missing fields.
        """

    def get_approval(self, approval_id: str) -> dict[str, Any] | None:
        """The approval, or None."""

    def get_approvals(
        self,
        status: str | None = None,
        source_type: str | None = None,
        approval_type: str | None = None,
        pause_type: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        user_id: str | None = None,
        schedule_id: str | None = None,
        run_id: str | None = None,
        limit: int = 100,
        page: int = 1,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of approvals, the latest first, and the number of all that match."""

    def update_approval(
        self, approval_id: str, expected_status: str | None = None, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Set fields; the changed approval, or None when there is none.

        With `expected_status` None also when the status is another one by now: of two who resolve an approval at
        the same time, one gets it and the other None. Atomic. Raises InvalidValueError for an unknown field, and
        for the id, the owner and the creation time.
        """

    def delete_approval(self, approval_id: str) -> bool:
        """Delete the approval; False when there is none."""

    def get_pending_approval_count(self, user_id: str | None = None) -> int:
        """The number of pending approvals (of that user)."""

    def update_approval_run_status(self, run_id: str, run_status: Any) -> int:
        """Set the run's status, an enum or a text, in all of its approvals, atomically; their number."""

    def get_schedule(self, schedule_id: str, user_id: str | None = None) -> dict[str, Any] | None:
        """The schedule, or None when there is none (of that owner)."""

    def get_schedule_by_name(self, name: str, user_id: str | None = None) -> dict[str, Any] | None:
        """The schedule of that name and owner, or None. No `user_id` means the schedule without an owner."""

    def get_schedules(
        self,
        enabled: bool | None = None,
        limit: int = 100,
        page: int = 1,
        user_id: str | None = None,
        raise_on_error: bool = False,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of schedules, the latest first, and the number of all that match.

        An error always raises, whatever `raise_on_error` says.
        """

    def create_schedule(self, schedule_data: dict[str, Any]) -> dict[str, Any]:
        """Insert a schedule; the data with its defaults (`created_at`: now).

        Raises DuplicateKeyError when the id is taken, or the name by another schedule of the same owner;
        InvalidValueError for unknown or missing fields.
        """

    def update_schedule(self, schedule_id: str, user_id: str | None = None, **kwargs: Any) -> dict[str, Any] | None:
        """Set fields; the changed schedule, or None when there is none (of that owner).

        Enabling a schedule clears the reason why it was disabled. Raises InvalidValueError for a field that only
        other methods may set (owner, provenance, lock) or that is unknown, DuplicateKeyError for a taken name.
        """

    def delete_schedule(self, schedule_id: str, user_id: str | None = None) -> bool:
        """Delete the schedule and its runs; False when there is none (of that owner)."""

    def disable_schedules_for_target(self, target_type: str, target_id: str, reason: str | None = None) -> int:
        """Disable every enabled schedule aimed at that component, whoever owns it; their number."""

    def stamp_schedule_provenance(self, schedule_id: str, **provenance: Any) -> bool:
        """Set who manages the schedule, its target and the runs that wrote it; False when there is none.

        Raises InvalidValueError for any other field.
        """

    def claim_due_schedule(self, worker_id: str, lock_grace_seconds: int = 300) -> dict[str, Any] | None:
        """Lock the schedule that is due for the longest time and give it to this worker; None when none is due.

        No two workers get the same one, unless a lock is older than `lock_grace_seconds`.
        """

    def release_schedule(
        self,
        schedule_id: str,
        next_run_at: int | None = None,
        *,
        worker_id: str | None = None,
        locked_at: int | None = None,
    ) -> bool:
        """Unlock the schedule and set when it is due again, if `next_run_at` is given; on demand means never.

        `worker_id` and `locked_at` name one claim: False, and nothing is changed, when it is over.
        """

    def delete_schedule_runs(self, schedule_id: str, *, before: int) -> int:
        """Delete the schedule's runs that were completed before that time; their number."""

    def create_schedule_run(self, run_data: dict[str, Any]) -> dict[str, Any]:
        """Insert a schedule run; the data with its defaults (`created_at`: now).

        Raises DuplicateKeyError when the id is taken, NotFoundError when there is no such schedule,
        InvalidValueError for unknown or missing fields.
        """

    def update_schedule_run(self, schedule_run_id: str, **kwargs: Any) -> dict[str, Any] | None:
        """Set fields; the changed run, or None when there is none.

        Raises InvalidValueError for an unknown field, and for the id, the schedule, the owner and the creation
        time.
        """

    def get_schedule_run(self, run_id: str, user_id: str | None = None) -> dict[str, Any] | None:
        """The schedule run of that id, or None when there is none (of that owner)."""

    def get_latest_schedule_runs(self, schedule_ids: list[str]) -> dict[str, dict[str, Any]]:
        """schedule id -> the run that was triggered last; schedules without runs are absent."""

    def get_schedule_runs(
        self, schedule_id: str, limit: int = 20, page: int = 1, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of a schedule's runs, the latest first, and the number of all that match."""

    def get_learning(
        self,
        learning_type: str,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
    ) -> dict[str, Any] | None:
        """`{"content": ...}` of the learning that matches and was changed last, or None."""

    def upsert_learning(
        self,
        id: str,
        learning_type: str,
        content: dict[str, Any],
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Insert the learning, or replace content and metadata of the stored one. One atomic statement.

        A learning without an owner becomes `user_id`'s. Raises OwnershipError when it is another user's, and
        StaleVersionError when it could not be read before in this flow.
        """

    def delete_learning(self, id: str) -> bool:
        """Delete the learning; False when there is none."""

    def update_learning(self, id: str, content: dict[str, Any], metadata: dict[str, Any] | None = None) -> bool:
        """Replace content and metadata; False when there is no such learning. One atomic statement.

        Raises StaleVersionError when it could not be read before in this flow.
        """

    def delete_user_learnings(self, user_id: str, learning_type: str | None = None) -> int:
        """Delete the learnings (of that type) that the user owns; the number deleted."""

    def get_learnings(
        self,
        learning_type: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The learnings that match, the last changed first; at most `limit`. One statement."""

    def search_learnings(
        self,
        query: str,
        learning_type: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """The learnings with `query` anywhere in their content, the last changed first. One statement.

        Case is ignored: of ASCII letters only on SQLite. A run of white space, `_` and `-` in `query` stands for
        any one character, everything else for itself; a query of nothing else finds nothing.
        """

    def get_learning_by_id(self, id: str) -> dict[str, Any] | None:
        """The learning, or None."""

    def list_learnings(
        self,
        learning_type: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        session_id: str | None = None,
        namespace: str | None = None,
        entity_id: str | None = None,
        entity_type: str | None = None,
        include_global: bool = False,
        limit: int = 100,
        page: int = 1,
        sort_by: str | None = None,
        sort_order: str | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of learnings and the number of all that match. One statement.

        `include_global`, with a `user_id`, adds learnings without an owner.
        """

    def get_learnings_user_stats(
        self,
        learning_type: str | None = None,
        limit: int | None = None,
        page: int | None = None,
        user_id: str | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """A page of the users who own learnings, `{"user_id", "last_learning_updated_at"}`, and their number.

        The last changed first, unless sorted otherwise (by one of the two). One statement.
        """

    def calculate_metrics(self) -> list[dict[str, Any]] | None:
        """Bring the metrics up to date with all that was written and deleted; the rows that changed, or None.

        `user_id` is '' for what nobody owns. Owners and days of which everything was deleted lose their row. Atomic
        for each thousand of changes.
        """

    def get_metrics(
        self, starting_date: date | None = None, ending_date: date | None = None, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int | None]:
        """The metrics of these days (both included), and when metrics (of that user) were last computed.

        They are brought up to date first, at most once in 60 seconds for an instance. Without metrics the time is
        None. Raises what `calculate_metrics` raises.
        """

    def get_latest_schema_version(self, table_name: str) -> str:
        """The stored version of the table. Of a table that is not kept here, the latest that agnodb knows:
        there is nothing for agno to migrate."""

    def upsert_schema_version(self, table_name: str, version: str) -> None:
        """Store the version of the table."""

class SyncRepository:
    """The repository of one concept: the methods of its contract, each blocking until it is done."""

    def __init__(self, repository: object) -> None: ...

class SyncSessionRepository(SyncRepository):
    """Sessions by id. `user_id=None` is agno's "unscoped" in every method; see each for what that means."""

    def get(
        self, session_id: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        """The session, or None when there is none (of that owner and type). One statement."""

    def get_with_runs(
        self, session_id: str, known: KnownRuns, *, user_id: str | None = None
    ) -> tuple[SessionRecord, list[StoredRun]] | None:
        """The session (of that owner) and, of its runs in order, those after `known.last`: as `runs.stored` gives
        them. Where the database tells versions of rows, one statement, which reads no document that is known and sends
        no more for more runs; elsewhere two, and no run has a place.

        None where there is no such session, its runs up to `known.last` are not the known ones, or there are many
        others: `get` and `runs.stored` tell which. Must not be called inside a transaction: what is read there may
        never be stored.
        """

    def page(
        self,
        page: Page,
        *,
        session_type: str | None = None,
        user_id: str | None = None,
        component_id: str | None = None,
        name: str | None = None,
        created_from: int | None = None,
        created_to: int | None = None,
        with_runs: bool = False,
    ) -> tuple[list[SessionRecord], int]:
        """One page of sessions and the number of all that match.

        `component_id` is the id of an agent, team or workflow; `name` is a literal substring of the session's
        name; `created_from` and `created_to` are epoch seconds, both included. `with_runs` gives each its `runs`.
        Raises InvalidValueError.
        """

    def upsert(self, session: SessionRecord, *, updated_at: int | None = None) -> SessionRecord:
        """Insert the session or change it; the stored row comes back. One atomic statement.

        The stored owner, type and creation time are never changed; `updated_at` becomes the current time when a
        row is changed, or what is given (epoch seconds). Fields of other session types than this session's are left
        as stored. Raises OwnershipError when the session is another user's, also for nobody (`user_id=None`) unless
        the record was read or saved before by its holder.
        """

    def insert_if_absent(self, session: SessionRecord) -> bool:
        """Insert the session; False, with the stored row untouched, when the id is taken."""

    def rename(
        self, session_id: str, name: str, *, user_id: str | None = None, session_type: str | None = None
    ) -> SessionRecord | None:
        """Set `session_data["session_name"]` and nothing else, not even `updated_at`; None when there is no such
        session. Atomic."""

    def set_data(self, session_id: str, data: object, *, user_id: str | None = None) -> bool:
        """Replace `session_data`; False when there is no such session (that `user_id` may write). Atomic."""

    def reassign_owner(self, session_id: str, *, previous_user_id: str, user_id: str | None) -> bool:
        """Give an idle session to `user_id`; False when it is not `previous_user_id`'s or a run is under way."""

    def delete(self, session_id: str, *, user_id: str | None = None) -> bool:
        """Delete the session and its runs, atomically; False when there is none (of that owner)."""

    def delete_many(self, session_ids: Iterable[str], *, user_id: str | None = None) -> int:
        """Delete sessions and their runs, atomically; the number of sessions deleted (of that owner)."""

class SyncRunRepository(SyncRepository):
    """Runs by id, and the runs of sessions in their order."""

    def get(self, run_id: str) -> RunRecord | None:
        """The run, or None."""

    def page(
        self,
        page: Page,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: str | None = None,
    ) -> tuple[list[RunRecord], int]:
        """One page of runs, by default in the order of their sessions, and the number of all that match."""

    def of_session(self, session_id: str) -> list[Any]:
        """The `run_data` of every run of a session, in order."""

    def stored(self, session_id: str, known: Collection[Hashable] = ()) -> list[StoredRun]:
        """Every run of a session, in order, with a token of its content: what a cache of runs needs. One statement.

        `known` are tokens that this repository gave before. Where the database can tell without reading a document
        that it is one of those, the document is neither read nor sent; where it cannot, `known` may be ignored. Must
        not be called inside a transaction: what is read there may never be stored.
        """

    def history(self, session_id: str, limit: int) -> list[Any]:
        """The `run_data` of a session's last `limit` runs that are history for a model, in order.

        Left out are runs of team members (those with a parent) and paused, cancelled, failed and regenerated ones.
        """

    def of_sessions(self, session_ids: Iterable[str]) -> dict[str, list[Any]]:
        """session id -> the `run_data` of its runs in order; sessions without runs are absent. One statement."""

    def upsert(self, run: RunRecord) -> RunRecord:
        """Insert the run at the end of its session, or change it in place. One atomic statement.

        What comes back has the stored `run_index`, owner and creation time, not the document. Raises
        NotFoundError when there is no such session, OwnershipError when the session or the run is another user's
        or the run belongs to another session.
        """

    def save(self, run: RunRecord) -> None:
        """As `upsert`, where nobody asks what is stored: it may cost a command to ask."""

    def append_if_absent(self, run: RunRecord) -> bool:
        """Insert the run at the end of its session; False, with the stored row untouched, when the id is taken.

        Raises NotFoundError and OwnershipError as `upsert` does.
        """

    def patch(
        self,
        run_id: str,
        session_id: str,
        change: Callable[[RunRecord], dict[str, Any] | None],
        *,
        user_id: str | None = None,
    ) -> bool | None:
        """Change a run under its row lock: `change` gets the stored run and gives the columns to set.

        True when it was changed, False when `change` gave None (nothing is written then), None when there is no
        such run in that session, or the run or the session is another user's. `change` must not wait.
        """

    def cancel(
        self, run_id: str, session_id: str, *, reason: str, expected_status: str, user_id: str | None = None
    ) -> bool:
        """Cancel the run if its status is still `expected_status`; False otherwise. One atomic statement.

        False also when there is no such run in that session, or the run or the session is another user's.
        """

    def delete(self, run_id: str) -> bool:
        """Delete the run; False when there is none."""

    def delete_many(self, run_ids: Iterable[str]) -> int:
        """Delete runs; the number deleted."""

class SyncMemoryRepository(SyncRepository):
    """Memories by id and by user."""

    def get(self, memory_id: str, *, user_id: str | None = None) -> MemoryRecord | None:
        """The memory, or None when there is none (of that user)."""

    def page(
        self,
        page: Page,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        topics: Sequence[str] | None = None,
        search: str | None = None,
    ) -> tuple[list[MemoryRecord], int]:
        """One page of memories that have all `topics` and `search` as a literal substring, and their number."""

    def upsert(self, memory: MemoryRecord, *, updated_at: int | None = None) -> MemoryRecord:
        """Insert the memory or change it; the stored row comes back. One atomic statement.

        The stored owner and creation time are never changed; `updated_at` becomes the current time when a row is
        changed, or what is given (epoch seconds). Raises OwnershipError when it is another user's.
        """

    def topics(self, *, user_id: str | None = None) -> list[str]:
        """Every topic of the memories (of that user), once, in order."""

    def users(self, page: Page, *, user_id: str | None = None) -> tuple[list[UserMemories], int]:
        """One page of the users with memories, the latest change first, and the number of all such users."""

    def delete(self, memory_id: str, *, user_id: str | None = None) -> bool:
        """Delete the memory; False when there is none (of that user)."""

    def delete_many(self, memory_ids: Iterable[str], *, user_id: str | None = None) -> int:
        """Delete memories (of that user); the number deleted."""

    def clear(self) -> None:
        """Delete all memories of all users."""

class SyncKnowledgeRepository(SyncRepository):
    """Knowledge contents. One without an owner is shared: every user reads it, none of them changes it."""

    def get(self, id: str, *, user_id: str | None = None) -> KnowledgeRecord | None:
        """The content, or None when there is none (of that user or shared)."""

    def page(
        self, page: Page, *, linked_to: str | None = None, user_id: str | None = None
    ) -> tuple[list[KnowledgeRecord], int]:
        """One page of contents (of that user or shared) and the number of all that match."""

    def upsert(self, content: KnowledgeRecord) -> None:
        """Insert the content, or set those of its fields that are not None. One atomic statement.

        The stored owner and creation time are never changed. Raises OwnershipError when `user_id` is given and
        the stored content is another user's, or shared.
        """

    def delete(self, id: str, *, user_id: str | None = None) -> bool:
        """Delete the content; False when there is none (of that user)."""

class SyncEvalRunRepository(SyncRepository):
    """Evaluation runs by id."""

    def create(self, eval_run: EvalRunRecord) -> None:
        """Insert the run. Raises DuplicateKeyError when its id is taken."""

    def get(self, run_id: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        """The run, or None when there is none (of that user)."""

    def page(
        self,
        page: Page,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        model_id: str | None = None,
        eval_types: Sequence[str] | None = None,
        component: str | None = None,
    ) -> tuple[list[EvalRunRecord], int]:
        """One page of runs and the number of all that match.

        `component` ('agent', 'team' or 'workflow') leaves those that evaluated such a component.
        """

    def rename(self, run_id: str, name: str, *, user_id: str | None = None) -> EvalRunRecord | None:
        """Set the name; None when there is no such run (of that user)."""

    def claim(self, run_id: str, user_id: str) -> bool:
        """Make `user_id` the owner of a run that has none; False when there is no such run.

        Raises OwnershipError when it is another user's. Of users who race for a run one gets it.
        """

    def delete(self, run_id: str) -> bool:
        """Delete the run, whoever the owner is; False when there is none."""

    def delete_many(self, run_ids: Iterable[str], *, user_id: str | None = None) -> int:
        """Delete runs (of that user); the number deleted."""

class SyncSchemaVersionRepository(SyncRepository):
    """Which agno version's shape each table has."""

    def get(self, table_name: str) -> str | None:
        """The version that is stored for the table, or None."""

    def set(self, table_name: str, version: str) -> None:
        """Store the version of the table."""

class SyncApprovalRepository(SyncRepository):
    """Approvals by id. Each method is one statement; None for a filter means 'any'."""

    def get(self, approval_id: str) -> ApprovalRecord | None:
        """The approval, or None."""

    def page(
        self,
        page: Page,
        *,
        status: str | None = None,
        source_type: str | None = None,
        approval_type: str | None = None,
        pause_type: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        user_id: str | None = None,
        schedule_id: str | None = None,
        run_id: str | None = None,
    ) -> tuple[list[ApprovalRecord], int]:
        """One page of approvals, by default the latest first, and the number of all that match."""

    def count_pending(self, *, user_id: str | None = None) -> int:
        """The number of approvals that nobody has decided yet."""

    def create(self, approval: ApprovalRecord) -> ApprovalRecord:
        """Insert the approval; as it was stored, with `created_at`. Raises DuplicateKeyError for a taken id."""

    def update(
        self, approval_id: str, changes: Mapping[str, Any], *, expected_status: str | None = None
    ) -> ApprovalRecord | None:
        """Set columns and `updated_at`; the changed approval, or None when there is none.

        With `expected_status` None also when the approval has another status: of callers that race with the same
        one, and change it, one wins. Atomic. Raises InvalidValueError for an unknown column and for those that
        never change: the id, the owner and the creation time.
        """

    def set_run_status(self, run_id: str, status: str) -> int:
        """Set `run_status` of all approvals of a run, atomically; their number."""

    def delete(self, approval_id: str) -> bool:
        """Delete the approval; False when there is none."""

class SyncScheduleRepository(SyncRepository):
    """Schedules by id. Each method is one statement, hence atomic; times are epoch seconds.

    `user_id=None` is agno's "unscoped", except in `get_by_name`.
    """

    def get(self, schedule_id: str, *, user_id: str | None = None) -> ScheduleRecord | None:
        """The schedule, or None when there is none (of that owner)."""

    def get_by_name(self, name: str, *, user_id: str | None) -> ScheduleRecord | None:
        """The schedule of that name and owner, or None. No `user_id` means the schedule without an owner."""

    def page(
        self, page: Page, *, enabled: bool | None = None, user_id: str | None = None
    ) -> tuple[list[ScheduleRecord], int]:
        """One page of schedules, by default the latest first, and the number of all that match."""

    def create(self, schedule: ScheduleRecord) -> ScheduleRecord:
        """Insert the schedule; as it was stored, with `created_at`.

        Raises DuplicateKeyError when the id is taken, or the name by another schedule of the same owner.
        """

    def update(
        self, schedule_id: str, changes: Mapping[str, Any], *, user_id: str | None = None
    ) -> ScheduleRecord | None:
        """Set columns and `updated_at`; the changed schedule, or None when there is none (of that owner).

        Enabling a schedule clears the reason why it was disabled. Raises InvalidValueError for a column that is
        not `MUTABLE` (see `agnodb.records.schedules`), DuplicateKeyError for a name that is taken.
        """

    def stamp(self, schedule_id: str, provenance: Mapping[str, Any]) -> bool:
        """Set columns of `PROVENANCE` and `updated_at`; False when there is no such schedule.

        Raises InvalidValueError for any other column.
        """

    def disable_for_target(self, target_type: str, target_id: str, *, reason: str | None = None) -> int:
        """Disable every enabled schedule of a component, whoever owns it; their number.

        These are the schedules whose target it is, and those whose endpoint runs it.
        """

    def claim_due(self, worker_id: str, *, lock_grace_seconds: int = 300) -> ScheduleRecord | None:
        """Lock the enabled schedule that is due for the longest time, for `worker_id`; None when none is due.

        Two workers never get the same schedule, unless a lock is older than `lock_grace_seconds`: it counts as
        given up. Raises InvalidValueError for a worker that is no text or a negative grace.
        """

    def release(
        self,
        schedule_id: str,
        *,
        next_run_at: int | None = None,
        worker_id: str | None = None,
        locked_at: int | None = None,
    ) -> bool:
        """Unlock the schedule and set when it is due again, if `next_run_at` is given.

        `worker_id` and `locked_at` name one claim: False, and nothing is changed, when the lock is another one's
        by now. A schedule that runs on demand is never due again.
        """

    def delete(self, schedule_id: str, *, user_id: str | None = None) -> bool:
        """Delete the schedule and its runs; False when there is none (of that owner)."""

class SyncScheduleRunRepository(SyncRepository):
    """Schedule runs by id. Each method is one statement; times are epoch seconds.

    `user_id=None` is agno's "unscoped".
    """

    def get(self, run_id: str, *, user_id: str | None = None) -> ScheduleRunRecord | None:
        """The schedule run of that id (its own, not the agent's run id), or None (of that owner)."""

    def page(self, page: Page, *, schedule_id: str, user_id: str | None = None) -> tuple[list[ScheduleRunRecord], int]:
        """One page of a schedule's runs, by default the latest first, and the number of all that match."""

    def latest(self, schedule_ids: Iterable[str]) -> dict[str, ScheduleRunRecord]:
        """schedule id -> the run that was triggered last; schedules without runs are absent.

        A run without a trigger time counts only where no run of the schedule has one.
        """

    def create(self, run: ScheduleRunRecord) -> ScheduleRunRecord:
        """Insert the run; as it was stored, with `created_at`.

        Raises DuplicateKeyError for a taken id, NotFoundError when there is no such schedule.
        """

    def update(self, run_id: str, changes: Mapping[str, Any]) -> ScheduleRunRecord | None:
        """Set columns; the changed run, or None when there is none.

        Raises InvalidValueError for an unknown column and for those that never change: the id, the schedule, the
        owner and the creation time.
        """

    def delete_completed(self, schedule_id: str, *, before: int) -> int:
        """Delete the schedule's runs that were completed before that time; their number."""

class SyncTraceRepository(SyncRepository):
    """Traces by id. Times are datetimes or ISO 8601 text in any timezone: the same instant gives the same answer."""

    def get(self, *, trace_id: str | None = None, run_id: str | None = None) -> TraceRecord | None:
        """The trace, by its id or else the latest of a run, or None. One statement."""

    def page(
        self,
        page: Page,
        *,
        run_id: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        filter_expr: Mapping[str, Any] | None = None,
    ) -> tuple[list[TraceRecord], int]:
        """One page of traces, by default the latest first, and the number of all that match.

        Those that started at `start_time` or later and ended at `end_time` or earlier. `filter_expr` is one of
        agno's filter expressions over the columns of a trace. Spans are counted for the page's traces only. Raises
        InvalidValueError.
        """

    def stats(
        self,
        page: Page,
        *,
        group_by: str = "session",
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        filter_expr: Mapping[str, Any] | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """One page of groups and the number of all groups, over traces created from `start_time` to `end_time`.

        `group_by` is 'session', 'agent', 'team', 'workflow', or 'endpoint' (by the name of traces without a
        component). Sessions come latest first and have `total_traces`, the ids of their components and
        `first_trace_at` and `last_trace_at` (datetimes). The others come busiest first and have `total_sessions`,
        `error_traces` and the average, 95th percentile and maximum of the duration (milliseconds) instead of ids.
        Raises InvalidValueError.
        """

    def upsert(self, trace: TraceRow) -> None:
        """Insert the trace or merge it into the stored one. One atomic statement.

        Merged are: the earliest start and latest end, and the duration between them; the newest status; the name
        of the outermost component (workflow, then team, then agent); of each id the one stored first. A
        placeholder, stored for spans that came before their trace, takes everything from this trace. Raises
        OwnershipError when the trace is another user's.
        """

class SyncSpanRepository(SyncRepository):
    """Spans by id, and the spans of traces."""

    def get(self, span_id: str) -> SpanRecord | None:
        """The span, or None."""

    def page(
        self,
        page: Page,
        *,
        trace_id: str | None = None,
        parent_span_id: str | None = None,
        name: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
    ) -> tuple[list[SpanRecord], int]:
        """One page of spans, by default the earliest first, and the number of all that match.

        Those that started from `start_time` to `end_time`, both included. Raises InvalidValueError.
        """

    def earliest(
        self, limit: int | None = None, *, trace_id: str | None = None, parent_span_id: str | None = None
    ) -> list[SpanRecord]:
        """At most `limit` spans in the order of their start, without counting the rest. No limit means all."""

    def create_many(self, spans: Iterable[SpanRecord]) -> int:
        """Store the spans that are not stored yet; their number. Atomic, one write for any number of spans.

        A span whose id is taken is left as stored, and not counted; so is one that an earlier attempt of the same call
        had stored before its connection was lost. Where a trace is unknown, a placeholder is stored for it, see
        `TraceRepository.upsert`. Spans that cannot be stored do not keep the others from it: they raise
        InvalidValueError afterwards (facts: `refused`, their number).
        """

    def stats(
        self,
        page: Page,
        *,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        name: str | None = None,
        span_type: str | None = None,
    ) -> tuple[list[dict[str, Any]], int]:
        """One page of groups by name and type, and the number of all groups; by default the busiest first.

        Each has `name`, `span_type`, `total_calls`, `error_count`, the average, 95th percentile and maximum of the
        duration in milliseconds, and `last_called_at` (a datetime); all but the first two can be sorted by. Counted
        are spans that started from `start_time` to `end_time`, of traces of those components. Raises
        InvalidValueError.
        """

class SyncLearningRepository(SyncRepository):
    """Learnings by id, and lists of them.

    `user_id` and `**filters` are equalities, any of `LISTINGS["learnings"].filters`; None means any. An unknown one
    raises InvalidValueError. "Latest" counts by the last change.
    """

    def get(self, learning_id: str) -> LearningRecord | None:
        """The learning, or None."""

    def latest(
        self, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        """The learnings that match, the latest first; at most `limit`. One statement."""

    def search(
        self, query: str, limit: int | None = None, *, user_id: str | None = None, **filters: str | None
    ) -> list[LearningRecord]:
        """The learnings with the text `query` anywhere in their content, the latest first. One statement.

        Upper and lower case are alike: all letters that the database's locale knows on PostgreSQL, ASCII letters
        only on SQLite. A run of white space, `_` and `-` in `query` stands for any one character; everything else,
        `%` and `\\` too, stands for itself. A query of nothing else finds nothing.
        """

    def upsert(self, learning: LearningRecord) -> LearningRecord:
        """Insert the learning, or change its content and metadata; the stored row comes back. One atomic statement.

        Nothing else of a stored row is changed, but that one without an owner gets the writer's. Raises
        OwnershipError when the learning is another user's.
        """

    def update(self, learning_id: str, content: Any, metadata: Any = None) -> bool:
        """Replace content and metadata, whoever the owner is; False when there is no such learning. Atomic."""

    def delete(self, learning_id: str) -> bool:
        """Delete the learning, whoever the owner is; False when there is none."""

    def delete_of_user(self, user_id: str, *, learning_type: str | None = None) -> int:
        """Delete the learnings (of that type) that the user owns; the number deleted."""

    def user_stats(
        self, page: Page, *, learning_type: str | None = None, user_id: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """One page of the users who own learnings, and the number of all of them. One statement.

        Each is a dictionary of `user_id` and `last_learning_updated_at` (epoch seconds), the two that `page` can
        sort by; the latest come first by default.
        """

    def page(
        self, page: Page, *, include_unowned: bool = False, user_id: str | None = None, **filters: str | None
    ) -> tuple[list[LearningRecord], int]:
        """One page of learnings and the number of all that match.

        `include_unowned`, with a `user_id`, adds learnings without an owner.
        """

class SyncMetricRepository(SyncRepository):
    """Daily metrics, each row computed from the sessions and runs of one user on one UTC day.

    Each session and run is known with what it was counted for, so whatever happens to it the sum over the days is the
    sum over the runs. A number of tokens is a whole number: fractions are cut off. Sessions and runs whose time is no
    date between the years 1 and 9999 are left out.
    """

    def report(
        self, *, user_id: str | None = None, from_day: date | None = None, to_day: date | None = None
    ) -> tuple[list[MetricRecord], int | None]:
        """The metrics of these days, and when metrics (of that user, of any day) were last computed.

        The time, in epoch seconds, is None when there are no metrics of these days. One statement.
        """

    def refresh(self) -> list[MetricRecord] | None:
        """Count what was written or deleted since the last time; the rows that changed, or None when none did.

        It costs what changed, however much is stored, and finds every change, whoever made it (see
        docs/architecture.md). Rows of which nothing is left are deleted. Each thousand of changes is one transaction,
        and a row is written once all are counted. Refreshes at the same time wait for each other.
        """

    def recompute(self, from_day: date, to_day: date) -> list[MetricRecord] | None:
        """Count all days from `from_day` to `to_day`, both included, from the beginning, and what `refresh` would."""

    def page(
        self, page: Page, *, user_id: str | None = None, from_day: date | None = None, to_day: date | None = None
    ) -> tuple[list[MetricRecord], int]:
        """One page of metrics, by default in the order of their days, and the number of all that match.

        `from_day` and `to_day` are both included; `user_id` '' is what nobody owns.
        """

class SyncRepositories:
    """All repositories: what `db` and `db.transaction()` give."""

    sessions: SyncSessionRepository
    runs: SyncRunRepository
    memories: SyncMemoryRepository
    knowledge: SyncKnowledgeRepository
    eval_runs: SyncEvalRunRepository
    schema_versions: SyncSchemaVersionRepository
    approvals: SyncApprovalRepository
    schedules: SyncScheduleRepository
    schedule_runs: SyncScheduleRunRepository
    traces: SyncTraceRepository
    spans: SyncSpanRepository
    learnings: SyncLearningRepository
    metrics: SyncMetricRepository

    def __init__(self, repositories: object) -> None: ...

class SyncTransaction(SyncMethods, SyncRepositories):
    """The repositories and agno's flat methods inside one transaction, or one savepoint, of an async context."""

    def __init__(self, context: object) -> None: ...
    def __enter__(self) -> SyncTransaction: ...
    def __exit__(self, *error: Any) -> bool | None: ...
    def savepoint(self) -> AbstractContextManager[SyncTransaction]:
        """See `agnodb.databases.transactions.Transaction.savepoint`."""
