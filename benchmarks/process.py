"""What is measured in a process of its own: `python -m benchmarks.process boot|memory agno|agnodb URL`, by `boot`.

It prints one line of JSON: metrics of the clocks, or of the process's memory.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time
from pathlib import Path
from typing import Any

from agno.session import AgentSession

SESSIONS, RUNS = 200, 20
WRITES = 1_000


def _database(side: str, url: str) -> Any:
    """Only what the side needs is imported."""
    if side == "agno":
        from agno.db.postgres import AsyncPostgresDb as AgnoDb

        return AgnoDb(db_url=url.replace("postgresql://", "postgresql+asyncpg://", 1), db_schema="agno_side")
    from agnodb import AsyncPostgresDb

    return AsyncPostgresDb(db_url=url, db_schema="agnodb_side")


async def boot(side: str, url: str) -> dict[str, float]:
    """From the database object to the first session saved and read, in what may be an empty database."""
    _database(side, url)  # imported, and thrown away
    gc.collect()
    cpu, start = time.process_time(), time.perf_counter()
    db = _database(side, url)
    await db.upsert_session(
        AgentSession(session_id="first", agent_id="a", user_id="u", session_data={"n": 1}, created_at=1)
    )
    found = await db.get_session(session_id="first", session_type=None)
    took = {"p50_ms": (time.perf_counter() - start) * 1000, "cpu_ms": (time.process_time() - cpu) * 1000}
    assert found is not None
    await db.close()
    return took


async def memory(side: str, url: str) -> dict[str, float]:
    """Resident memory above that of the open database: after writes of one session, then after reads of many."""
    db = _database(side, url)
    await db.get_session(session_id="s1", session_type=None)
    before = _resident()
    for number in range(WRITES):
        await db.upsert_session(
            AgentSession(session_id="w", agent_id="a", user_id="u", session_data={"n": number}, created_at=1)
        )
    written = _resident()
    for number in range(1, SESSIONS + 1):
        session = await db.get_session(session_id=f"s{number}", session_type=None)
        assert len(session.runs) == RUNS
        del session
    read = _resident()
    await db.close()
    return {"resident_mb": before, "written_mb": written - before, "read_mb": read - written}


def _resident() -> float:
    """Megabytes of the process that are in memory now (Linux)."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.process", description=__doc__)
    parser.add_argument("what", choices=("boot", "memory"))
    parser.add_argument("side", choices=("agno", "agnodb"))
    parser.add_argument("url")
    given = parser.parse_args()
    what = {"boot": boot, "memory": memory}[given.what]
    print(json.dumps(asyncio.run(what(given.side, given.url))))


if __name__ == "__main__":
    main()
