"""All repositories of a database."""

from __future__ import annotations

from typing import Protocol

from agnodb.contracts.runs import RunRepository
from agnodb.contracts.sessions import SessionRepository


class Repositories(Protocol):
    """One attribute for each concept: what `db` and `db.transaction()` give."""

    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def runs(self) -> RunRepository: ...
