"""Every error agnodb raises, in one tree (the number is `status_code`).

    AgnoDbError                          500
      ConfigurationError                 500
        MissingDriverError               500
        WrongLoopError                   500
      StorageError                       500
        NotFoundError                    404
        ConflictError                    409
          DuplicateKeyError              409
          StaleVersionError              409
          OwnershipError                 403
        UnavailableError                 503
        SchemaOutdatedError              503
        UnsupportedOperationError        501
        InvalidValueError (ValueError)   400

`str(error)` may reach an end user: agno makes it the assistant's answer when a read fails inside a run. So it
is a sentence written in this code base, and never holds a host, a user, SQL, a parameter or a value. Whatever
helps the operator goes into `detail` (text for the log) and `facts` (for example `sqlstate=` or `table=`, and
`maybe_done=True` where a connection was lost and nobody knows whether the write was done). The driver's error is the
`__context__` of what a flat method raises: agno prints tracebacks, with all causes.
"""

from __future__ import annotations

import copyreg
from typing import Any, ClassVar


class AgnoDbError(Exception):
    """Root of all errors of agnodb.

    `message` replaces the sentence of the class, and must be as safe to show as that one is.
    """

    status_code: ClassVar[int] = 500
    default_message: ClassVar[str] = "The database layer failed."

    def __init__(self, message: str | None = None, *, detail: str | None = None, **facts: Any) -> None:
        super().__init__(self.default_message if message is None else message)
        self.detail = detail
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own calls __init__ with `args` alone, which fails where a subclass needs keywords.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class ConfigurationError(AgnoDbError):
    """The application has set agnodb up in a way that cannot work."""

    default_message = "The database layer is not configured correctly."


class MissingDriverError(ConfigurationError):
    """A driver is not installed; the message is the command that installs it."""

    def __init__(self, *, extra: str, driver: str, detail: str | None = None, **facts: Any) -> None:
        message = f"The driver {driver!r} is not installed. Install it with: pip install 'agnodb[{extra}]'"
        super().__init__(message, detail=detail, extra=extra, driver=driver, **facts)


class WrongLoopError(ConfigurationError):
    """An object that belongs to one event loop was used from another."""

    default_message = "This database object belongs to another event loop."


class StorageError(AgnoDbError):
    """The database refused or failed an operation."""

    default_message = "The database operation failed."


class NotFoundError(StorageError):
    """The row that the operation needs does not exist."""

    status_code = 404
    default_message = "The record was not found."


class ConflictError(StorageError):
    """The operation contradicts what is stored."""

    status_code = 409
    default_message = "The record conflicts with what is stored."


class DuplicateKeyError(ConflictError):
    """A row with this key exists already."""

    default_message = "A record with this key exists already."


class StaleVersionError(ConflictError):
    """The row was changed by somebody else since it was read."""

    default_message = "The record was changed in the meantime. Read it again and repeat."


class OwnershipError(ConflictError):
    """The row belongs to another user."""

    status_code = 403
    default_message = "The record belongs to another user."


class UnavailableError(StorageError):
    """The database cannot be reached, or took too long; the same call may succeed later."""

    status_code = 503
    default_message = "The database is not available at the moment."


class SchemaOutdatedError(StorageError):
    """The schema is older than this code needs; the message ends with the `command` that upgrades it.

    `command` is shown as it is: it names no URL or password.
    """

    status_code = 503

    def __init__(self, *, command: str, detail: str | None = None, **facts: Any) -> None:
        message = f"The database schema is out of date. Upgrade it with: {command}"
        super().__init__(message, detail=detail, command=command, **facts)


class UnsupportedOperationError(StorageError):
    """This backend cannot do what was asked."""

    status_code = 501
    default_message = "This database does not support the operation."


class InvalidValueError(StorageError, ValueError):
    """A value cannot be stored, or what is stored cannot be read. agno's callers catch it as a ValueError."""

    status_code = 400
    default_message = "The value cannot be stored."
