"""The time, in the forms the tables keep it: whole epoch seconds, and one sortable UTC text.

Sessions, runs, memories and the like carry epoch seconds (BIGINT). Traces and spans carry ISO 8601 text, which
the database compares as text: so there is one form, UTC with six digits of microseconds, in which the order of
the texts is the order of the instants.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from agnodb.errors import InvalidValueError

_SORTABLE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+00:00")


def now() -> int:
    """The current time in whole epoch seconds."""
    return int(time.time())


def iso_utc(moment: datetime | str) -> str:
    """`moment` in the one sortable form, e.g. ``2026-11-22T13:00:00.000000+00:00``.

    A datetime without a timezone is taken as UTC, as agno's tracing writes it. Raises InvalidValueError for text
    that is not ISO 8601.
    """
    if isinstance(moment, str):
        text = moment
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise InvalidValueError("A time must be ISO 8601 text.", detail=repr(text)) from error
        if _SORTABLE.fullmatch(text):
            return text
    if moment.tzinfo is not UTC:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


def iso_utc_from(moment: datetime | str) -> str:
    """`moment` as a lower bound that also admits agno's own texts.

    agno leaves the microseconds out when they are zero, and ``...:00+00:00`` sorts before ``...:00.000000+00:00``:
    the shorter form is the earliest text of that instant.
    """
    return iso_utc(moment).replace(".000000+", "+")
