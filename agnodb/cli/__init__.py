"""The command line: `agnodb ...`. One file per group; SQLAlchemy and Alembic load when a command runs."""

from agnodb.cli.app import app

__all__ = ["app"]
