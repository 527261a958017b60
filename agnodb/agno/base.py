"""agno's base class where agno is installed, and the objects that the flat methods take and give.

agno decides what a database supports by the identity of its class's methods, so a database must be a true subclass
of agno's `AsyncBaseDb` or `BaseDb` and leave the methods of tables that it does not keep as they are. Without agno
the same classes stand alone: the base is `object`, and the flat methods take and give records.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from agnodb.agno.served import adapter_of, refused, serve
from agnodb.agno.without import RecordObjects
from agnodb.contracts.objects import Objects

C = TypeVar("C", bound=type)

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


def served_by_agno(adapter: str) -> Callable[[C], C]:
    """A class decorator: what agnodb does not keep is done by agno's `adapter`, see `agnodb.agno.served`."""
    return lambda cls: serve(cls, adapter) if HAS_AGNO else cls


__all__ = ["HAS_AGNO", "AsyncBaseDb", "BaseDb", "adapter_of", "objects", "refused", "served_by_agno"]
