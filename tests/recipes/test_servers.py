"""The applications of docs/recipes under their own servers, on a database that a pipeline has migrated."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from environments import RECIPES, Environment

LOOPBACK = "127.0.0.1"
USERS = 12
SECONDS = 40.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server with its workers."""

    def __init__(self, process: subprocess.Popen[str], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log
        self.url = f"http://{LOOPBACK}:{port}"

    def wait(self, path: str) -> None:
        """Until it answers."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}{path}", timeout=5).status_code < 500:
                    return
            time.sleep(0.1)
        raise AssertionError(f"the server does not answer\n{self.log.read_text()}")

    def processes(self) -> list[Any]:
        """The master, and the workers that are there."""
        psutil = importlib.import_module("psutil")
        master = psutil.Process(self.process.pid)
        return [master, *master.children(recursive=True)]

    def database_ports(self, url: str) -> list[set[int]]:
        """For each of `processes`, the local ports of its connections to the database of `url`."""
        database = psycopg.conninfo.conninfo_to_dict(url)
        found = []
        for process in self.processes():
            links = process.net_connections("tcp")
            found.append({c.laddr.port for c in links if c.raddr and c.raddr.port == int(database["port"])})
        return found

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        return self.process.wait(20)


@contextlib.contextmanager
def served(environment: Environment, application: Path, command: list[str], **variables: str) -> Iterator[Server]:
    """A recipe's command, on a free port of the loopback interface instead of the recipe's."""
    port = free_port()
    words = [{"0.0.0.0": LOOPBACK, "8000": str(port)}.get(word, word) for word in command]
    log = application / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            words, cwd=application, env=environment.variables(variables), stdout=output, stderr=output, text=True
        )
    server = Server(process, port, log)
    everybody = []
    try:
        yield server
        everybody = server.processes() if process.poll() is None else []
    finally:
        for member in everybody:
            with contextlib.suppress(Exception):
                member.kill()
        process.kill()
        process.wait()


async def talk(base_url: str, user: str) -> str:
    """A conversation of three turns, each over a connection of its own, so that any worker may get it."""
    for message in (f"my name is {user}", "I like tea", "what is my name?"):
        async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
            form = {"message": message, "stream": "false", "session_id": f"s-{user}", "user_id": user}
            answer = await client.post("/agents/helper/runs", data=form)
            assert answer.status_code == 200, answer.text
    said: str = answer.json()["content"]
    return said


async def is_good(base_url: str, url: str, sessions: str) -> None:
    """Many users talk at once: everybody is known at the end, and no run is lost or out of order."""
    users = [f"user{n}" for n in range(USERS)]
    said = await asyncio.gather(*(talk(base_url, user) for user in users))
    assert said == [f"Your name is {user}." for user in users]
    with psycopg.connect(url) as connection:
        query = f"SELECT session_id, array_agg(run_index ORDER BY run_index) FROM {sessions}_runs GROUP BY session_id"
        if sessions == "ai.agno_sessions":
            query = query.replace("agno_sessions_runs", "agno_runs")
        rows = connection.execute(query).fetchall()  # type: ignore[call-overload]
    assert sorted(rows) == sorted((f"s-{user}", [0, 1, 2]) for user in users)


def container_command() -> list[str]:
    """What a container of the Dockerfile starts."""
    found: dict[str, list[str]] = {}
    for line in (RECIPES / "Dockerfile").read_text(encoding="utf-8").splitlines():
        word, _, rest = line.partition(" ")
        if word in ("ENTRYPOINT", "CMD"):
            found[word] = json.loads(rest)
    return [*found["ENTRYPOINT"], *found["CMD"]]


async def test_agentos_under_uvicorn_with_several_workers(
    installed: Environment, application: Path, postgres_url: str
) -> None:
    settings = {"AGNODB_URL": postgres_url, "AGNODB_SCHEMA": "agents", "AGNODB_SESSION_TABLE": "chats"}
    with served(installed, application, container_command(), **settings) as server:
        await asyncio.to_thread(server.wait, "/health")
        await is_good(server.url, postgres_url, "agents.chats")
        busy = [ports for ports in server.database_ports(postgres_url) if ports]
        assert len(busy) >= 2, server.log.read_text()
        assert len(set().union(*busy)) == sum(map(len, busy))  # no connection is shared
        await asyncio.to_thread(server.stop)
        assert "Traceback" not in server.log.read_text()
    await nobody_is_connected(postgres_url)


async def test_workers_that_meet_no_schema_make_none(
    installed: Environment, application: Path, postgres_url: str
) -> None:
    command = container_command()[2:-2]  # without the entrypoint that migrates, one worker
    with served(installed, application, command, AGNODB_URL=postgres_url) as server:
        await asyncio.to_thread(server.wait, "/health")
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            answer = await client.get("/sessions")
        assert (answer.status_code, "agnodb upgrade" in server.log.read_text()) == (503, True)
        await asyncio.to_thread(server.stop)
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'ai'").fetchone() == (0,)


async def test_agentos_under_gunicorns_prefork(installed: Environment, application: Path, postgres_url: str) -> None:
    command = ["gunicorn", "-c", "gunicorn.conf.py", "gunicorn_app:app"]
    config = application / "gunicorn.conf.py"
    port = free_port()
    config.write_text(config.read_text().replace("0.0.0.0:8000", f"{LOOPBACK}:{port}"), encoding="utf-8")
    installed.done("agnodb", "upgrade", cwd=application, AGNODB_URL=postgres_url)
    with served(installed, application, command, AGNODB_URL=postgres_url) as server:
        server.url = f"http://{LOOPBACK}:{port}"
        await asyncio.to_thread(server.wait, "/health")
        await is_good(server.url, postgres_url, "ai.agno_sessions")
        master, *workers = server.database_ports(postgres_url)
        own = [ports - master for ports in workers]
        assert master, "the master did not use the database before it forked"
        assert len([ports for ports in own if ports]) >= 2, server.log.read_text()
        assert len(set().union(*own)) == sum(map(len, own))
        await asyncio.to_thread(server.stop)
        assert "Traceback" not in server.log.read_text()
    await nobody_is_connected(postgres_url)


async def test_fastapi_without_agno(without_agno: Environment, application: Path, postgres_url: str) -> None:
    command = ["uvicorn", "fastapi_app:app", "--host", "0.0.0.0", "--port", "8000"]
    assert without_agno.run("python", "-c", "import agno", cwd=application).returncode == 1
    with served(without_agno, application, command, AGNODB_URL=postgres_url) as server:
        await asyncio.to_thread(server.wait, "/openapi.json")
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            for text in ("hello", "again"):
                made = await client.post("/sessions/s/turns", json={"user_id": "alice", "text": text})
                assert made.status_code == 201, made.text
            assert (await client.get("/sessions/s")).json() == {"user_id": "alice", "turns": ["hello", "again"]}
            listed = (await client.get("/users/alice/sessions")).json()
            assert listed == {"sessions": ["s"], "total": 1}
            stolen = await client.post("/sessions/s/turns", json={"user_id": "bob", "text": "mine now"})
            assert (stolen.status_code, stolen.json()["detail"]) == (403, "The record belongs to another user.")
            assert (await client.get("/sessions/nobody")).status_code == 404
            assert (await client.get("/users/alice/sessions", params={"page": 0})).status_code == 400
            assert (await client.get("/sessions/s")).json()["turns"] == ["hello", "again"]
        assert await asyncio.to_thread(server.stop) in (0, -signal.SIGTERM)  # uvicorn ends by the signal it got
    await nobody_is_connected(postgres_url)


def test_fastapi_does_not_start_without_its_database(
    without_agno: Environment, application: Path, postgres_url: str
) -> None:
    url = postgres_url.replace("postgres@", "postgres:geheim@") + "_missing"
    done = without_agno.run("uvicorn", "fastapi_app:app", "--port", str(free_port()), cwd=application, AGNODB_URL=url)
    assert done.returncode != 0
    assert "There is no such database on the server." in done.stderr
    assert "geheim" not in done.stdout + done.stderr


async def nobody_is_connected(url: str) -> None:
    """The server's processes are gone, and so are their connections, in a moment."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(50):
        with psycopg.connect(url) as connection:
            left = connection.execute(query).fetchone()
        if left == (0,):
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"connections are left: {left}")
