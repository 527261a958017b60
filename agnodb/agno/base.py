"""agno's base class where agno is installed, and the objects that the flat methods take and give.

agno decides what a database supports by the identity of its class's methods, so a database must be a true subclass
of agno's `AsyncBaseDb` or `BaseDb` and leave the methods of tables that it does not keep as they are. Without agno
the same classes stand alone: the base is `object`, and the flat methods take and give records.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from agnodb.agno.without import RecordObjects
from agnodb.contracts.objects import Objects

HAS_AGNO = importlib.util.find_spec("agno") is not None

if TYPE_CHECKING or HAS_AGNO:
    from agno.db.base import AsyncBaseDb, BaseDb
else:

    class AsyncBaseDb:
        """Stands in for agno's base class."""

        def __init__(self, **_arguments: object) -> None: ...

    BaseDb = AsyncBaseDb


def objects() -> Objects:
    """agno's objects where agno is installed, else records."""
    if not HAS_AGNO:
        return RecordObjects()
    from agnodb.agno.objects import AgnoObjects

    return AgnoObjects()


__all__ = ["HAS_AGNO", "AsyncBaseDb", "BaseDb", "objects"]
