"""AgentOS is killed in the middle of a conversation, starts again, and goes on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from typing import Any

import httpx
from agents import eventually
from places import Place
from served import served

SAID = ["my name is alice", "I like tea", "what is 2 * 3?"]


async def ask(client: httpx.AsyncClient, message: str, session_id: str, user_id: str) -> dict[str, Any]:
    form = {"message": message, "stream": "false", "session_id": session_id, "user_id": user_id}
    answer = await client.post("/agents/helper/runs", data=form)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def talk(client: httpx.AsyncClient, user_id: str, acknowledged: list[str]) -> None:
    """One question after the other, until the server is gone."""
    with contextlib.suppress(httpx.TransportError):
        for turn in range(10_000):
            answer = await ask(client, f"this is turn {turn}", f"s-{user_id}", user_id)
            acknowledged.append(answer["run_id"])


async def kill_within_a_turn(
    client: httpx.AsyncClient, process: subprocess.Popen[str], acknowledged: list[str]
) -> None:
    """Kill the server while a streamed turn waits in a tool call and other users talk."""
    form = {"message": "wait with seconds 60", "stream": "true", "session_id": "s", "user_id": "alice"}
    with contextlib.suppress(httpx.TransportError):
        async with client.stream("POST", "/agents/helper/runs", data=form) as response:
            async for line in response.aiter_lines():
                if "ToolCallStarted" in line:
                    break
            await eventually(lambda: _enough(acknowledged), seconds=30)
            process.send_signal(signal.SIGKILL)
            process.wait()


async def _enough(acknowledged: list[str]) -> bool:
    return len(acknowledged) >= 10


async def test_a_conversation_goes_on_after_kill_9(place: Place) -> None:
    acknowledged: list[str] = []
    with served(place.url) as (process, base_url):
        async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
            for message in SAID:
                acknowledged.append((await ask(client, message, "s", "alice"))["run_id"])
            talkers = [asyncio.create_task(talk(client, f"user{n}", acknowledged)) for n in range(3)]
            await kill_within_a_turn(client, process, acknowledged)
            await asyncio.gather(*talkers)
    assert process.returncode == -signal.SIGKILL
    stored = {row["run_id"]: row["status"] for row in place.rows("agno_runs")}
    assert [stored.get(run_id) for run_id in acknowledged] == ["COMPLETED"] * len(acknowledged)
    for n in range(3):
        indexes = [row["run_index"] for row in place.rows("agno_runs", f"session_id = 's-user{n}'")]
        assert sorted(indexes) == list(range(len(indexes)))
    with served(place.url) as (_, base_url):
        async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
            said = (await ask(client, "what did I say?", "s", "alice"))["content"]
            assert said.startswith("You said: " + " / ".join(SAID))
            assert (await ask(client, "what is my name?", "s", "alice"))["content"] == "Your name is alice."
            runs = (await client.get("/sessions/s/runs")).json()
            assert [run["run_id"] for run in runs][:3] == acknowledged[:3]
            assert (await ask(client, "one more turn", "s-user0", "user0"))["content"].startswith("I have seen ")
