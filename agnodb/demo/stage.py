"""What the steps of the demo share: the database, the narration, the checks."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agno.agent import Agent
from rich.console import Console
from rich.markup import escape

from agnodb.databases.documents import AsyncDocumentDatabase
from agnodb.databases.dynamodb import AsyncDynamoDb
from agnodb.databases.firestore import AsyncFirestoreDb
from agnodb.databases.gcs_json import AsyncGcsJsonDb
from agnodb.databases.json_files import AsyncJsonDb
from agnodb.databases.mongo import AsyncMongoDb
from agnodb.databases.mysql import AsyncMySQLDb
from agnodb.databases.postgres import AsyncPostgresDb
from agnodb.databases.redis import AsyncRedisDb
from agnodb.databases.singlestore import AsyncSingleStoreDb
from agnodb.databases.sqlite import AsyncSqliteDb
from agnodb.demo.model import OfflineModel
from agnodb.documents.stores.redis_clients import is_redis
from agnodb.errors import ConfigurationError
from agnodb.mongo.urls import is_mongodb
from agnodb.urls import async_url, backend_of

_STORES: dict[str, Callable[[str], AsyncDocumentDatabase]] = {
    "json://": lambda url: AsyncJsonDb(url.removeprefix("json://")),
    "dynamodb://": lambda url: AsyncDynamoDb(db_url=url),
    "firestore://": lambda url: AsyncFirestoreDb(db_url=url),
    "gs://": lambda url: AsyncGcsJsonDb(db_url=url),
}
"""How URLs of stores of documents begin, besides those of Redis."""

_SQL = {
    "postgresql": AsyncPostgresDb, "mysql": AsyncMySQLDb, "mariadb": AsyncMySQLDb, "singlestore": AsyncSingleStoreDb,
    "sqlite": AsyncSqliteDb,
}  # fmt: skip

Database = AsyncPostgresDb | AsyncMySQLDb | AsyncSingleStoreDb | AsyncSqliteDb | AsyncMongoDb | AsyncDocumentDatabase


class DemoError(Exception):
    """A step did not do what it says."""


def keeps_documents(url: str) -> bool:
    """Whether `url` leads to MongoDB or a store of documents. Raises ConfigurationError for the memory of a process."""
    if url.startswith("memory:"):
        raise ConfigurationError("The demo is played by two processes: the memory of one is not enough.")
    return is_mongodb(url) or url.startswith(tuple(_STORES)) or is_redis(url)


def open_database(url: str) -> Database:
    """The database of `url`, whose tables must be there: `create_schema=False`."""
    if is_mongodb(url):
        return AsyncMongoDb(db_url=url, create_schema=False)
    if keeps_documents(url):
        made = (make(url) for start, make in _STORES.items() if url.startswith(start))
        return next(made, None) or AsyncRedisDb(db_url=url)
    database: Database = _SQL[backend_of(async_url(url))](db_url=url, create_schema=False)
    return database


def narrator() -> Console:
    """The terminal; a file gets lines that are long enough for the tables."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 170)


def check(condition: object, claim: str) -> None:
    """Raises DemoError unless `condition` holds."""
    if not condition:
        raise DemoError(f"This should be so, but is not: {claim}")


@dataclass
class Stage:
    """One performance. `suffix` makes its ids its own, so that the demo can be repeated in one database."""

    db: Database
    url: str
    console: Console
    suffix: str = field(default_factory=lambda: uuid.uuid4().hex[:6])

    def id(self, name: str) -> str:
        """`name`, made unique for this performance."""
        return f"{name}-{self.suffix}"

    def agent(self, id: str, **options: Any) -> Agent:
        """An agent of agno's, with the offline model, on the database. `options` are agno's."""
        options = {"db": self.db, "telemetry": False, **options}
        return Agent(id=id, name=id.title(), model=OfflineModel(), **options)

    def heading(self, text: str) -> None:
        """Print what comes next."""
        self.console.print(f"\n[bold cyan]{escape(text)}[/]")

    def note(self, text: str) -> None:
        """Print a remark."""
        self.console.print(f"  [dim]{escape(text)}[/]", highlight=False)

    def said(self, who: str, text: Any) -> None:
        """Print a line of a conversation."""
        self.console.print(f"  [bold]{escape(who):>11}[/]  {escape(str(text))}", highlight=False)


async def talk(stage: Stage, agent: Agent, user: str, session: str, text: str) -> str:
    """`user` says `text`; the agent's answer. Raises DemoError when the run did not complete."""
    stage.said(user, text)
    run = await agent.arun(text, user_id=user, session_id=session)
    check(run.status is not None and run.status.value == "COMPLETED", f"the run on {text!r} completed ({run.status})")
    stage.said(str(agent.id), run.content)
    return str(run.content)


class Complaints(logging.Handler):
    """Collects agno's warnings and errors, and those of tasks that nobody waits for: a write that failed shows up
    there, and nowhere else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def listen(self) -> None:
        """Take the place of the loggers' own handlers."""
        logging.disable(logging.INFO)  # its evaluations set the level anew
        for name in ("agno", "agno-team", "agno-workflow", "asyncio"):
            logging.getLogger(name).handlers = [self]

    def check(self) -> None:
        """Raises DemoError when there was one."""
        check(not self.lines, f"agno has nothing to complain about ({'; '.join(self.lines[:3])})")
