"""FastAPI with agnodb's repositories and records, without agno: `uvicorn fastapi_app:app`."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from agnodb import AgnoDbError, AsyncPostgresDb, NotFoundError
from agnodb.filters import Page
from agnodb.records import RunRecord, SessionRecord


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncPostgresDb(db_url=os.environ["AGNODB_URL"]) as db:
        await db.create_tables()  # a database that is not there stops the server here, not its first caller
        app.state.db = db
        yield


app = FastAPI(lifespan=lifespan)


@app.exception_handler(AgnoDbError)
async def database_error(_request: Request, error: AgnoDbError) -> JSONResponse:
    # Made to be shown: no host, user, SQL or value is in it. What the driver said is in `error.detail`.
    return JSONResponse({"detail": str(error)}, error.status_code)


def database(request: Request) -> AsyncPostgresDb:
    found: AsyncPostgresDb = request.app.state.db
    return found


Database = Annotated[AsyncPostgresDb, Depends(database)]


class Turn(BaseModel):
    user_id: str
    text: str


@app.post("/sessions/{session_id}/turns", status_code=201)
async def add_turn(session_id: str, turn: Turn, db: Database) -> dict[str, Any]:
    run_id = uuid.uuid4().hex
    async with db.transaction() as tx:  # both or neither
        await tx.sessions.upsert(SessionRecord(session_id=session_id, session_type="agent", user_id=turn.user_id))
        run = RunRecord(
            run_id=run_id, session_id=session_id, run_type="agent", user_id=turn.user_id, run_data={"text": turn.text}
        )
        await tx.runs.upsert(run)
    return {"run_id": run_id}


@app.get("/sessions/{session_id}")
async def get_session(session_id: str, db: Database) -> dict[str, Any]:
    session = await db.sessions.get(session_id)
    if session is None:
        raise NotFoundError
    runs = await db.runs.of_session(session_id)
    return {"user_id": session.user_id, "turns": [run["text"] for run in runs]}


@app.get("/users/{user_id}/sessions")
async def list_sessions(user_id: str, db: Database, page: int = 1, limit: int = 20) -> dict[str, Any]:
    sessions, total = await db.sessions.page(Page(page=page, limit=limit), user_id=user_id)
    return {"sessions": [session.session_id for session in sessions], "total": total}
