"""The sync twins: the same names, and what they give is there at once."""

from typing import Any, reveal_type

from agno.agent import Agent
from agno.db.base import BaseDb
from agno.os import AgentOS
from agno.team import Team
from agno.workflow import Workflow
from sqlalchemy import create_engine

from agnodb import PostgresDb, SqliteDb
from agnodb.databases.sync_methods import SyncRepositories
from agnodb.filters import Page
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord

db = PostgresDb(db_url="postgresql://user:password@localhost:5432/agno")
sqlite = SqliteDb(db_file="agno.db", session_table="chats")
engine = PostgresDb(db_engine=create_engine("postgresql+psycopg://user:password@localhost/agno"))

agent = Agent(db=PostgresDb(db_url="postgresql://user:pass@host:5432/agno"))
team = Team(members=[agent, Agent(db=sqlite)], db=engine)
workflow = Workflow(name="w", db=sqlite)
app = AgentOS(agents=[agent], teams=[team], workflows=[workflow], db=db).get_app()
base: BaseDb = sqlite


def flat(db: PostgresDb | SqliteDb, session: Any) -> None:
    reveal_type(db.upsert_session(session))  # reveals: Any
    reveal_type(db.delete_session("s"))  # reveals: bool
    reveal_type(db.get_schedule("s", user_id="alice"))  # reveals: dict[str, Any] | None
    reveal_type(db.get_traces(limit=3))  # reveals: tuple[list[Any], int]
    reveal_type(db.calculate_metrics())  # reveals: list[dict[str, Any]] | None
    reveal_type(db.get_all_memory_topics())  # reveals: list[str]


def save(repositories: SyncRepositories, session: SessionRecord, run: RunRecord) -> int | None:
    repositories.sessions.upsert(session)
    return repositories.runs.upsert(run).run_index


def repositories(session: SessionRecord, run: RunRecord) -> SessionRecord:
    with SqliteDb(db_url="sqlite://") as db:
        reveal_type(db)  # reveals: agnodb.databases.sqlite.SqliteDb
        reveal_type(db.sessions.get("x"))  # reveals: agnodb.records.sessions.SessionRecord | None
        sessions, total = db.sessions.page(Page(limit=10, page=1), user_id="alice", name="Lis")
        reveal_type(sessions)  # reveals: list[agnodb.records.sessions.SessionRecord]
        reveal_type(total)  # reveals: int
        reveal_type(db.memories.topics())  # reveals: list[str]
        save(db, session, run)
        save(db.repositories, session, run)
        with db.transaction() as tx:
            reveal_type(tx)  # reveals: agnodb.databases.sync_methods.SyncTransaction
            reveal_type(tx.runs.upsert(run).run_index)  # reveals: int | None
            save(tx, session, run)
            return tx.sessions.upsert(session)


def wrong(db: PostgresDb, session: SessionRecord) -> None:
    db.sessions.get(7)  # error: arg-type
    _ = db.sessions.get("s").user_id  # error: union-attr
    db.sessions.page()  # error: call-arg
    db.sessions.execute()  # error: attr-defined
    db.conversations.get("s")  # error: attr-defined
    db.get_session()  # error: call-arg
    db.delete_session(session_id=3)  # error: arg-type
    _ = db.transaction().sessions  # error: attr-defined
    with db.transaction() as tx:
        tx.runs.upsert(session)  # error: arg-type
        tx.close()  # error: attr-defined
    PostgresDb(db_engine="postgresql://localhost/agno")  # error: arg-type
    SqliteDb(url="sqlite://")  # error: call-arg


async def awaited(db: PostgresDb) -> None:
    await db.sessions.delete("s")  # error: misc
    async with db.transaction() as tx:  # error: attr-defined
        await tx.sessions.delete("s")
