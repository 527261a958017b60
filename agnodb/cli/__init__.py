"""The command line: `agnodb ...`. One file per group of commands; SQLAlchemy and Alembic load when one runs."""

from agnodb.cli.app import app

__all__ = ["app"]
