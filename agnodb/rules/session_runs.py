"""The runs of the sessions of a page, where a database does not join them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from agnodb.records.sessions import SessionRecord

OfSessions = Callable[[Iterable[str]], Awaitable[dict[str, list[Any]]]]
"""See `agnodb.contracts.runs.RunRepository.of_sessions`."""


async def give_runs(sessions: Sequence[SessionRecord], of_sessions: OfSessions) -> None:
    """Give each of `sessions` its `runs`: one request for all, none for an empty page."""
    found = await of_sessions([session.session_id for session in sessions]) if sessions else {}
    for session in sessions:
        session.runs = found.get(session.session_id, [])
