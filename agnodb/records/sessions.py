"""A session: one conversation of an agent, team or workflow with its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from agnodb.records.base import UNSTORED, Record, internal
from agnodb.records.snapshots import NOBODY, Holding, Snapshot


class SessionType(StrEnum):
    """What kind of component holds the conversation. The values are agno's."""

    AGENT = "agent"
    TEAM = "team"
    WORKFLOW = "workflow"


@dataclass(slots=True, kw_only=True)
class SessionRecord(Record):
    """One row of agno_sessions. Times are epoch seconds. Runs are rows of their own, see `RunRecord`: `runs` has the
    documents of all of them, in order, where they were asked for.

    A record that was read carries a `snapshot` of its row, so that `upsert` knows what was changed in it since.
    """

    session_id: str
    session_type: str
    agent_id: str | None = None
    team_id: str | None = None
    workflow_id: str | None = None
    user_id: str | None = None
    session_data: Any = None
    agent_data: Any = None
    team_data: Any = None
    workflow_data: Any = None
    metadata: Any = None
    summary: Any = None
    created_at: int | None = None
    updated_at: int | None = None
    row_version: int | None = internal("agnodb_row_version")
    runs: list[Any] | None = field(default=None, repr=False, compare=False, metadata=UNSTORED)
    snapshot: Snapshot = field(default_factory=Snapshot, repr=False, compare=False, metadata=UNSTORED)
    holding: Holding = field(default=NOBODY, repr=False, compare=False, metadata=UNSTORED)
