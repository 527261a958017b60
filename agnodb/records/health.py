"""How a database is, in one look."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRecord:
    """What `db.health()` found. It holds nothing secret: it may be served to a monitor as it is."""

    ok: bool
    """Whether the database has answered."""
    latency_ms: float | None = None
    """Milliseconds of one round trip on an open connection."""
    server_version: str | None = None
    """Such as ``18.4``."""
    revision: str | None = None
    """The schema's revision; None when there are no tables of agnodb yet."""
    at_head: bool = False
    """Whether that is the latest revision this agnodb knows, or a newer one."""
    pool_size: int | None = None
    """How many connections the pool of this event loop (of this process, in a sync database) keeps open at most.
    None, as for the other figures, where the pool of an engine that was passed in has no such number."""
    pool_checked_out: int | None = None
    """Connections that are in use, without the one of this look."""
    pool_idle: int | None = None
    """Connections that are open and wait to be used."""
    pool_overflow: int | None = None
    """Connections that are open beyond `pool_size`."""
    run_cache_bytes: int = 0
    """Stored text of the runs that are kept (see `agnodb.executors.run_cache`)."""
    error: str | None = None
    """The class of the error, where `ok` is False: such as ``UnavailableError``."""
    message: str | None = None
    """Its text, which is safe to show."""

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON can carry it."""
        return asdict(self)
