"""agno's objects as records and back, all concepts together."""

from __future__ import annotations

from agnodb.agno.runs import RunObjects
from agnodb.agno.sessions import SessionObjects


class AgnoObjects(SessionObjects, RunObjects):
    """See `agnodb.contracts.objects.Objects`."""
