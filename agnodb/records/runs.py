"""A run: what one call of an agent, team or workflow did, with its messages."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from agnodb.records.base import Record

HISTORY_SKIP_STATUSES = ("PAUSED", "CANCELLED", "ERROR", "REGENERATED")
"""Runs with these statuses are not history for a model (agno 3.1 `agno.run.base.HISTORY_SKIP_STATUSES`)."""


@dataclass(slots=True, kw_only=True)
class RunRecord(Record):
    """One row of agno_runs. Times are epoch seconds.

    `run_index` is the run's place in its session. The database assigns it when the run is first written; what a
    caller sets is not stored.
    """

    run_id: str
    session_id: str
    run_type: str
    agent_id: str | None = None
    team_id: str | None = None
    workflow_id: str | None = None
    user_id: str | None = None
    parent_run_id: str | None = None
    status: str | None = None
    run_index: int | None = None
    run_data: Any
    created_at: int | None = None
    updated_at: int | None = None


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as it is stored: what tells its content from any other, and the content unless it was known already."""

    token: Hashable
    """Another one after every change of the run, whoever made it. It means something to one database object only."""
    size: int = 0
    """The bytes of its stored text; 0 where that was not read."""
    load: Callable[[], Any] | None = field(default=None, repr=False, compare=False)
    """Gives its document, made anew each time; None where the caller knows the token."""
