"""What calls cost on the wire, counted between client and server: round trips, statements, and bytes.

On a direct connection to PostgreSQL, after warming: connections are open and statements prepared.
"""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from agno.db.schemas import UserMemory
from agno.run.agent import RunOutput
from agno.session import AgentSession
from agno.tracing.schemas import Trace
from filling import DAY, fill, text_of

from agnodb import AsyncPostgresDb
from agnodb.testing.servers import PostgresAccess
from agnodb.testing.wire import CountingProxy, Counts

Call = Callable[[Any], Awaitable[Any]]

SMALL, LARGE = 200, 2000
LIMIT = 20
SOME = text_of(7)
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

PAGE = {"limit": LIMIT, "page": 1}
DICTS = {**PAGE, "deserialize": False}
# Call -> the table of the list.
LISTS: dict[str, tuple[Call, str]] = {
    "get_sessions": (lambda db: db.get_sessions(include_runs=False, **DICTS), "sessions"),
    "get_sessions with runs": (lambda db: db.get_sessions(**DICTS), "sessions"),
    "get_runs": (lambda db: db.get_runs(**DICTS), "runs"),
    "get_user_memories": (lambda db: db.get_user_memories(**DICTS), "memories"),
    "get_knowledge_contents": (lambda db: db.get_knowledge_contents(**PAGE), "knowledge"),
    "get_eval_runs": (lambda db: db.get_eval_runs(**DICTS), "eval_runs"),
    "get_traces": (lambda db: db.get_traces(**PAGE), "traces"),
    "get_spans": (lambda db: db.get_spans(limit=LIMIT), "spans"),
    "get_approvals": (lambda db: db.get_approvals(**PAGE), "approvals"),
    "get_schedules": (lambda db: db.get_schedules(**PAGE), "schedules"),
    "get_schedule_runs": (lambda db: db.get_schedule_runs(SOME, **PAGE), "schedule_runs"),
    "list_learnings": (lambda db: db.list_learnings(**PAGE), "learnings"),
    "get_learnings": (lambda db: db.get_learnings(limit=LIMIT), "learnings"),
}
# Numbers about whole tables, and lists that have no page.
STATS: dict[str, Call] = {
    "get_user_memory_stats": lambda db: db.get_user_memory_stats(**PAGE),
    "get_all_memory_topics": lambda db: db.get_all_memory_topics(user_id=SOME),
    "get_trace_stats by session": lambda db: db.get_trace_stats(**PAGE),
    "get_trace_stats by agent": lambda db: db.get_trace_stats(group_by="agent", **PAGE),
    "get_span_stats": lambda db: db.get_span_stats(**PAGE),
    "get_learnings_user_stats": lambda db: db.get_learnings_user_stats(**PAGE),
    "get_pending_approval_count": lambda db: db.get_pending_approval_count(),
    "get_latest_schedule_runs": lambda db: db.get_latest_schedule_runs([SOME]),
    "get_metrics": lambda db: db.get_metrics(DAY.date(), (DAY + datetime.timedelta(days=30)).date(), user_id=SOME),
}
READS: dict[str, Call] = {**{name: call for name, (call, _) in LISTS.items()}, **STATS}


@pytest.fixture(scope="module")
def proxy(postgres_server: PostgresAccess) -> Iterator[CountingProxy]:
    with CountingProxy(postgres_server.host, postgres_server.port) as proxy:
        yield proxy


@pytest_asyncio.fixture
async def db(proxy: CountingProxy, postgres_url: str) -> AsyncIterator[Any]:
    """An empty database behind the proxy."""
    async with AsyncPostgresDb(db_url=proxy.url(postgres_url)) as database:
        yield database


async def steady(proxy: CountingProxy, call: Call, db: Any) -> Counts:
    """What the third call in a row costs."""
    for _ in range(2):
        await call(db)
    with proxy.count() as counts:
        await call(db)
    return counts


async def cost(proxy: CountingProxy, call: Call, db: Any) -> tuple[int, int]:
    """Round trips and statements of a steady call."""
    counts = await steady(proxy, call, db)
    return counts.round_trips, counts.statements


# -- one call, one round trip ---------------------------------------------------------------------------------


def session() -> AgentSession:
    data = {"session_name": "A name", "session_state": {"n": 1}}
    return AgentSession(session_id="s", agent_id="a", user_id="u", session_data=data, created_at=1_700_000_000)


def run(number: int) -> RunOutput:
    return RunOutput(run_id=f"r{number}", session_id="s", agent_id="a", user_id="u", content="Hello")


def trace() -> Trace:
    return Trace(
        trace_id="t", name="Agent.run", status="OK", start_time=NOW, end_time=NOW, duration_ms=0, total_spans=0,
        error_count=0, run_id="r1", session_id="s", user_id="u", agent_id="a", team_id=None, workflow_id=None,
        created_at=NOW,
    )  # fmt: skip


async def test_upsert_session_is_one_round_trip(proxy: CountingProxy, db: Any) -> None:
    assert await cost(proxy, lambda db: db.upsert_session(session()), db) == (1, 1)


async def test_upsert_session_that_nobody_read_is_two_round_trips(proxy: CountingProxy, db: Any) -> None:
    numbers = iter(range(10))

    async def save(db: Any) -> None:
        made = session()
        made.session_data = {"session_name": f"Name {next(numbers)}"}
        await db.upsert_session(made)

    assert await cost(proxy, save, db) == (2, 2)


async def test_upsert_session_that_others_changed_is_two_round_trips(proxy: CountingProxy, db: Any) -> None:
    numbers = iter(range(10))
    held = session()

    async def save(db: Any) -> None:
        held.session_data = {**held.session_data, "held": next(numbers)}
        await db.upsert_session(held)

    async def both(db: Any) -> None:
        other = await db.get_session("s", user_id="u")
        other.session_data["other"] = next(numbers)
        await db.upsert_session(other)

    await save(db)
    for _ in range(2):
        await both(db)
        await save(db)
    await both(db)
    with proxy.count() as counts:
        await save(db)
    assert (counts.round_trips, counts.statements) == (2, 2)
    stored = await db.get_session("s", user_id="u")
    assert {"held", "other"} <= stored.session_data.keys()


async def test_upsert_run_is_one_round_trip(proxy: CountingProxy, db: Any) -> None:
    await db.upsert_session(session())
    assert await cost(proxy, lambda db: db.upsert_run(run(1), "s", "u"), db) == (1, 1)
    numbers = iter(range(2, 10))
    assert await cost(proxy, lambda db: db.upsert_run(run(next(numbers)), "s", "u"), db) == (1, 1)


async def test_get_trace_is_one_round_trip(proxy: CountingProxy, db: Any) -> None:
    await db.upsert_trace(trace())
    assert (await db.get_trace(trace_id="t")).trace_id == "t"
    assert await cost(proxy, lambda db: db.get_trace(trace_id="t"), db) == (1, 1)
    assert await cost(proxy, lambda db: db.get_trace(run_id="r1"), db) == (1, 1)


async def test_upsert_trace_is_one_round_trip(proxy: CountingProxy, db: Any) -> None:
    assert await cost(proxy, lambda db: db.upsert_trace(trace()), db) == (1, 1)


async def test_upsert_user_memory_is_one_round_trip(proxy: CountingProxy, db: Any) -> None:
    def memory() -> UserMemory:
        return UserMemory(memory="Likes tea", memory_id="m", user_id="u", topics=["tea"])

    assert await cost(proxy, lambda db: db.upsert_user_memory(memory()), db) == (1, 1)


@pytest.mark.parametrize("runs_limit", [None, 3])
async def test_get_session_is_two_round_trips_at_most(proxy: CountingProxy, db: Any, runs_limit: int | None) -> None:
    await db.upsert_session(session())
    for number in range(5):
        await db.upsert_run(run(number), "s", "u")

    async def get(db: Any) -> None:
        found = await db.get_session("s", user_id="u", runs_limit=runs_limit)
        assert [stored.run_id for stored in found.runs] == [f"r{n}" for n in range(5)][-(runs_limit or 5) :]

    assert max(await cost(proxy, get, db)) <= 2


# -- lists ----------------------------------------------------------------------------------------------------


@contextmanager
def filled(server: PostgresAccess, rows: int) -> Iterator[str]:
    """The URL of a database with that many rows in each table."""
    name = f"agnodb_wire_{uuid.uuid4().hex[:12]}"
    url = server.create_database(name)
    asyncio.run(_create_tables(url))
    with psycopg.connect(url, autocommit=True) as connection:
        # No two rows share a value: a page and what belongs to it are the same in every database.
        for statement in fill("postgresql", rows, distinct=LARGE):
            connection.execute(statement.encode())
        connection.execute("ANALYZE")
    yield url
    server.drop_database(name)


async def _create_tables(url: str) -> None:
    async with AsyncPostgresDb(db_url=url) as database:
        await database.create_tables()


@pytest.fixture(scope="module")
def small_url(postgres_server: PostgresAccess) -> Iterator[str]:
    with filled(postgres_server, SMALL) as url:
        yield url


@pytest.fixture(scope="module")
def large_url(postgres_server: PostgresAccess) -> Iterator[str]:
    with filled(postgres_server, LARGE) as url:
        yield url


@pytest.mark.parametrize("name", READS)
async def test_a_page_is_two_round_trips_at_most(proxy: CountingProxy, large_url: str, name: str) -> None:
    async with AsyncPostgresDb(db_url=proxy.url(large_url)) as db:
        round_trips, statements = await cost(proxy, READS[name], db)
    assert 1 <= round_trips <= 2
    assert statements == round_trips


async def test_a_page_of_sessions_with_their_runs_is_one_statement(proxy: CountingProxy, large_url: str) -> None:
    async with AsyncPostgresDb(db_url=proxy.url(large_url)) as db:
        assert await cost(proxy, lambda db: db.get_sessions(limit=20, page=2, deserialize=False), db) == (1, 1)


@pytest.mark.parametrize("name", LISTS)
async def test_a_page_is_cut_by_the_database(proxy: CountingProxy, large_url: str, name: str) -> None:
    call, table = LISTS[name]
    async with AsyncPostgresDb(db_url=proxy.url(large_url)) as db:
        await db.get_run("none")
        # The text of a statement is sent once, by the first call.
        with proxy.count() as counts:
            given = await call(db)
    rows = given[0] if isinstance(given, tuple) else given
    assert len(rows) == (1 if table == "schedule_runs" else LIMIT)
    reads = [text for text in counts.texts if f"FROM ai.agno_{table} " in " ".join(text.split()) + " "]
    assert reads
    assert all("LIMIT" in text for text in reads)


@pytest.mark.parametrize("name", READS)
async def test_what_is_read_does_not_grow_with_the_table(
    proxy: CountingProxy, small_url: str, large_url: str, name: str
) -> None:
    read = []
    for url in (small_url, large_url):
        async with AsyncPostgresDb(db_url=proxy.url(url)) as db:
            counts = await steady(proxy, READS[name], db)
            read.append(counts.bytes_down)
    assert read[1] <= read[0] * 1.1


@pytest.mark.parametrize("size", [20_000, 50])
async def test_a_turn_reads_what_changed_however_long_the_conversation(
    proxy: CountingProxy, postgres_url: str, size: int
) -> None:
    """A steady read, one after a new run and one after the last run was saved again are one statement each."""
    reads: list[list[tuple[int, int]]] = []
    async with AsyncPostgresDb(db_url=proxy.url(postgres_url)) as db:
        await db.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))

        async def save(number: int, letter: str = "x", to: Any = db) -> None:
            made = RunOutput(run_id=f"r{number:04}", session_id="s", agent_id="a", user_id="u", content=letter * size)
            await to.upsert_run(made, "s", "u")

        stored = 0
        for length in (10, 100 if size > 1000 else 1000):
            async with db.transaction() as tx:
                for number in range(stored, length):
                    await save(number, to=tx)
            for _ in range(7):  # until statements are planned once and for all
                await db.get_session("s", user_id="u")
            costs = []
            for letter in ("", "x", "y"):
                if letter:
                    await save(length, letter)
                with proxy.count() as counts:
                    found = await db.get_session("s", user_id="u")
                assert (counts.round_trips, counts.statements) == (1, 1)
                assert len(found.runs) == length + bool(letter)
                assert not letter or found.runs[-1].content == letter * size
                costs.append((counts.bytes_up, counts.bytes_down))
            reads.append(costs)
            stored = length + 1
    for short, long in zip(*reads, strict=True):
        assert abs(long[0] - short[0]) < 64
        assert abs(long[1] - short[1]) < 64
    steady_up, steady_down = reads[1][0]
    assert max(steady_up, steady_down) < 1000
    assert max(down for _, down in reads[1]) < 1000 + 2 * size


async def test_a_read_after_a_change_of_an_old_run_is_three_round_trips(proxy: CountingProxy, db: Any) -> None:
    await db.upsert_session(session())
    for number in range(20):
        await db.upsert_run(run(number), "s", "u")
    await steady(proxy, lambda db: db.get_session("s", user_id="u"), db)
    await db.upsert_run(run(2), "s", "u")
    await db.get_session("s", user_id="u")  # what is asked after such a change is prepared
    for change in (lambda: db.upsert_run(run(3), "s", "u"), lambda: db.delete_run("r5")):
        await steady(proxy, lambda db: db.get_session("s", user_id="u"), db)
        await change()
        with proxy.count() as counts:
            await db.get_session("s", user_id="u")
        assert (counts.round_trips, counts.statements) == (3, 3)
        assert await cost(proxy, lambda db: db.get_session("s", user_id="u"), db) == (1, 1)
