"""A schedule that is claimed, and run by an AgentOS over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator

import uvicorn
from agno.os import AgentOS
from agno.scheduler import ScheduleExecutor, ScheduleManager

from agnodb.demo.conversations import CONCIERGE, concierge
from agnodb.demo.stage import Stage, check, open_database

WORKER = "demo-worker"
FIRST_OF_ALL = 1
"""A time to run at that is before that of any other schedule in the database."""


async def report_is_scheduled(stage: Stage) -> None:
    """agno's ScheduleManager makes a schedule; a worker claims it and calls its endpoint."""
    stage.heading("A schedule: claimed by a worker, run by AgentOS over HTTP")
    schedule = await ScheduleManager(stage.db).acreate(
        name=stage.id("Morning report"),
        cron="0 9 * * 1-5",
        endpoint=f"/agents/{CONCIERGE}/runs",
        description="What came in over night",
        payload={"message": "What is 6 * 7?", "session_id": stage.id("alice-report")},
        user_id="alice",
    )
    await stage.db.update_schedule(schedule.id, next_run_at=FIRST_OF_ALL)
    claimed = await stage.db.claim_due_schedule(WORKER)
    check(claimed is not None, "a schedule is due")
    assert claimed is not None
    if claimed["id"] != schedule.id:
        await stage.db.release_schedule(claimed["id"], next_run_at=claimed["next_run_at"])
    check(claimed["id"] == schedule.id and claimed["locked_by"] == WORKER, f"our schedule is claimed ({claimed})")

    async with server(stage) as (base_url, token):
        executor = ScheduleExecutor(base_url=base_url, internal_service_token=token, poll_interval=1)
        try:
            await executor.execute(claimed, stage.db)
        finally:
            await executor.close()

    runs, total = await stage.db.get_schedule_runs(schedule.id)
    check(total == 1 and runs[0]["status"] == "success", f"the schedule ran once, with success ({runs})")
    run = await stage.db.get_run(runs[0]["run_id"])
    check(run is not None and "42" in str(run.content), "the run that it started is stored")
    released = await stage.db.get_schedule(schedule.id)
    check(released is not None and released["locked_by"] is None, "the schedule is released")
    took = (runs[0]["completed_at"] or int(time.time())) - runs[0]["triggered_at"]
    stage.note(f"HTTP {runs[0]['status_code']} in {took} s: {run.content}")


@contextlib.asynccontextmanager
async def server(stage: Stage) -> AsyncIterator[tuple[str, str]]:
    """An AgentOS under uvicorn on a free port: its URL and the token of its scheduler."""
    token = secrets.token_urlsafe(16)
    db = open_database(stage.url)  # AgentOS closes its database when it ends
    agent = concierge(stage)
    agent.db = db
    system = AgentOS(agents=[agent], db=db, internal_service_token=token, telemetry=False)
    uvicorn_server = uvicorn.Server(uvicorn.Config(system.get_app(), log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(uvicorn_server.serve(sockets=[listening]))
        while not uvicorn_server.started:
            check(not serving.done(), "the server starts")
            await asyncio.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", token
        finally:
            uvicorn_server.should_exit = True
            await serving
            await db.close()
