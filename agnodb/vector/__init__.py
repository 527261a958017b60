"""Vector stores for agno's Knowledge. Each name is imported, with agno and its driver, when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agnodb.agno.postgres_vectors import PgVector
    from agnodb.agno.sqlite_vectors import SqliteVector

__all__ = ["PgVector", "SqliteVector"]

_HOMES = {"PgVector": "agnodb.agno.postgres_vectors", "SqliteVector": "agnodb.agno.sqlite_vectors"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agnodb.vector' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
