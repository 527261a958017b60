"""The repositories take and give records."""

from typing import reveal_type

from agnodb import AsyncPostgresDb, OwnershipError
from agnodb.filters import Page
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord


async def main(url: str) -> None:
    async with AsyncPostgresDb(db_url=url) as db:
        reveal_type(db)  # reveals: agnodb.databases.postgres.AsyncPostgresDb
        reveal_type(db.id)  # reveals: str
        session = SessionRecord(session_id="s", session_type="agent", user_id="alice", session_data={"n": 1})
        reveal_type(await db.sessions.upsert(session))  # reveals: agnodb.records.sessions.SessionRecord
        reveal_type(await db.sessions.get("s"))  # reveals: agnodb.records.sessions.SessionRecord | None
        sessions, total = await db.sessions.page(Page(limit=10, page=1), user_id="alice", name="Lis")
        reveal_type(sessions)  # reveals: list[agnodb.records.sessions.SessionRecord]
        reveal_type(total)  # reveals: int
        reveal_type(await db.sessions.delete_many({"s", "t"}))  # reveals: int
        run = await db.runs.upsert(RunRecord(run_id="r", session_id="s", run_type="agent", run_data={}))
        reveal_type(run.run_index)  # reveals: int | None
        reveal_type(await db.memories.get("m"))  # reveals: agnodb.records.memories.MemoryRecord | None
        reveal_type(await db.knowledge.get("k"))  # reveals: agnodb.records.knowledge.KnowledgeRecord | None
        reveal_type(await db.eval_runs.get("e"))  # reveals: agnodb.records.eval_runs.EvalRunRecord | None
        try:
            await db.sessions.upsert(session)
        except OwnershipError as error:
            reveal_type(error.status_code)  # reveals: int
            reveal_type(error.detail)  # reveals: str | None
