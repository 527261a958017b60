"""Agents talk with users: history, session state, summaries, memories, knowledge, learnings."""

from __future__ import annotations

from typing import Any

from agno.agent import Agent
from agno.db.base import SessionType
from agno.knowledge.knowledge import Knowledge
from agno.learn import LearningMachine
from agno.run import RunContext

from agnodb.demo.model import OfflineModel
from agnodb.demo.stage import Stage, check, talk
from agnodb.demo.words import WordIndex

CONCIERGE = "concierge"
CONTENT = "House rules"


def add_to_basket(run_context: RunContext, item: str, quantity: int) -> str:
    """Put something into the user's basket."""
    state = run_context.session_state if run_context.session_state is not None else {}
    state.setdefault("basket", {})[item] = quantity
    run_context.session_state = state
    return f"{quantity} x {item} in the basket"


def concierge(stage: Stage, **options: Any) -> Agent:
    """The agent that most of the demo talks to."""
    return stage.agent(
        CONCIERGE,
        tools=[add_to_basket],
        add_history_to_context=True,
        num_history_runs=20,
        session_state={"basket": {}},
        enable_session_summaries=True,
        update_memory_on_run=True,
        add_memories_to_context=True,
        **options,
    )


async def alice_talks(stage: Stage) -> str:
    """A conversation with a tool that changes the session's state. Returns the session's id."""
    stage.heading("Alice talks to an agent: history, session state, a summary, memories")
    agent, session = concierge(stage), stage.id("alice-tea")
    await talk(stage, agent, "alice", session, "Hello, my name is Alice and I like green tea.")
    await talk(stage, agent, "alice", session, "Please add to basket: item teapot, quantity 2.")
    answer = await talk(stage, agent, "alice", session, "What is my name?")
    check("Alice" in answer, "the agent knows Alice's name from the history")

    stored = await stage.db.get_session(session, SessionType.AGENT, user_id="alice")
    check(stored is not None and len(stored.runs) == 3, "the session is stored with its three runs")
    state = stored.session_data["session_state"]
    check(state["basket"] == {"teapot": 2}, f"the session's state holds the basket ({state})")
    check(stored.summary is not None and "3 messages" in stored.summary.summary, "the session has a summary")
    memories = {memory.memory for memory in await stage.db.get_user_memories(user_id="alice")}
    check("The user likes green tea." in memories, f"agno's memory manager stored what Alice likes ({memories})")
    stage.note(f"{len(stored.runs)} runs, state {state}, {len(memories)} memories")
    return session


async def bob_talks(stage: Stage) -> None:
    """Another user, streamed; and Alice again in a new session."""
    stage.heading("Bob streams, and Alice comes back: memories belong to their user")
    agent, session = concierge(stage), stage.id("bob-travel")
    text = "My name is Bob and I live in Lisbon."
    stage.said("bob", text)
    pieces = []
    async for event in agent.arun(text, user_id="bob", session_id=session, stream=True):
        if getattr(event, "event", None) == "RunContent":
            pieces.append(str(getattr(event, "content", "")))
    stage.said(CONCIERGE, "".join(pieces))
    check(len(pieces) > 5, f"the answer came in pieces ({len(pieces)})")
    _, total = await stage.db.get_runs(session_id=session, user_id="bob", deserialize=False)
    check(total == 1, "the streamed run is stored")

    answer = await talk(stage, agent, "alice", stage.id("alice-later"), "What do you know about me?")
    check("green tea" in answer and "Lisbon" not in answer, "a new session recalls Alice's memories, and not Bob's")


async def knowledge_is_added(stage: Stage) -> None:
    """agno's Knowledge keeps its contents in the database; an agent looks them up."""
    stage.heading("Knowledge: what was added is kept, and searched")
    knowledge = Knowledge(name=stage.id("house"), contents_db=stage.db, vector_db=WordIndex())
    await knowledge.ainsert(
        name=CONTENT, text_content="Teapots are washed by hand.", metadata={"kind": "rules"}, user_id="alice"
    )
    rows, _ = await stage.db.get_knowledge_contents(linked_to=stage.id("house"))
    check(len(rows) == 1 and rows[0].status == "completed", f"the content is stored and complete ({rows})")
    agent = concierge(stage, knowledge=knowledge, search_knowledge=True)
    answer = await talk(stage, agent, "alice", stage.id("alice-rules"), "Search knowledge base, query teapots")
    check("washed by hand" in answer, "the agent found the content")


async def profile_is_learned(stage: Stage) -> None:
    """agno's LearningMachine writes what it learns of a user."""
    stage.heading("Learning: a profile that agno's LearningMachine keeps up to date")
    machine = LearningMachine(db=stage.db, model=OfflineModel(), user_profile=True)
    agent = stage.agent("tutor", learning=machine)
    await talk(stage, agent, "bob", stage.id("bob-lesson"), "Call me Bobby, please.")
    learnings, total = await stage.db.list_learnings(learning_type="user_profile", user_id="bob")
    check(total >= 1 and learnings[0]["content"]["name"] == "Bobby", f"the profile is stored ({learnings})")
