"""One AgentOS over several databases: each component's rows are where they belong, and nowhere else."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from agno.agent import Agent
from agno.knowledge import Knowledge
from agno.knowledge.embedder.base import Embedder
from agno.os import AgentOS
from agno.team import Team
from agno.vectordb.pgvector import PgVector
from agno.workflow import Step, Workflow
from httpx import ASGITransport, AsyncClient
from psycopg import sql
from typer.testing import CliRunner

from agnodb import AsyncPostgresDb, AsyncSqliteDb, PostgresDb, SqliteDb
from agnodb.cli import app as command_line
from agnodb.demo.model import OfflineModel
from agnodb.testing.servers import PostgresAccess

sys.path.append(str(Path(__file__).parents[1] / "agno"))  # the helpers of the tests against agno

from agents import refund_order
from asking import good, listing

OWNED = (
    "agno_sessions", "agno_runs", "agno_memories", "agno_approvals", "agno_schedules", "agno_knowledge",
    "agno_learnings", "agno_eval_runs",
)  # fmt: skip


@dataclass(frozen=True)
class Corner:
    """Where one component keeps its data, looked at from outside."""

    url: str
    schema: str = "ai"

    def column(self, table: str, name: str) -> list[Any]:
        """The values of a column, sorted."""
        if self.url.startswith("sqlite"):
            with sqlite3.connect(self.url.removeprefix("sqlite:///")) as connection:
                rows = connection.execute(f"SELECT {name} FROM {table}").fetchall()
        else:
            query = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(name), sql.Identifier(self.schema, table))
            with psycopg.connect(self.url) as connection:
                rows = connection.execute(query).fetchall()
        return sorted(row[0] for row in rows)

    def kept(self) -> dict[str, int]:
        """The number of rows of each table that has some."""
        counts = {table: len(self.column(table, "created_at")) for table in OWNED}
        return {table: count for table, count in counts.items() if count}


@dataclass
class Split:
    """The databases of one AgentOS: `shared` is its own."""

    corners: dict[str, Corner]
    sync: bool
    dbs: dict[str, Any] = field(default_factory=dict)

    def open(self) -> None:
        for name, corner in self.corners.items():
            if corner.url.startswith("sqlite"):
                self.dbs[name] = (SqliteDb if self.sync else AsyncSqliteDb)(db_url=corner.url)
            else:
                kind: Any = PostgresDb if self.sync else AsyncPostgresDb
                self.dbs[name] = kind(db_url=corner.url, db_schema=corner.schema)

    async def close(self) -> None:
        for db in self.dbs.values():
            db.close() if self.sync else await db.close()


@pytest.fixture
def other_url(postgres_server: PostgresAccess, postgres_url: str) -> Iterator[str]:
    """A second database on the server."""
    name = f"{postgres_url.rpartition('/')[2]}_b"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=["async", "sync"])
async def split(
    request: pytest.FixtureRequest, postgres_url: str, other_url: str, sqlite_url: str
) -> AsyncIterator[Split]:
    """An agent on another database of the server, a team in another schema, a workflow in a SQLite file."""
    corners = {
        "shared": Corner(postgres_url),
        "tenant": Corner(other_url),
        "team": Corner(postgres_url, "Team-A"),
        "flow": Corner(sqlite_url),
    }
    made = Split(corners, sync=request.param == "sync")
    made.open()
    yield made
    await made.close()


def agent(name: str, **settings: Any) -> Agent:
    return Agent(id=name, name=name, model=OfflineModel(), telemetry=False, add_history_to_context=True, **settings)


@asynccontextmanager
async def served(system: AgentOS) -> AsyncIterator[AsyncClient]:
    app = system.get_app()
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://os") as client:
        yield client


@pytest.fixture
async def api(split: Split) -> AsyncIterator[AsyncClient]:
    """The AgentOS; all its databases are empty and get their tables at once."""
    dbs = split.dbs
    flow = Workflow(id="flow", name="flow", steps=[Step(name="s", agent=agent("stepper"))], db=dbs["flow"])
    desk = Team(id="desk", name="desk", model=OfflineModel(), members=[agent("m1")], db=dbs["team"], telemetry=False)
    system = AgentOS(
        agents=[agent("ops", db=dbs["shared"]), agent("support", db=dbs["tenant"], tools=[refund_order])],
        teams=[desk],
        workflows=[flow],
        db=dbs["shared"],
        telemetry=False,
    )
    async with served(system) as client:
        yield client


ROUTES = {"shared": "/agents/ops", "tenant": "/agents/support", "team": "/teams/desk", "flow": "/workflows/flow"}
TYPES = {"shared": "agent", "tenant": "agent", "team": "team", "flow": "workflow"}


async def say(api: AsyncClient, name: str, message: str) -> Any:
    form = {"message": message, "stream": "false", "session_id": f"s-{name}", "user_id": "alice"}
    return good(await api.post(f"{ROUTES[name]}/runs", data=form))


async def test_rows_are_where_they_belong(api: AsyncClient, split: Split) -> None:
    for _ in range(2):
        for name in ROUTES:
            await say(api, name, "my name is alice")
    for name, corner in split.corners.items():
        assert corner.column("agno_sessions", "session_id") == [f"s-{name}"]
        assert set(corner.column("agno_runs", "session_id")) == {f"s-{name}"}
        assert set(corner.kept()) == {"agno_sessions", "agno_runs"}
    assert len({db.id for db in split.dbs.values()}) == 4


async def test_what_a_component_leaves_besides_its_runs(api: AsyncClient, split: Split) -> None:
    dbs, corners = split.dbs, split.corners
    paused = await say(api, "tenant", "refund_order with order A-17")
    assert paused["status"] == "PAUSED"
    for name in corners:
        body = {"memory": f"of {name}", "topics": [], "user_id": "alice"}
        good(await api.post("/memories", params={"db_id": dbs[name].id}, json=body))
    schedule = {"name": "daily", "cron_expr": "0 9 * * *", "endpoint": "/agents/ops/runs", "payload": {"message": "x"}}
    good(await api.post("/schedules", json=schedule))
    assert corners["tenant"].column("agno_approvals", "tool_name") == ["refund_order"]
    kept = {name: set(corner.kept()) for name, corner in corners.items()}
    assert kept == {
        "shared": {"agno_memories", "agno_schedules"},  # the AgentOS's own state
        "tenant": {"agno_sessions", "agno_runs", "agno_approvals", "agno_memories"},
        "team": {"agno_memories"},
        "flow": {"agno_memories"},
    }
    for name in corners:
        found, _ = await listing(api, "/memories", db_id=dbs[name].id)
        assert [memory["memory"] for memory in found] == [f"of {name}"]


async def test_db_id_leads_to_each(api: AsyncClient, split: Split) -> None:
    for name in ROUTES:
        await say(api, name, "my name is alice")
    for name, db in split.dbs.items():
        where = {"db_id": db.id, "type": TYPES[name]}
        sessions, meta = await listing(api, "/sessions", **where)
        assert ([s["session_id"] for s in sessions], meta["total_count"]) == ([f"s-{name}"], 1)
        assert len(good(await api.get(f"/sessions/s-{name}/runs", params=where))) == 1
        for other in set(ROUTES) - {name}:
            assert (await api.get(f"/sessions/s-{other}", params=where)).status_code == 404
        renamed = {"session_name": f"name of {name}"}
        good(await api.post(f"/sessions/s-{name}/rename", params=where, json=renamed))
        good(await api.post("/metrics/refresh", params={"db_id": db.id}))
        assert good(await api.get("/metrics", params={"db_id": db.id}))["metrics"]
    good(await api.delete("/sessions/s-tenant", params={"db_id": split.dbs["tenant"].id}))
    assert split.corners["tenant"].kept() == {}
    assert [len(c.column("agno_sessions", "session_id")) for c in split.corners.values()] == [1, 0, 1, 1]
    assert (await api.get("/sessions")).status_code == 400  # agno asks which
    assert (await api.get("/sessions", params={"db_id": "nobody's"})).status_code == 404


async def test_one_that_is_down_leaves_the_others_alone(api: AsyncClient, split: Split) -> None:
    for name in ROUTES:
        await say(api, name, "my name is alice")
    with psycopg.connect(split.corners["shared"].url, autocommit=True) as connection:
        connection.execute('ALTER SCHEMA "Team-A" RENAME TO gone')
    assert (await api.get("/sessions", params={"db_id": split.dbs["team"].id, "type": "team"})).status_code == 503
    for name in ("shared", "tenant", "flow"):
        assert (await say(api, name, "what is my name?"))["status"] == "COMPLETED"


# -- the two examples of agno's own documentation ----------------------------------------------------------------


@pytest.mark.parametrize("kind", [AsyncPostgresDb, PostgresDb])
async def test_shared_and_tenant(kind: Any, postgres_url: str, other_url: str) -> None:
    shared_db = kind(db_url=postgres_url)
    tenant_db = kind(db_url=other_url)

    tenant_agent = Agent(name="tenant-a-support", db=tenant_db, model=OfflineModel(), telemetry=False)
    internal_agent = Agent(name="ops", db=shared_db, model=OfflineModel(), telemetry=False)

    agent_os = AgentOS(
        agents=[tenant_agent, internal_agent],
        db=shared_db,
        telemetry=False,
    )
    async with served(agent_os) as api:
        for name in ("tenant-a-support", "ops"):
            form = {"message": "hello", "stream": "false", "session_id": name, "user_id": "alice"}
            good(await api.post(f"/agents/{name}/runs", data=form))
    assert Corner(postgres_url).column("agno_sessions", "session_id") == ["ops"]
    assert Corner(other_url).column("agno_sessions", "session_id") == ["tenant-a-support"]
    for db in (shared_db, tenant_db):
        if kind is PostgresDb:
            db.close()
        else:
            await db.close()


WORDS = ("refund", "days", "shipping", "free", "tea", "harbour")


@dataclass
class WordEmbedder(Embedder):
    """Counts a few words: near is what shares them."""

    dimensions: int | None = len(WORDS)

    def get_embedding(self, text: str) -> list[float]:
        return [text.lower().count(word) + 0.01 for word in WORDS]

    def get_embedding_and_usage(self, text: str) -> tuple[list[float], dict[str, Any] | None]:
        return self.get_embedding(text), None

    async def async_get_embedding(self, text: str) -> list[float]:
        return self.get_embedding(text)

    async def async_get_embedding_and_usage(self, text: str) -> tuple[list[float], dict[str, Any] | None]:
        return self.get_embedding(text), None


@pytest.mark.parametrize("kind", [AsyncPostgresDb, PostgresDb])
async def test_vectors_beside_it(kind: Any, postgres_url: str) -> None:
    DB_URL = postgres_url.replace("postgresql://", "postgresql+psycopg://")  # what agno's PgVector takes, for both
    db = kind(db_url=DB_URL)
    knowledge = Knowledge(
        contents_db=db,
        vector_db=PgVector(table_name="my_kb", db_url=DB_URL, search_type="hybrid", embedder=WordEmbedder()),
    )
    helper = Agent(
        id="helper", db=db, model=OfflineModel(), telemetry=False, knowledge=knowledge, search_knowledge=True
    )
    for name, text in (("refunds", "A refund takes 14 days."), ("shipping", "Shipping is free from 50 euro.")):
        await knowledge.ainsert(name=name, text_content=text)
    async with served(AgentOS(agents=[helper], knowledge=[knowledge], db=db, telemetry=False)) as api:
        form = {"message": "search_knowledge_base with query refund", "stream": "false", "session_id": "s"}
        answer = good(await api.post("/agents/helper/runs", data=form))
        assert "14 days" in answer["content"]
        contents, _ = await listing(api, "/knowledge/content")
        assert sorted((c["name"], c["status"]) for c in contents) == [
            ("refunds", "completed"), ("shipping", "completed"),
        ]  # fmt: skip
    corner = Corner(postgres_url)
    assert corner.column("agno_knowledge", "name") == ["refunds", "shipping"]
    assert corner.column("my_kb", "name") == ["refunds", "shipping"]
    assert corner.column("agno_sessions", "session_id") == ["s"]
    checked = await asyncio.to_thread(CliRunner().invoke, command_line, ["check", "--url", postgres_url])
    assert checked.exit_code == 0, checked.output  # somebody else's table in the schema is no drift
    if kind is PostgresDb:
        db.close()
    else:
        await db.close()
