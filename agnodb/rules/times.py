"""Times as the texts that traces and spans hold, for storing and as bounds of a range (see `agnodb.clock`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agnodb import clock
from agnodb.errors import InvalidValueError


def time_in(moment: Any) -> str:
    """The text to store of a datetime or ISO 8601 text; as a bound, the last text of that instant."""
    try:
        return clock.iso_utc(moment.strip() if isinstance(moment, str) else moment)
    except (AttributeError, TypeError, OverflowError) as error:
        raise InvalidValueError("A time is needed here.", detail=repr(type(moment))) from error


def time_from(moment: Any) -> str:
    """The first text of that instant: agno's own has no microseconds when they are zero."""
    return clock.iso_utc_from(time_in(moment))


def time_now() -> str:
    """The text of the current time."""
    return clock.iso_utc(datetime.now(UTC))
