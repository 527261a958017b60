"""Turns of other libraries' agents on the same PostgreSQL, each with its own runner and keeper.

The history up to a turn is filled in through the keeper. Time is that inside the keeper's methods, as in `turns`.
What is not installed (`pip install --group bench`) is told as not run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol

import asyncpg

from benchmarks import turns
from benchmarks.data import text
from benchmarks.measure import Bench, Stopwatch, per_call
from benchmarks.sides import create_tables, driver_url, sides

POINTS = (10, 50, 200, 1000)
QUESTION = "What is new?"
ADAPTERS = ("agno", "agnodb")


class Peer(Protocol):
    """An agent that answers with the same text, and where it keeps its conversations."""

    watch: Stopwatch

    async def fill(self, session_id: str, turns: int) -> None: ...
    async def turn(self, session_id: str) -> None: ...


class LangGraph:
    """A graph of one node over `AsyncPostgresSaver`."""

    def __init__(self, saver: Any, answer: str) -> None:
        from langgraph.graph import START, MessagesState, StateGraph

        self._answer, self._state = answer, MessagesState
        graph = StateGraph(MessagesState)
        graph.add_node("answer", lambda _: {"messages": [("assistant", answer)]})
        graph.add_edge(START, "answer")
        self._graph = graph.compile(checkpointer=saver)
        self.watch = Stopwatch(saver, ("aget_tuple", "aput", "aput_writes"))

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, url: str, answer: str) -> AsyncIterator[LangGraph]:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

        async with AsyncPostgresSaver.from_conn_string(url) as saver:
            await saver.setup()
            yield cls(saver, answer)

    async def fill(self, session_id: str, turns: int) -> None:
        history = [("user", QUESTION), ("assistant", self._answer)] * turns
        await self._graph.aupdate_state(_thread(session_id), {"messages": history}, as_node="answer")

    async def turn(self, session_id: str) -> None:
        await self._graph.ainvoke({"messages": [("user", QUESTION)]}, _thread(session_id))


def _thread(session_id: str) -> Any:
    return {"configurable": {"thread_id": session_id}}


class OpenAIAgents:
    """An agent of OpenAI Agents over `SQLAlchemySession`."""

    def __init__(self, engine: Any, answer: str) -> None:
        from agents import Agent, Model, ModelResponse, Usage, set_tracing_disabled
        from openai.types.responses import ResponseOutputMessage, ResponseOutputText

        set_tracing_disabled(True)

        def message() -> Any:
            said = ResponseOutputText(text=answer, annotations=[], type="output_text")
            return ResponseOutputMessage(
                id=uuid.uuid4().hex, content=[said], role="assistant", status="completed", type="message"
            )

        class Answering(Model):
            async def get_response(self, *args: Any, **kwargs: Any) -> Any:
                return ModelResponse(output=[message()], usage=Usage(), response_id=None)

            def stream_response(self, *args: Any, **kwargs: Any) -> Any:
                raise NotImplementedError

        self._engine, self._message, self._agent = engine, message, Agent(name="agent", model=Answering())
        self.watch = Stopwatch(self, ())

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, url: str, answer: str) -> AsyncIterator[OpenAIAgents]:
        from sqlalchemy.ext.asyncio import create_async_engine

        engine = create_async_engine(driver_url(url, "+asyncpg"))
        yield cls(engine, answer)
        await engine.dispose()

    def _session(self, session_id: str) -> Any:
        from agents.extensions.memory import SQLAlchemySession

        return SQLAlchemySession(session_id, engine=self._engine, create_tables=True)

    async def fill(self, session_id: str, turns: int) -> None:
        history = [{"role": "user", "content": QUESTION}, self._message().model_dump(exclude_unset=True)] * turns
        await self._session(session_id).add_items(history)

    async def turn(self, session_id: str) -> None:
        from agents import Runner

        session = self._session(session_id)
        self.watch.also(session, ("get_items", "add_items"))
        await Runner.run(self._agent, QUESTION, session=session)


class GoogleADK:
    """An agent of Google's ADK over `DatabaseSessionService`."""

    def __init__(self, service: Any, answer: str) -> None:
        from google.adk.agents import BaseAgent
        from google.adk.events import Event
        from google.adk.runners import Runner
        from google.genai import types

        def content(role: str, said: str) -> Any:
            return types.Content(role=role, parts=[types.Part(text=said)])

        class Answering(BaseAgent):
            async def _run_async_impl(self, ctx: Any) -> Any:
                yield Event(author=self.name, invocation_id=ctx.invocation_id, content=content("model", answer))

        self._service, self._event, self._content, self._answer = service, Event, content, answer
        self._runner = Runner(app_name="app", agent=Answering(name="agent"), session_service=service)
        self.watch = Stopwatch(service, ("get_session", "append_event"))

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, url: str, answer: str) -> AsyncIterator[GoogleADK]:
        from google.adk.sessions import DatabaseSessionService

        service = DatabaseSessionService(driver_url(url, "+asyncpg"))
        yield cls(service, answer)
        await service.close()

    async def fill(self, session_id: str, turns: int) -> None:
        session = await self._service.create_session(app_name="app", user_id="user", session_id=session_id)
        for _ in range(turns):
            for author, role, said in (("user", "user", QUESTION), ("agent", "model", self._answer)):
                await self._service.append_event(
                    session,
                    self._event(author=author, invocation_id=uuid.uuid4().hex, content=self._content(role, said)),
                )

    async def turn(self, session_id: str) -> None:
        message = self._content("user", QUESTION)
        async for _ in self._runner.run_async(user_id="user", session_id=session_id, new_message=message):
            pass


PEERS: dict[str, tuple[str, Callable[[str, str], contextlib.AbstractAsyncContextManager[Peer]]]] = {
    "LangGraph": ("langgraph.checkpoint.postgres", LangGraph.opened),
    "OpenAI Agents": ("agents", OpenAIAgents.opened),
    "Google ADK": ("google.adk", GoogleADK.opened),
}


async def run(bench: Bench) -> None:
    """agno and agnodb with agno's Agent, then the peers, at each length."""
    counted = bench.proxy.url(bench.url)
    async with sides(bench.url) as direct, sides(counted) as wired:
        direct, wired = ([side for side in some if side.name in ADAPTERS] for some in (direct, wired))
        await create_tables(direct, bench.url)
        connection = await asyncpg.connect(bench.url)
        for kilobytes in turns.ANSWERS_KB:
            answer = text(f"answer {kilobytes}", kilobytes * 1024)
            for point in POINTS:
                name = f"turn {point:,} of a conversation, {kilobytes} KB answers"
                await turns.compare(bench, connection, name, direct, wired, answer, point)
                for peer, (module, opened) in PEERS.items():
                    if not _installed(module):
                        bench.not_run[peer] = "it is not installed: pip install --group bench"
                        continue
                    bench.add(name, peer, **await _measured(bench, opened, counted, answer, point))
        await connection.close()


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


async def _measured(bench: Bench, opened: Any, counted: str, answer: str, point: int) -> dict[str, float]:
    session_id, values = uuid.uuid4().hex, {}
    async with opened(bench.url, answer) as peer:
        await peer.fill(session_id, point - 1 - turns.WARM)
        for _ in range(turns.WARM):
            await peer.turn(session_id)
        if not bench.counts_only:
            cpu = time.process_time()
            inside = [await _inside(peer, peer.turn(session_id)) for _ in range(turns.TIMED)]
            spent = (time.process_time() - cpu) * 1000 / turns.TIMED
            values = {"p50_ms": statistics.median(inside) * 1000, "turn_cpu_ms": spent}
    async with opened(counted, answer) as peer:
        for _ in range(turns.WARM):
            await peer.turn(session_id)
        with bench.proxy.count() as counts:
            for _ in range(turns.TIMED):
                await peer.turn(session_id)
    return values | per_call(counts, turns.TIMED)


async def _inside(peer: Peer, turn: Coroutine[Any, Any, None]) -> float:
    """Seconds of the turn that were spent in the keeper."""
    peer.watch.seconds = 0.0
    await turn
    return peer.watch.seconds
