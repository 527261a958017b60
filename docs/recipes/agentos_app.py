"""AgentOS, for `uvicorn agentos_app:app --workers 4`.

The schema is the pipeline's business (`agnodb upgrade`), so the servers only look whether it is there. They and the
commands read the same variables: AGNODB_URL, AGNODB_SCHEMA, AGNODB_SESSION_TABLE and so on.
"""

import os

from agno.agent import Agent
from agno.os import AgentOS

from agnodb import AsyncPostgresDb
from agnodb.config import settings_from_environment
from agnodb.demo.model import OfflineModel  # put any model of agno's here

settings = settings_from_environment(os.environ)
db = AsyncPostgresDb(
    db_url=settings.pop("url"), db_schema=settings.pop("schema", None), create_schema=False, **settings
)
agent = Agent(id="helper", model=OfflineModel(), db=db, add_history_to_context=True, telemetry=False)
app = AgentOS(agents=[agent], db=db, telemetry=False).get_app()
