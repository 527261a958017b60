"""Alembic's entry point. What it does is in agnodb/migrations/environment.py."""

from alembic import context

from agnodb.migrations.environment import run

run(context)
