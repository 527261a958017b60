"""Media of agents in object stores. Each name is imported, with agno, when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agnodb.agno.media import AsyncObjectStorage, ObjectStorage

__all__ = ["AsyncObjectStorage", "ObjectStorage"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'agnodb.media' has no attribute {name!r}")
    value = getattr(importlib.import_module("agnodb.agno.media"), name)
    globals()[name] = value
    return value
