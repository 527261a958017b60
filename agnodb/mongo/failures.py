"""The one door for MongoDB's errors: a driver's error becomes one of ours, by its code or its class.

Codes: https://www.mongodb.com/docs/manual/reference/error-codes/. A driver's class is looked for by its name: no
driver is imported here.
"""

from __future__ import annotations

from typing import Any

from agnodb.errors import (
    AgnoDbError,
    ConfigurationError,
    DuplicateKeyError,
    InvalidValueError,
    StorageError,
    UnavailableError,
    UnsupportedOperationError,
)

TOO_LARGE = (10334, 4568)
"""The codes of a document that is: of one that is written or answered, and of one that `$lookup` makes."""
_TOO_LARGE = "A document must not exceed 16 MB."
_REFUSED = "The database refused the user or the password."
_NO_RIGHT = "The database user lacks a right that this needs."

_CODES: dict[int, tuple[type[AgnoDbError], str | None]] = {
    2: (InvalidValueError, None),
    13: (ConfigurationError, _NO_RIGHT),
    15: (InvalidValueError, None),  # nested too deeply
    18: (ConfigurationError, _REFUSED),
    20: (UnsupportedOperationError, "The server has no transactions: they need a replica set."),
    121: (InvalidValueError, None),  # a validator
    **dict.fromkeys(TOO_LARGE, (InvalidValueError, _TOO_LARGE)),
    11000: (DuplicateKeyError, None),
    17280: (InvalidValueError, None),  # an index key that is too large
    8000: (ConfigurationError, _REFUSED),
}

# The server has not done it, and may when it is asked again: failovers, shutdowns, conflicts.
_NOT_DONE = frozenset({91, 112, 189, 244, 246, 251, 10107, 13435, 13436})
# The connection, the cursor or the time is gone, and nobody knows what was done.
_LOST = frozenset({6, 7, 43, 50, 89, 9001, 11600, 11602, 262, 64})


def translate(error: BaseException) -> AgnoDbError:
    """`error` as one of ours; one of ours is returned as it is. Facts: `code`, and `refused` where nothing was done."""
    if isinstance(error, AgnoDbError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    code = _code(error)
    if code in _CODES:
        kind, message = _CODES[code]
        details = getattr(error, "details", None)
        inserted = {"inserted": details["nInserted"]} if isinstance(details, dict) and "nInserted" in details else {}
        return _made(kind, message, error, code=code, **inserted)
    if code in _NOT_DONE:
        return _made(UnavailableError, None, error, code=code, refused=True)
    if code in _LOST:
        return _made(UnavailableError, None, error, code=code)
    if "ServerSelectionTimeoutError" in kinds:
        return _made(UnavailableError, None, error)
    if kinds & {"ConnectionFailure", "WTimeoutError", "OSError", "CursorNotFound", "WaitQueueTimeoutError"}:
        return _made(UnavailableError, None, error)
    if kinds & {"DocumentTooLarge"}:
        return _made(InvalidValueError, _TOO_LARGE, error)
    if kinds & {"InvalidDocument", "InvalidStringData", "OverflowError", "InvalidBSON"}:
        return _made(InvalidValueError, None, error)
    if kinds & {"ConfigurationError", "InvalidURI", "InvalidName"}:
        return _made(ConfigurationError, None, error)
    if "InvalidOperation" in kinds:
        return _made(ConfigurationError, "This database object is closed.", error)
    return _made(StorageError, None, error, **({} if code is None else {"code": code}))


def was_sent(error: BaseException) -> bool:
    """Whether the command had got as far as a server."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return not kinds & {"ServerSelectionTimeoutError", "WaitQueueTimeoutError"}


def _code(error: BaseException) -> int | None:
    code = getattr(error, "code", None)
    details = getattr(error, "details", None)
    if isinstance(details, dict) and details.get("writeErrors"):  # of a bulk
        codes = [failed.get("code", code) for failed in details["writeErrors"]]
        code = next((other for other in codes if other != 11000), codes[0])
    elif code is None and isinstance(details, dict):  # of a server that is no longer the primary
        code = details.get("code")
    return code if isinstance(code, int) else None


def _made(kind: type[AgnoDbError], message: str | None, error: BaseException, **facts: Any) -> AgnoDbError:
    return kind(message, detail=f"{type(error).__name__}: {error}", **facts)
