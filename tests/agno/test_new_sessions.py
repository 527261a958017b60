"""What is known of sessions that were saved and never read: as long as they live, and no longer."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

from agno.session import AgentSession, TeamSession, WorkflowSession
from places import Place

from agnodb.agno.sessions import SessionObjects


class Data(dict[str, Any]):
    """A weak reference can be made to this."""


def snapshot(session: Any) -> Any:
    return SessionObjects().session_record(session).snapshot


def test_copies_of_a_new_session_share_what_is_known() -> None:
    """agno's Team saves a copy of its session each time."""
    session = TeamSession(session_id="s", session_data={})
    known = snapshot(copy.copy(session))
    assert snapshot(copy.copy(session)) is known
    assert snapshot(session) is known
    assert snapshot(TeamSession(session_id="s", session_data={})) is not known
    assert snapshot(TeamSession(session_id="other", session_data=session.session_data)) is not known
    for _ in range(2):  # nothing tells these apart from others of the same id
        assert snapshot(AgentSession(session_id="s")) is not snapshot(AgentSession(session_id="s"))


def test_it_is_forgotten_with_the_session() -> None:
    kept = [TeamSession(session_id=f"kept{n}", session_data=Data()) for n in range(100)]
    known = [snapshot(copy.copy(session)) for session in kept]
    gone = []
    for n in range(1000):
        session = TeamSession(session_id=f"gone{n}", session_data=Data())
        gone.append(weakref.ref(session.session_data))
        snapshot(copy.copy(session))
        del session
    gc.collect()
    assert sum(data() is not None for data in gone) < 200
    assert all(snapshot(copy.copy(session)) is before for session, before in zip(kept, known, strict=True))


def test_a_new_workflow_session_is_new() -> None:
    """agno gives it a time of change when it is made."""
    objects = SessionObjects()
    assert objects.session_record(WorkflowSession(session_id="s", created_at=1_700_000_000)).updated_at is not None
    assert objects.session_record(WorkflowSession(session_id="s")).updated_at is None
    assert objects.session_record(WorkflowSession(session_id="s", created_at=5, updated_at=6)).updated_at == 6


async def test_a_saved_session_has_the_runs_that_were_given(place: Place) -> None:
    theirs = place.agnos()
    await theirs._create_all_tables()
    async with place.ours() as ours:
        for runs in (None, []):
            session = AgentSession(session_id=f"{runs}", agent_id="a", created_at=1, runs=runs)
            answers = [await db.upsert_session(session) for db in (ours, theirs)]
            assert [answer.runs for answer in answers] == [runs, runs]
            assert [(await db.get_session(f"{runs}")).runs for db in (ours, theirs)] == [[], []]
    await theirs.close()
