"""The one door for database errors: a driver's error becomes one of ours, by its code and never by its text.

PostgreSQL gives a SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), SQLite an extended
result code (https://www.sqlite.org/rescode.html), MySQL and MariaDB an errno
(https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html), which is told here as the SQLSTATE that
PostgreSQL has for it: their own are coarser. What the driver said goes into `detail`, for the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import exc

from agnodb.errors import (
    AgnoDbError,
    ConfigurationError,
    DuplicateKeyError,
    InvalidValueError,
    NotFoundError,
    SchemaOutdatedError,
    StorageError,
    UnavailableError,
)

_NO_PARENT = "A record that this one belongs to does not exist."
_REFUSED = "The database refused the user or the password."
_NO_DATABASE = "There is no such database on the server."
_POOLED = "Statements are lost between calls. Behind a pooler in transaction mode, pass pooler='transaction'."
_NO_RIGHT = "The database user lacks a right that this needs."
_NOT_A_DATABASE = "The file is not a SQLite database."

# The longest prefix of a SQLSTATE that is listed decides.
_SQLSTATES: dict[str, tuple[type[AgnoDbError], str | None]] = {
    "08": (UnavailableError, None),  # connection exceptions
    "22": (InvalidValueError, None),  # data exceptions
    "23": (InvalidValueError, None),  # NOT NULL and CHECK
    "23503": (NotFoundError, _NO_PARENT),
    "23505": (DuplicateKeyError, None),
    "25006": (UnavailableError, None),  # read-only: a replica, or a server that fails over
    "26000": (ConfigurationError, _POOLED),  # a prepared statement that another connection had
    "28": (ConfigurationError, _REFUSED),
    "3D000": (ConfigurationError, _NO_DATABASE),
    "40": (UnavailableError, None),  # deadlocks and serialisation failures: the same call may succeed
    "42501": (ConfigurationError, _NO_RIGHT),
    "42P05": (ConfigurationError, _POOLED),  # a prepared statement that this connection has already
    "53": (UnavailableError, None),  # insufficient resources
    "54": (InvalidValueError, None),  # program limits: a key or document that is too large
    "55P03": (UnavailableError, None),  # lock timeout
    "57": (UnavailableError, None),  # shutdown, query cancelled
    "58": (UnavailableError, None),  # disk errors
}

_MISSING_SCHEMA = ("3F000", "42703", "42P01")  # no such schema, column, table

_SQLITE_CODES: dict[int, tuple[type[AgnoDbError], str | None]] = {
    5: (UnavailableError, None),  # BUSY
    6: (UnavailableError, None),  # LOCKED
    8: (UnavailableError, None),  # READONLY
    10: (UnavailableError, None),  # IOERR
    13: (UnavailableError, None),  # FULL
    14: (UnavailableError, None),  # CANTOPEN
    18: (InvalidValueError, None),  # TOOBIG
    19: (InvalidValueError, None),  # CONSTRAINT
    26: (ConfigurationError, _NOT_A_DATABASE),
    787: (NotFoundError, _NO_PARENT),
    1555: (DuplicateKeyError, None),
    2067: (DuplicateKeyError, None),
}

_TOO_LARGE = "A value is larger than the server takes in one statement: its max_allowed_packet must be raised."

_ERRNOS = {
    1020: "40001", 1213: "40P01",  # changed by others (MariaDB); deadlock
    1205: "55P03", 3572: "55P03",  # lock wait timeout; NOWAIT
    1290: "25006", 1792: "25006", 1836: "25006",  # read-only
    1040: "53300", 1203: "53300", 1226: "53300",  # too many connections
    1021: "53100", 1114: "53100", 1041: "53200", 1037: "53200", 1038: "53200",  # disk, table, memory full
    1053: "57P01", 1077: "57P01", 1079: "57P01", 1927: "57P01", 3169: "57P01", 4031: "57P05",  # shutdown; killed; idle
    1317: "57014", 1969: "57014", 3024: "57014",  # interrupted; time is over
    2002: "08001", 2003: "08001", 2005: "08001", 2006: "08006", 2013: "08006", 2014: "08006", 2055: "08006",
    1042: "08001", 1043: "08001", 1158: "08006", 1159: "08006", 1160: "08006", 1161: "08006", 1184: "08006",
    1045: "28P01", 1698: "28P01", 1251: "28P01", 3118: "28P01",
    1044: "42501", 1142: "42501", 1143: "42501", 1227: "42501", 1370: "42501",
    1049: "3D000", 1146: "42P01", 1054: "42703",
    1062: "23505", 1586: "23505", 1216: "23503", 1452: "23503", 1217: "23503", 1451: "23503",
    1048: "23502", 1364: "23502", 3819: "23514", 4025: "23514",
    1153: "54000", 1301: "54000", 1118: "54000",
    1264: "22003", 1690: "22003", 1366: "22021", 1292: "22007", 1406: "22001", 1265: "22001", 3140: "22032",
    3141: "22032", 3988: "22021", 1267: "22021", 4037: "22032", 4038: "22032",
}  # fmt: skip

SQLITE_ERROR = 1
"""SQLite's code for a missing table or column, and for anything else it has no code for."""


def translate(error: BaseException, upgrade: str = "agnodb upgrade") -> AgnoDbError:
    """`error` as one of ours; one of ours is returned as it is. Facts: `sqlstate` or `sqlite_code`, if any.

    `upgrade` is the command that mends a missing table.
    """
    if isinstance(error, AgnoDbError):
        return error
    for cause in _causes(error):
        errno = errno_of(cause)
        if errno is not None:
            made = _by_sqlstate(_ERRNOS.get(errno, "HY000"), error, upgrade, _TOO_LARGE if errno == 1153 else None)
            made.facts["errno"] = errno
            return made
        sqlstate = getattr(cause, "sqlstate", None)
        if isinstance(sqlstate, str):
            return _by_sqlstate(sqlstate, error, upgrade)
        code = getattr(cause, "sqlite_errorcode", None)
        if isinstance(code, int):
            kind, message = _SQLITE_CODES.get(code) or _SQLITE_CODES.get(code & 0xFF, (StorageError, None))
            return _made(kind, message, error, sqlite_code=code)
    for cause in _causes(error):
        if isinstance(cause, (OSError, TimeoutError, exc.TimeoutError, exc.DisconnectionError)):
            return _made(UnavailableError, None, error)
        if isinstance(cause, (OverflowError, UnicodeError, exc.DataError)):
            return _made(InvalidValueError, None, error)
        if isinstance(cause, exc.DBAPIError) and cause.connection_invalidated:
            return _made(UnavailableError, None, error)
        if isinstance(cause, exc.InterfaceError):
            return _made(UnavailableError, None, error)
        if isinstance(cause, exc.OperationalError) and hasattr(cause.orig, "pgconn"):
            return _not_connected(getattr(cause.orig, "pgconn", None), error)
    return _made(StorageError, None, error)


def _not_connected(attempt: Any, error: BaseException) -> AgnoDbError:
    """psycopg's error without a code: a connection that could not be made, for which libpq has none. `attempt` tells
    whether a password was asked for: then the server is there, and has refused what it was told."""
    if attempt is not None and (attempt.needs_password or attempt.used_password):
        return _made(ConfigurationError, _REFUSED, error)
    return _made(UnavailableError, None, error)


def errno_of(error: Any) -> int | None:
    """The code of an error of MySQL, in the class that PyMySQL, aiomysql and asyncmy have in common by name."""
    if not any(kind.__name__ == "MySQLError" for kind in type(error).__mro__):
        return None
    code = error.args[0] if error.args else None
    return code if isinstance(code, int) and code else None


def sqlstate_of(error: Any) -> str | None:
    """The SQLSTATE of a driver's error, for one of MySQL that of PostgreSQL; None if it has none."""
    errno = errno_of(error)
    found = getattr(error, "sqlstate", None) if errno is None else _ERRNOS.get(errno)
    return found if isinstance(found, str) else None


def _by_sqlstate(sqlstate: str, error: BaseException, upgrade: str, message: str | None = None) -> AgnoDbError:
    if sqlstate in _MISSING_SCHEMA:
        return SchemaOutdatedError(command=upgrade, detail=f"{type(error).__name__}: {error}", sqlstate=sqlstate)
    for length in (5, 2):
        found = _SQLSTATES.get(sqlstate[:length])
        if found:
            return _made(found[0], message or found[1], error, sqlstate=sqlstate)
    return _made(StorageError, None, error, sqlstate=sqlstate)


def _made(kind: type[AgnoDbError], message: str | None, error: BaseException, **facts: Any) -> AgnoDbError:
    return kind(message, detail=f"{type(error).__name__}: {error}", **facts)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        cause = pending.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending += [getattr(cause, "orig", None), cause.__cause__]
