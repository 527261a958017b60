"""What a user said in one conversation is known in the next: memories are rows of their own."""

import asyncio

from agno.agent import Agent
from place import open_database

from agnodb.demo.model import OfflineModel


def concierge(db: object) -> Agent:
    """An agent that keeps memories, and has them in its prompt."""
    return Agent(id="concierge", model=OfflineModel(), db=db, update_memory_on_run=True, telemetry=False)


async def main() -> None:
    """Two sessions of one user, and what another user gets."""
    async with open_database() as db:
        await concierge(db).arun("My name is Alice, and I like jasmine tea.", session_id="monday", user_id="alice")
        for memory in await db.get_user_memories(user_id="alice"):
            print(f"kept: {memory.memory}")
        answer = await concierge(db).arun("What do you know about me?", session_id="friday", user_id="alice")
        print(f"alice: {answer.content}")
        stranger = await concierge(db).arun("What do you know about me?", session_id="bob's", user_id="bob")
        print(f"bob: {stranger.content}")


if __name__ == "__main__":
    asyncio.run(main())
