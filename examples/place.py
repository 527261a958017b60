"""Which database an example uses: the one of AGNODB_URL, else a SQLite file in the current folder."""

import os

from agnodb import AsyncPostgresDb, AsyncSqliteDb


def open_database() -> AsyncPostgresDb | AsyncSqliteDb:
    """The database of AGNODB_URL."""
    url = os.environ.get("AGNODB_URL", "sqlite:///examples.db")
    return AsyncPostgresDb(db_url=url) if url.startswith("postgres") else AsyncSqliteDb(db_url=url)
