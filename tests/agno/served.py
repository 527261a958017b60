"""AgentOS under uvicorn as a process of its own: `python served.py URL` prints its port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator


async def wait(seconds: int) -> str:
    """Do nothing for a while."""
    await asyncio.sleep(seconds)
    return f"waited {seconds} s"


def serve(url: str) -> None:
    """Serve until killed."""
    import uvicorn
    from agents import helper
    from agno.os import AgentOS

    from agnodb import AsyncPostgresDb, AsyncSqliteDb

    db = (AsyncPostgresDb if url.startswith("postgresql") else AsyncSqliteDb)(db_url=url)
    app = AgentOS(agents=[helper(db, tools=[wait])], db=db, telemetry=False).get_app()
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)  # noqa: T201
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


@contextlib.contextmanager
def served(url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its base URL; it is killed at the end of the block."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, __file__, url]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            port = process.stdout.readline().strip()
            assert port, "the server did not start"
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


if __name__ == "__main__":
    serve(sys.argv[1])
