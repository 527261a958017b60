"""An AgentOS server: `uvicorn agentos_server:app`, or `python agentos_server.py` to ask it once."""

import asyncio

from agno.agent import Agent
from agno.os import AgentOS
from httpx import ASGITransport, AsyncClient
from place import open_database

from agnodb.demo.model import OfflineModel  # put any model of agno's here

db = open_database()
agent = Agent(id="helper", model=OfflineModel(), db=db, add_history_to_context=True, telemetry=False)
app = AgentOS(agents=[agent], db=db, telemetry=False).get_app()


async def main() -> None:
    """Two turns of one conversation over HTTP, and the list of conversations."""
    transport = ASGITransport(app=app)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url="http://os") as client:
        for text in ("My name is Alice.", "What is my name?"):
            form = {"message": text, "session_id": "alice", "user_id": "alice", "stream": "false"}
            answer = (await client.post("/agents/helper/runs", data=form)).json()
            print(f"> {text}\n{answer['content']}")
        listed = (await client.get("/sessions", params={"user_id": "alice"})).json()
        print(f"{listed['meta']['total_count']} session, named {listed['data'][0]['session_name']!r}")
    await db.close()


if __name__ == "__main__":
    asyncio.run(main())
