"""An async database that was used before a fork: nothing that parent and children wrote is lost."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import asyncio, os, sys
from agnodb import AsyncPostgresDb, AsyncSqliteDb
from agnodb.filters import Page
from agnodb.records import RunRecord, SessionRecord

url = sys.argv[1]
make = AsyncSqliteDb if url.startswith("sqlite") else AsyncPostgresDb
db = make(db_url=url)

async def write(writer):
    for number in range(5):
        await db.runs.upsert(RunRecord(run_id=f"{writer}-{number}", session_id="s", run_type="agent", run_data={}))

async def count():
    async with make(db_url=url) as another:
        return (await another.runs.page(Page()))[1]

loop = asyncio.new_event_loop()
loop.run_until_complete(db.sessions.upsert(SessionRecord(session_id="s", session_type="agent")))
children = []
for writer in range(4):
    child = os.fork()
    if not child:
        asyncio.run(write(writer))
        os._exit(0)
    children.append(child)
loop.run_until_complete(write("parent"))
loop.run_until_complete(db.close())
assert not any(os.waitpid(child, 0)[1] for child in children)
print(asyncio.run(count()))
"""


@pytest.mark.parametrize("backend", ["sqlite_url", "postgres_url"])
def test_parent_and_children_write(request: Any, backend: str) -> None:
    url = request.getfixturevalue(backend)
    done = subprocess.run([sys.executable, "-c", PROGRAM, url], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("25", 0), done.stderr
