"""Metrics: what one user's agents did on one UTC day."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from agnodb.records.base import Record

TOKEN_FIELDS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "audio_total_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
"""The keys of `token_metrics`, named as agno's runs name them."""


@dataclass(slots=True, kw_only=True)
class MetricRecord(Record):
    """One row of agno_metrics. Times are epoch seconds, `date` is a UTC day; `user_id` is '' for what nobody owns.

    Sessions count on the day they were created, runs with their tokens and models on the day of the run; members
    of a team count as runs of their own type. `model_metrics` is a list of dictionaries with `model_id`,
    `model_provider` and `count`, in no particular order. `completed` says that the day was over when the row was
    computed.
    """

    id: str
    agent_runs_count: int = 0
    team_runs_count: int = 0
    workflow_runs_count: int = 0
    agent_sessions_count: int = 0
    team_sessions_count: int = 0
    workflow_sessions_count: int = 0
    users_count: int = 0
    token_metrics: Any
    model_metrics: Any
    date: datetime.date
    aggregation_period: str
    user_id: str
    created_at: int
    updated_at: int | None = None
    completed: bool
