"""The walk from one revision to another: each revision's operations and the move of our version row, together."""

from __future__ import annotations

import logging
from collections.abc import Callable

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, select

from agnodb.config import Layout
from agnodb.errors import ConfigurationError
from agnodb.migrations.head import REVISIONS
from agnodb.migrations.operations import SchemaOperations
from agnodb.migrations.version_table import NAME, select_revision, tables_of_others

log = logging.getLogger(__name__)

Progress = Callable[[str], None]
