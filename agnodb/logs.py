"""What agnodb logs: records of the standard library's `logging`, under the logger ``agnodb``.

    event                 level    when
    ``write_failed``      error    a flat method could not write; the error is raised, but agno swallows some of them
    ``hook_failed``       error    `on_write_failed` itself raised, or returned what it may not
    ``outage_began``      error    no connection could be made
    ``outage_over``       warning  one could again
    ``statement_again``   warning  a statement failed and is run again: for the first time in its call, and every tenth

Every record has these fields, as attributes (`extra`), where they are known:

    ``event``             see above
    ``method``            agno's flat method: ``upsert_session``
    ``statement``         the name of a prepared statement: ``sessions.upsert``
    ``error``             the name of the error's class: ``UnavailableError``
    ``sqlstate``          PostgreSQL's code of the error
    ``sqlite_code``       SQLite's
    ``attempt``           how many times the statement has failed in this call
    ``pause``             seconds until it is run again
    ``seconds``           how long the outage has lasted
    ``where``             the line of the hook that failed: ``save (letters.py:31)``

A record never holds a value, SQL, a parameter, a host, a user or a password. What the database said is in the error's
`detail`, which nothing logs.
"""

from __future__ import annotations

from typing import Any

from agnodb.errors import AgnoDbError

_CODES = ("sqlstate", "sqlite_code")


def fields(event: str, error: BaseException | None = None, **others: Any) -> dict[str, Any]:
    """The `extra` of a record: `event`, what may be told of `error`, and those of `others` that are known."""
    told: dict[str, Any] = {"event": event}
    if error is not None:
        told["error"] = type(error).__name__
    if isinstance(error, AgnoDbError):
        told |= {name: error.facts[name] for name in _CODES if name in error.facts}
    return told | {name: value for name, value in others.items() if value is not None}


def named(error: BaseException) -> str:
    """The class of `error`, with the database's code."""
    codes = [error.facts[name] for name in _CODES if name in error.facts] if isinstance(error, AgnoDbError) else []
    return f"{type(error).__name__} ({codes[0]})" if codes else type(error).__name__
