"""What is stored and read: the same rows on every side, made from a fixed seed."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agno.db.schemas import UserMemory
from agno.db.utils import build_single_run_row
from agno.models.message import Message
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.session import AgentSession

CALLERS = 16
PAGE = 20
TURNS_SHORT, TURNS_LONG, TURNS_LONGEST, TURNS_LISTED = 10, 100, 1000, 2
# More than the 64 sessions whose parsed runs agno's adapter keeps in memory.
UNREAD = 96
LISTED, LONGEST = 1200, 2
EPOCH = 1_750_000_000

SESSION_COLUMNS = (
    "session_id", "session_type", "agent_id", "user_id", "session_data", "agent_data", "metadata", "summary",
    "created_at", "updated_at",
)  # fmt: skip
RUN_COLUMNS = (
    "run_id", "session_id", "run_type", "agent_id", "user_id", "status", "run_index", "run_data", "created_at",
    "updated_at",
)  # fmt: skip
MEMORY_COLUMNS = ("memory_id", "memory", "input", "user_id", "agent_id", "topics", "created_at", "updated_at")
JSON_COLUMNS = frozenset({"session_data", "agent_data", "metadata", "summary", "run_data", "memory", "topics"})


@dataclass(frozen=True, slots=True)
class Item:
    """One input: agno's object for the adapters, the same as a row (JSON as text) for the floor."""

    value: Any
    row: dict[str, Any]
    index: int = 0


def encode(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def session_item(session_id: str, number: int) -> Item:
    """A session with a name, a state, metrics and a summary's worth of metadata: about 0.7 KB of JSON."""
    session = AgentSession(
        session_id=session_id,
        agent_id="agent-1",
        user_id=f"user-{number % 50}",
        session_data={
            "session_name": f"Conversation {number}",
            "session_state": {"step": number, "cart": [{"sku": f"A{i}", "count": i} for i in range(8)]},
            "session_metrics": {"input_tokens": 1234, "output_tokens": 567, "total_tokens": 1801},
        },
        agent_data={"agent_id": "agent-1", "name": "Shop", "model": {"id": "model-1", "provider": "offline"}},
        metadata={"channel": "web", "tags": ["a", "b"]},
        created_at=EPOCH + number,
        updated_at=EPOCH + number,
    )
    row = {
        "session_id": session_id, "session_type": "agent", "agent_id": session.agent_id,
        "user_id": session.user_id, "session_data": encode(session.session_data),
        "agent_data": encode(session.agent_data), "metadata": encode(session.metadata), "summary": None,
        "created_at": session.created_at, "updated_at": session.created_at,
    }  # fmt: skip
    return Item(session, row)


def run_item(session: Item, index: int, run_id: str | None = None) -> Item:
    """A finished run with two messages: 4 KB of JSON."""
    session_id = session.row["session_id"]
    run_id = run_id or f"{session_id}-run-{index}"
    question, answer = text(run_id, 1100), text(f"{run_id} answer", 1150)
    created_at = session.row["created_at"] + index
    run = RunOutput(
        run_id=run_id, session_id=session_id, agent_id="agent-1", agent_name="Shop",
        user_id=session.row["user_id"], content=answer, model="model-1", model_provider="offline",
        status=RunStatus.completed, created_at=created_at,
        messages=[
            Message(role="user", content=question, id=f"{run_id}-q", created_at=created_at),
            Message(role="assistant", content=answer, id=f"{run_id}-a", created_at=created_at),
        ],
    )  # fmt: skip
    made = build_single_run_row(run, session_id, run.user_id, index)
    row = {name: made[name] for name in RUN_COLUMNS} | {"run_data": encode(made["run_data"])}
    return Item(run, row, index)


def memory_item(number: int) -> Item:
    memory = UserMemory(
        memory_id=f"memory-{number}", memory=text(f"memory {number}", 200), topics=["food", "travel"],
        user_id=f"user-{number % 50}", agent_id="agent-1", input=text(f"input {number}", 100),
        created_at=EPOCH, updated_at=EPOCH,
    )  # fmt: skip
    row = {name: getattr(memory, name) for name in MEMORY_COLUMNS}
    row |= {"memory": encode(memory.memory), "topics": encode(memory.topics)}
    return Item(memory, row)


def text(seed: str, size: int) -> str:
    """`size` characters of words: a database compresses them about as well as prose."""
    words = random.Random(seed)
    letters = "etaoinshrdlucmfwyp"
    made: list[str] = []
    length = 0
    while length < size:
        made.append("".join(words.choices(letters, k=words.randint(2, 9))))
        length += len(made[-1]) + 1
    return " ".join(made)[:size]


@dataclass
class Data:
    """The rows that are there before the first call, by what they are for."""

    short: list[Item] = field(default_factory=list)
    long: list[Item] = field(default_factory=list)
    longest: list[Item] = field(default_factory=list)
    growing: list[Item] = field(default_factory=list)
    listed: list[Item] = field(default_factory=list)
    saved_again: list[Item] = field(default_factory=list)
    memories: list[Item] = field(default_factory=list)
    unread: Iterator[Item] = field(default_factory=lambda: iter(()))
    _new: int = 0

    @classmethod
    def make(cls, *, listed: int = LISTED, longest: int = LONGEST) -> Data:
        """`listed` sessions beside those that are read by key, `longest` of a thousand runs."""
        data, numbers = cls(), iter(range(10**6))

        def sessions(prefix: str, count: int) -> list[Item]:
            return [session_item(f"{prefix}-{n}", next(numbers)) for n in range(count)]

        # Made first, so the latest sessions, which the lists show, are the ones with few runs.
        data.short, data.long = sessions("short", UNREAD), sessions("long", CALLERS)
        data.longest = sessions("longest", longest)
        data.growing, data.listed = sessions("growing", CALLERS), sessions("listed", listed)
        data.unread = itertools.cycle(data.short)
        data.saved_again = [run_item(session, 0) for session in data.short[:CALLERS]]
        data.memories = [memory_item(n) for n in range(1000)]
        return data

    def sessions(self) -> list[Item]:
        return [*self.short, *self.long, *self.longest, *self.growing, *self.listed]

    def runs(self) -> Iterator[Item]:
        groups = (
            (self.short, TURNS_SHORT), (self.long, TURNS_LONG), (self.longest, TURNS_LONGEST),
            (self.listed, TURNS_LISTED),
        )  # fmt: skip
        for group, turns in groups:
            for session in group:
                yield from (run_item(session, index) for index in range(turns))

    def new_runs(self, count: int) -> list[Item]:
        """Runs that were never saved, the sessions taking turns."""
        made = []
        for _ in range(count):
            index, place = divmod(self._new, CALLERS)
            made.append(run_item(self.growing[place], index))
            self._new += 1
        return made
