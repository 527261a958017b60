"""Every marked line is wrong, and a type checker says so."""

from agno.agent import Agent

from agnodb import AsyncPostgresDb, AsyncSqliteDb
from agnodb.filters import Page
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord

AsyncPostgresDb(db_url=5432)  # error: arg-type
AsyncPostgresDb(url="postgresql://localhost/agno")  # error: call-arg
AsyncSqliteDb(session_table=None, create_schema="yes")  # error: arg-type
Agent(db="postgresql://localhost/agno")  # error: arg-type
SessionRecord(session_id="s")  # error: call-arg
RunRecord(run_id="r", session_id="s", run_type="agent", run_data={}, run_index="0")  # error: arg-type
Page(limit="10")  # error: arg-type


async def main(db: AsyncSqliteDb) -> None:
    await db.sessions.get(7)  # error: arg-type
    _ = (await db.sessions.get("s")).user_id  # error: union-attr
    await db.sessions.upsert({"session_id": "s"})  # error: arg-type
    await db.sessions.page()  # error: call-arg
    db.sessions.get("s")  # error: unused-coroutine
    await db.conversations.get("s")  # error: attr-defined
    _ = db.transaction().sessions  # error: attr-defined
    async with db.transaction() as tx:
        await tx.runs.upsert(SessionRecord(session_id="s", session_type="agent"))  # error: arg-type
        await tx.close()  # error: attr-defined
    with db:  # error: attr-defined
        pass
