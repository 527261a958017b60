"""What a transaction gives is typed like the database: code can be written once for both."""

from typing import reveal_type

from agnodb import AsyncSqliteDb
from agnodb.contracts.repositories import Repositories
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord


async def save(repositories: Repositories, session: SessionRecord, run: RunRecord) -> int | None:
    await repositories.sessions.upsert(session)
    return (await repositories.runs.upsert(run)).run_index


async def main(session: SessionRecord, run: RunRecord) -> None:
    db = AsyncSqliteDb(db_url="sqlite://")
    async with db.transaction() as tx:
        reveal_type(tx)  # reveals: agnodb.databases.transactions.Transaction
        reveal_type(await tx.sessions.get("s"))  # reveals: agnodb.records.sessions.SessionRecord | None
        await save(tx, session, run)
    await save(db, session, run)
    await save(db.repositories, session, run)
    await db.close()
