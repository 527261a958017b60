"""AgentOS on a database without an event loop, for `gunicorn -c gunicorn.conf.py gunicorn_app:app`.

With `preload_app` this module is loaded once, before the workers are forked. Using the database here is fine: each
worker opens connections of its own, and none of them touches the master's.
"""

import os

from agno.agent import Agent
from agno.os import AgentOS

from agnodb import PostgresDb
from agnodb.config import settings_from_environment
from agnodb.demo.model import OfflineModel  # put any model of agno's here

settings = settings_from_environment(os.environ)
db = PostgresDb(db_url=settings.pop("url"), db_schema=settings.pop("schema", None), **settings)
db.create_tables()  # one process makes the tables, or finds them; the workers do not have to

agent = Agent(id="helper", model=OfflineModel(), db=db, add_history_to_context=True, telemetry=False)
app = AgentOS(agents=[agent], db=db, telemetry=False).get_app()
