"""The conformance suite: what a backend must do to be one, as tests that any backend can run.

    from agnodb.testing.conformance import DatabaseConformance

    class TestMyDb(DatabaseConformance):
        @pytest_asyncio.fixture
        async def make_db(self, tmp_path):
            ...  # yields an async function: every call gives another database object on the same empty storage

The tests need pytest, pytest-asyncio (`asyncio_mode = auto`) and Hypothesis.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest_asyncio

from agnodb.errors import OwnershipError, UnavailableError
from agnodb.testing.conformance.agents import AgentConformance
from agnodb.testing.conformance.approvals import ApprovalsConformance
from agnodb.testing.conformance.concurrency import ConcurrencyConformance
from agnodb.testing.conformance.databases import DatabaseLifeConformance, TableConformance
from agnodb.testing.conformance.eval_runs import EvalRunConformance
from agnodb.testing.conformance.faults import FaultConformance, ShapeFaultConformance
from agnodb.testing.conformance.hidden_reads import HiddenReadConformance
from agnodb.testing.conformance.holding import HoldingConformance
from agnodb.testing.conformance.instants import InstantConformance
from agnodb.testing.conformance.knowledge import KnowledgeConformance
from agnodb.testing.conformance.learnings import LearningConformance
from agnodb.testing.conformance.media import MediaConformance
from agnodb.testing.conformance.memories import MemoryConformance
from agnodb.testing.conformance.merging import MergingConformance
from agnodb.testing.conformance.metrics import MetricConformance
from agnodb.testing.conformance.orders import OrderConformance
from agnodb.testing.conformance.owners import OwnerConformance
from agnodb.testing.conformance.remembering import RememberingConformance
from agnodb.testing.conformance.round_trips import RoundTripConformance
from agnodb.testing.conformance.runs import RunConformance
from agnodb.testing.conformance.savepoints import SavepointConformance
from agnodb.testing.conformance.schedule_runs import ScheduleRunsConformance
from agnodb.testing.conformance.schedules import SchedulesConformance
from agnodb.testing.conformance.searches import SearchConformance
from agnodb.testing.conformance.sessions import SessionConformance
from agnodb.testing.conformance.spans import SpanConformance
from agnodb.testing.conformance.stateful import StatefulConformance
from agnodb.testing.conformance.trace_filters import TraceFilterConformance
from agnodb.testing.conformance.traces import TraceConformance
from agnodb.testing.conformance.transactions import JoinedSessionConformance, TransactionConformance
from agnodb.testing.conformance.write_failures import WriteFailureConformance


class _Fixtures:
    @pytest_asyncio.fixture
    async def db(self, make_db: Callable[[], Awaitable[Any]]) -> Any:
        """An open, empty database."""
        return await make_db()


def _suite(*parts: type) -> type:
    """One test class of all parts, each test under the name of its part: two parts may promise alike."""
    members: dict[str, Any] = {"__doc__": "Everything that a backend promises."}
    for part in parts:
        concept = part.__name__.removesuffix("Conformance").lower()
        for name, member in vars(part).items():
            if name.startswith("test_"):
                members[f"test_{concept}_{name.removeprefix('test_')}"] = member
    return type("DatabaseConformance", (_Fixtures,), members)


CONCEPTS = (
    DatabaseLifeConformance,
    TableConformance,
    TransactionConformance,
    SavepointConformance,
    JoinedSessionConformance,
    SessionConformance,
    MergingConformance,
    HoldingConformance,
    RememberingConformance,
    RunConformance,
    MediaConformance,
    MemoryConformance,
    KnowledgeConformance,
    EvalRunConformance,
    TraceConformance,
    TraceFilterConformance,
    SpanConformance,
    ApprovalsConformance,
    SchedulesConformance,
    ScheduleRunsConformance,
    LearningConformance,
    HiddenReadConformance,
    MetricConformance,
    WriteFailureConformance,
)
"""What each concept promises, by example."""

MATRICES = (
    RoundTripConformance,
    SearchConformance,
    OrderConformance,
    InstantConformance,
    OwnerConformance,
    FaultConformance,
)
"""What holds for every method, column or argument: generated, so that a new one cannot be forgotten."""

RACES = (ConcurrencyConformance, StatefulConformance, AgentConformance)
"""What holds for many writers, in many processes, through faults."""

DatabaseConformance = _suite(*CONCEPTS, *MATRICES, *RACES)
"""All that a backend promises."""

ConceptConformance = _suite(*CONCEPTS)
"""The part of it that another driver or a pooler in between could change."""

_OF_ENGINES = (TableConformance, JoinedSessionConformance)
_OF_DOCUMENTS = tuple(part for part in CONCEPTS if part not in _OF_ENGINES)
DocumentConformance = _suite(*_OF_DOCUMENTS, *MATRICES, StatefulConformance)
"""What a document store promises, in one process. The parts that are left out reach for an engine of SQLAlchemy's."""
_SHORTER = tuple(ShapeFaultConformance if part is FaultConformance else part for part in MATRICES)
StandInDocumentConformance = _suite(*_OF_DOCUMENTS, *_SHORTER, StatefulConformance)
"""The same where a server's stand-in is slow: the matrix of faults, which makes every request of every method several
times, has one method of each kind."""
SingleDocumentConformance = _suite(SessionConformance, RunConformance, MemoryConformance)
"""The part of it that shows that such a store works without an event loop too."""
for _documents in (DocumentConformance, StandInDocumentConformance, SingleDocumentConformance):
    _documents.losing = (OwnershipError, UnavailableError)  # type: ignore[attr-defined]
    # There are no tables for queries of one's own.
    if hasattr(_documents, _name := "test_databaselife_tables_are_made_once_and_again_without_harm"):
        delattr(_documents, _name)


class SharedDocumentConformance(ConcurrencyConformance, DocumentConformance):  # type: ignore[misc,valid-type]
    """What a document store promises that several processes share."""

    transactions_wait = False


_OF_TABLES = (TableConformance, SavepointConformance, JoinedSessionConformance)
MongoConformance = _suite(*(part for part in (*CONCEPTS, *MATRICES, *RACES) if part not in _OF_TABLES))
"""What MongoDB promises: all but savepoints and what is SQLAlchemy's."""
MongoConformance.losing = (OwnershipError, UnavailableError)  # type: ignore[attr-defined]
MongoConformance.transactions_wait = False  # type: ignore[attr-defined]
