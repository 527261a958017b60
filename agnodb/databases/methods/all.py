"""All flat methods."""

from __future__ import annotations

from agnodb.databases.methods.runs import RunMethods
from agnodb.databases.methods.sessions import SessionMethods


class AllMethods(SessionMethods, RunMethods):
    """agno's database interface for the tables that agnodb keeps."""
