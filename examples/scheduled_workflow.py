"""A workflow on a schedule. However many workers look, one of them claims what is due, and runs it once."""

import asyncio
import time

from agno.agent import Agent
from agno.scheduler import ScheduleManager
from agno.workflow import Step, Workflow
from place import open_database

from agnodb.demo.model import OfflineModel


def report(db: object) -> Workflow:
    """Two steps, one after the other."""
    steps = [
        Step(name=name, agent=Agent(id=name, name=name, model=OfflineModel(), telemetry=False))
        for name in ("collect", "write")
    ]
    return Workflow(id="report", name="report", steps=steps, db=db, telemetry=False)


async def worker(db: object, name: str) -> str | None:
    """What one worker does: claim, run, note what came of it, release."""
    claimed = await db.claim_due_schedule(name)
    if claimed is None:
        return None
    run = await report(db).arun(claimed["payload"]["message"], session_id=claimed["id"])
    done = {"id": f"{claimed['id']} {name}", "schedule_id": claimed["id"], "attempt": 1, "status": "success"}
    await db.create_schedule_run({**done, "run_id": run.run_id, "session_id": claimed["id"]})
    await db.release_schedule(claimed["id"], next_run_at=int(time.time()) + 86_400)
    return f"{claimed['name']}: {run.status.value}"


async def main() -> None:
    """Three workers, one schedule that is due."""
    async with open_database() as db:
        made = await ScheduleManager(db).acreate(
            name="morning report", cron="0 9 * * *", endpoint="/workflows/report/runs", payload={"message": "hello"}
        )
        await db.update_schedule(made.id, next_run_at=1)
        told = await asyncio.gather(*(worker(db, f"worker {n}") for n in range(3)))
        ran = [line for line in told if line]
        print(f"{len(ran)} of {len(told)} workers found it due")
        print(ran[0])
        await db.delete_schedule(made.id)


if __name__ == "__main__":
    asyncio.run(main())
