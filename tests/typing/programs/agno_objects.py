"""agno's own objects take agnodb's databases where they take `db=`."""

from agno.agent import Agent
from agno.os import AgentOS
from agno.team import Team
from agno.workflow import Workflow
from sqlalchemy.ext.asyncio import create_async_engine

from agnodb import AsyncPostgresDb, AsyncSqliteDb

postgres = AsyncPostgresDb(db_url="postgresql://user:password@localhost:5432/agno", db_schema="ai", create_schema=False)
sqlite = AsyncSqliteDb(db_file="agno.db", session_table="chats")
engine = AsyncPostgresDb(db_engine=create_async_engine("postgresql+asyncpg://user:password@localhost/agno"))

agent = Agent(db=postgres, user_id="alice", add_history_to_context=True)
team = Team(members=[agent, Agent(db=sqlite)], db=engine)
workflow = Workflow(name="w", db=sqlite)
app = AgentOS(agents=[agent], teams=[team], workflows=[workflow], db=postgres).get_app()


def choose(durable: bool) -> AsyncPostgresDb | AsyncSqliteDb:
    return postgres if durable else sqlite


either = Agent(db=choose(durable=True))
