"""A server moves from agno's own adapter to agnodb, on the same database: it boots, and everything is there.

How tables are adopted is tested with the migrations; here it is what AgentOS shows over HTTP, before and after.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from agno.knowledge import Knowledge
from agno.os import AgentOS
from httpx import ASGITransport, AsyncClient
from typer.testing import CliRunner

from agnodb import AsyncPostgresDb, AsyncSqliteDb, PostgresDb, SchemaOutdatedError, SqliteDb
from agnodb.cli import app as command_line

sys.path.append(str(Path(__file__).parents[1] / "agno"))  # the helpers of the tests against agno

from agents import helper, refund_order
from asking import ask, good
from objects import write_all
from places import TABLES, Place

LISTS = [
    *(f"/sessions?type={kind}&limit=50" for kind in ("agent", "team", "workflow")),
    *(f"/sessions/{id}" for id in ("xa?type=agent", "xt?type=team", "xw?type=workflow", "talk?type=agent")),
    *(f"/sessions/{id}" for id in ("xa/runs?type=agent", "xt/runs?type=team", "xw/runs?type=workflow", "talk/runs")),
    "/memories?limit=50", "/memories/xm?user_id=alice", "/memory_topics", "/user_memory_stats",
    "/knowledge/content?limit=50", "/eval-runs?limit=50", "/traces?limit=50", "/traces/xtr",
    "/approvals?limit=50", "/approvals/xp", "/schedules?limit=50", "/schedules/xc", "/schedules/xc/runs",
    "/learnings?limit=50", "/metrics",
]  # fmt: skip


@pytest.fixture(params=["postgresql", "sqlite"])
def place(request: pytest.FixtureRequest) -> Place:
    fixture = "postgres_url" if request.param == "postgresql" else "sqlite_url"
    return Place(request.param, request.getfixturevalue(fixture))


@asynccontextmanager
async def served(db: Any) -> AsyncIterator[AsyncClient]:
    knowledge = Knowledge(name="books", contents_db=db)
    system = AgentOS(agents=[helper(db, tools=[refund_order])], knowledge=[knowledge], db=db, telemetry=False)
    app = system.get_app()
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://os") as client:
        yield client


async def agno_server_was_here(place: Place) -> dict[str, Any]:
    """Fill the database by agno's own adapter, by hand and through an AgentOS; what its routes say at the end."""
    theirs = place.agnos(id="one")
    await theirs._create_all_tables()
    await write_all(theirs, "x")
    async with served(theirs) as api:
        await ask(api, "my name is alice", "talk")
        await ask(api, "I like tea", "talk")
        good(await api.post("/metrics/refresh"))
        said = await everything(api)
    await theirs.close()
    return said


async def everything(api: AsyncClient) -> dict[str, Any]:
    said = {path: good(await api.get(path)) for path in LISTS}
    said["/memory_topics"].sort()  # agno's have no order
    return said


def ours(place: Place, *, sync: bool, **arguments: Any) -> Any:
    kinds = (PostgresDb, SqliteDb) if sync else (AsyncPostgresDb, AsyncSqliteDb)
    return kinds[place.kind == "sqlite"](db_url=place.url, **arguments)


async def close(db: Any) -> None:
    done = db.close()
    if asyncio.iscoroutine(done):
        await done


def alike(mine: Any, theirs: Any, path: str) -> list[str]:
    """Where two answers differ, but for times: the day's metrics are made anew whenever they are asked for."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        keys = (mine.keys() | theirs.keys()) - {"search_time_ms", *(["updated_at"] if "/metrics" in path else [])}
        return [x for key in sorted(keys) for x in alike(mine.get(key), theirs.get(key), f"{path}.{key}")]
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        return [x for n, pair in enumerate(zip(mine, theirs, strict=True)) for x in alike(*pair, f"{path}[{n}]")]
    return [] if mine == theirs else [f"{path}: {mine!r} is not {theirs!r}"]


@pytest.mark.parametrize("how", ["first boot", "first boot, sync", "upgrade"])
async def test_a_server_goes_on_where_agnos_adapter_stopped(place: Place, how: str) -> None:
    before = await agno_server_was_here(place)
    stored = place.bytes_of(*TABLES)
    if how == "upgrade":
        done = await asyncio.to_thread(CliRunner().invoke, command_line, ["upgrade", "--url", place.url])
        assert done.exit_code == 0, done.output
    db = ours(place, sync="sync" in how, id="one", create_schema=how != "upgrade")
    async with served(db) as api:
        assert (await db_sessions(db)) >= 4  # the tables are adopted by now, if not earlier
        assert changed(stored, place.bytes_of(*TABLES)) == []
        assert alike(await everything(api), before, "") == []
        assert (await ask(api, "what is my name?", "talk"))["content"] == "Your name is alice."
        runs = good(await api.get("/sessions/talk/runs"))
        assert [run["run_input"] for run in runs] == ["my name is alice", "I like tea", "what is my name?"]
    await close(db)
    checked = await asyncio.to_thread(CliRunner().invoke, command_line, ["check", "--url", place.url])
    assert checked.exit_code == 0, checked.output


async def db_sessions(db: Any) -> int:
    answer = db.get_sessions(deserialize=False)
    _, total = await answer if asyncio.iscoroutine(answer) else answer
    return int(total)


def changed(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    """The tables whose rows are not what they were, but for empty columns of ours at the end of each session."""
    added = {
        "agno_sessions": (
            ", 'agnodb_row_version': None, 'agnodb_run_counter': None, 'agnodb_recent_writes': None}",
            ",,,)",
        )
    }

    def bare(table: str, row: str) -> str:
        for end in added.get(table, ()):
            row = row.removesuffix(end)
        return row.rstrip("})")

    return [t for t, rows in before.items() if sorted(bare(t, r) for r in rows) != sorted(bare(t, r) for r in after[t])]


async def test_several_servers_adopt_at_once(place: Place) -> None:
    await agno_server_was_here(place)
    stored = place.bytes_of("agno_runs", "agno_memories", "agno_spans")
    dbs = [ours(place, sync=False) for _ in range(5)]
    sessions = await asyncio.gather(*(db.sessions.get("talk") for db in dbs))
    assert [session.session_id for session in sessions if session] == ["talk"] * 5
    assert place.bytes_of("agno_runs", "agno_memories", "agno_spans") == stored
    for db in dbs:
        await db.close()


async def test_an_older_shape_is_refused_and_agno_goes_on(place: Place) -> None:
    before = await agno_server_was_here(place)
    place.execute("UPDATE agno_schema_versions SET version = '2.5.6' WHERE table_name = 'agno_memories'")
    shape, stored = place.shape(), place.bytes_of(*TABLES)
    db = ours(place, sync=False)
    for _ in range(2):
        with pytest.raises(SchemaOutdatedError, match="agnodb adopt"):
            await db.sessions.get("talk")
    async with served(db) as api:  # it boots, and says what is wrong
        answer = await api.get("/sessions?type=agent")
        assert answer.status_code == 503
        assert "already exists" not in answer.text
    await db.close()
    done = await asyncio.to_thread(CliRunner().invoke, command_line, ["upgrade", "--url", place.url])
    assert (done.exit_code, "agnodb adopt" in done.stderr) == (2, True)
    assert (place.shape(), place.bytes_of(*TABLES)) == (shape, stored)
    theirs = place.agnos(id="one")
    async with served(theirs) as api:
        assert good(await api.get("/sessions/talk/runs")) == before["/sessions/talk/runs"]
    await theirs.close()
