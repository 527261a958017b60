"""All flat methods."""

from __future__ import annotations

from agnodb.databases.methods.eval_runs import EvalRunMethods
from agnodb.databases.methods.knowledge import KnowledgeMethods
from agnodb.databases.methods.memories import MemoryMethods
from agnodb.databases.methods.runs import RunMethods
from agnodb.databases.methods.schema_versions import SchemaVersionMethods
from agnodb.databases.methods.sessions import SessionMethods


class AllMethods(
    SessionMethods, RunMethods, MemoryMethods, KnowledgeMethods, EvalRunMethods, SchemaVersionMethods
):
    """agno's database interface for the tables that agnodb keeps."""
