"""Turns of agno's own Agent in one conversation that grows: what the database layer takes of each."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
from agno.agent import Agent
from agno.models.response import ModelResponse

from agnodb.demo.model import OfflineModel
from benchmarks.data import Item, encode, run_item, session_item, text
from benchmarks.measure import Bench, Stopwatch, per_call
from benchmarks.sides import Facade, Floor, create_tables, sides

POINTS = (1, 10, 50, 200, 1000)
ANSWERS_KB = (2, 20)
WARM, TIMED = 2, 6
CALLED = (
    "get_session", "upsert_session", "upsert_run", "get_runs", "get_user_memories", "update_approval_run_status",
)  # fmt: skip


class Answering(OfflineModel):
    """Answers with the same text of a given size, at once."""

    answer: str = ""

    async def ainvoke(self, messages: Any, assistant_message: Any, *args: Any, **kwargs: Any) -> ModelResponse:
        return ModelResponse(role="assistant", content=self.answer)


async def run(bench: Bench) -> None:
    """Every point on every side: the history up to it is filled in as copies of a real turn."""
    async with sides(bench.url, bench.only) as direct, sides(bench.proxy.url(bench.url), bench.only) as wired:
        await create_tables(direct, bench.url)
        connection = await asyncpg.connect(bench.url)
        for kilobytes in ANSWERS_KB:
            answer = text(f"answer {kilobytes}", kilobytes * 1024)
            for point in POINTS:
                name = f"agent turn {point:,}, {kilobytes} KB answers"
                await compare(bench, connection, name, direct, wired, answer, point)
        await connection.close()


async def compare(
    bench: Bench, connection: Any, name: str, direct: Sequence[Any], wired: Sequence[Any], answer: str, point: int
) -> None:
    """The sides follow one another at turn `point`: first against the clocks, then counted."""
    for side, counting in zip(direct, wired, strict=True):
        values: dict[str, float] = {}
        if not bench.counts_only:
            values |= await _turns(bench, connection, side, answer, point, clocks=True)
        values |= await _turns(bench, connection, counting, answer, point, clocks=False)
        bench.add(name, side.name, **values)


async def _turns(
    bench: Bench, connection: Any, side: Any, answer: str, point: int, *, clocks: bool
) -> dict[str, float]:
    session_id = uuid.uuid4().hex
    turns = _agent_turn if isinstance(side, Facade) else _floor_turn
    other = turns(side, uuid.uuid4().hex, answer)
    for _ in range(WARM):  # connections open, and statements prepared
        await other()
    turn = turns(side, session_id, answer)
    await turn()
    await _lengthen(connection, side.schema, session_id, point - 1 - WARM)
    for _ in range(min(WARM, max(point - 1, 0))):
        await turn()
    if not clocks:
        with bench.proxy.count() as counts:
            for _ in range(TIMED):
                await turn()
        return per_call(counts, TIMED)
    cpu = time.process_time()
    inside = [await turn() for _ in range(TIMED)]
    return {"p50_ms": statistics.median(inside) * 1000, "turn_cpu_ms": (time.process_time() - cpu) * 1000 / TIMED}


def _agent_turn(side: Facade, session_id: str, answer: str) -> Any:
    model = Answering()
    model.answer = answer
    agent = Agent(id="agent", model=model, db=side.db, telemetry=False, add_history_to_context=True, num_history_runs=3)
    if not hasattr(side, "watch"):
        side.watch = Stopwatch(side.db, CALLED)  # type: ignore[attr-defined]
    watch: Stopwatch = side.watch  # type: ignore[attr-defined]

    async def turn() -> float:
        watch.seconds = 0.0
        await agent.arun("What is new?", session_id=session_id, user_id="user")
        return watch.seconds

    return turn


def _floor_turn(side: Floor, session_id: str, answer: str) -> Any:
    """What a turn cannot do without: read the session and its last run, save both."""
    session: Item = session_item(session_id, 1)
    numbers = iter(range(1_000_000, 10**9))

    async def turn() -> float:
        row = dict(run_item(session, next(numbers)).row)
        # As much text as agno stores of a turn: the answer is the run's content and its message's.
        row["run_data"] = encode({"run_id": row["run_id"], "content": answer, "messages": [answer]})
        start = time.perf_counter()
        await side.fetch(side.sql.session, session_id)
        await side.fetch(side.sql.last_run, session_id)
        await side.upsert_session(session)
        await side.fetch(side.sql.upsert_run, *row.values())
        return time.perf_counter() - start

    return turn


async def _lengthen(connection: Any, schema: str, session_id: str, runs: int) -> None:
    """As many copies of the conversation's first run, each with an id and a place of its own."""
    columns = "run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at"
    await connection.execute(
        f"INSERT INTO {schema}.agno_runs ({columns})"
        " SELECT run_id || '-' || n, session_id, run_type, agent_id, user_id, status, n,"
        " jsonb_set(run_data, '{run_id}', to_jsonb(run_id || '-' || n)), created_at, updated_at"
        f" FROM {schema}.agno_runs, generate_series(1, $2::int) n WHERE session_id = $1",
        session_id, max(runs, 0),
    )  # fmt: skip
