"""Clients of Firestore, its URLs, and the door for their errors.

An error's class is looked for by its name: no driver is imported before one is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agnodb.awaiting import settled
from agnodb.errors import (
    AgnoDbError,
    ConfigurationError,
    ConflictError,
    MissingDriverError,
    StorageError,
    UnavailableError,
)

EXAMPLE = "firestore://project/database"
DEFAULT_DATABASE = "(default)"

_NAME = re.compile(r"[A-Za-z0-9:._-]+")
_DATABASE = re.compile(r"[a-z][a-z0-9-]{2,62}|\(default\)")

SECONDS = 10.0
"""Of one request, and of a query that reads a list."""
_LONG = 60.0

_NO_RIGHT = frozenset({"DefaultCredentialsError", "Forbidden", "RefreshError", "Unauthorized"})
_NOT_AS_EXPECTED = frozenset({"AlreadyExists", "FailedPrecondition", "NotFound"})
# The service has not done it, and may when it is asked again: others were at the same documents, or it was too much.
_NOT_DONE = frozenset({"Aborted", "ResourceExhausted", "TooManyRequests"})
_LOST = frozenset(
    {
        "Cancelled",
        "ConnectionError",
        "GatewayTimeout",
        "OSError",
        "RetryError",
        "RpcError",
        "ServerError",
        "TimeoutError",
    }
)
_NO_WAY = re.compile("failed to connect|connection refused|name resolution|DNS", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Which database of which project."""

    project: str
    database: str = DEFAULT_DATABASE

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.project):
            raise ConfigurationError(f"The name of a project is needed, or a URL like {EXAMPLE} as db_url.")
        if not _DATABASE.fullmatch(self.database):
            raise ConfigurationError("The name of a database has 3 to 63 small letters, digits and hyphens.")

    @classmethod
    def of(cls, url: str) -> Place:
        """The place of a URL. Raises ConfigurationError, without repeating it, where it is none of Firestore."""
        parts = urlsplit(url)
        if parts.scheme != "firestore" or "@" in parts.netloc:
            raise ConfigurationError(f"A Firestore URL is needed, like {EXAMPLE}")
        return cls(parts.netloc, parts.path.strip("/") or DEFAULT_DATABASE)

    @property
    def url(self) -> str:
        return f"firestore://{self.project}/{self.database}"


def client_of(place: Place, *, asynchronous: bool) -> Any:
    """A client of google-cloud-firestore. Raises MissingDriverError and ConfigurationError."""
    try:
        from google.cloud import firestore
    except ImportError as error:
        raise MissingDriverError(extra="firestore", driver="google-cloud-firestore", detail=str(error)) from None
    try:
        made = firestore.AsyncClient if asynchronous else firestore.Client
        return made(project=place.project, database=place.database)
    except Exception as error:
        raise translate(error) from error


class Requests:
    """Requests of a client, blocking or not. What fails is done again above, where it is known what may be.

    Raises what `translate` makes of errors.
    """

    def __init__(self, client: Any) -> None:
        from google.api_core.retry import AsyncRetry, Retry
        from google.cloud.firestore import AsyncClient

        self.client = client
        kind = AsyncRetry if isinstance(client, AsyncClient) else Retry
        self._once = {"retry": kind(predicate=lambda _error: False)}

    async def read(self, references: list[Any], names: list[str] | None = None) -> list[Any]:
        """Snapshots of the documents that are there, in no order, or these fields of them."""
        try:
            answers = self.client.get_all(references, names, timeout=SECONDS, **self._once)
            found = [one async for one in answers] if hasattr(answers, "__aiter__") else [*answers]
        except Exception as error:
            raise _of_read(error) from error
        return [one for one in found if one.exists]

    async def query(self, query: Any) -> list[Any]:
        """What a query or an aggregation returns."""
        try:
            return [*await settled(query.get(timeout=_LONG, **self._once))]
        except Exception as error:
            raise _of_read(error) from error

    async def commit(self, batch: Any) -> list[Any]:
        """The results of a batch of writes. Raises ConflictError where a document is not as one of them expects."""
        try:
            return [*await settled(batch.commit(timeout=SECONDS, **self._once))]
        except Exception as error:
            raise translate(error) from error

    async def close(self) -> None:
        """Close the channel: the client has no method for it."""
        opened = getattr(self.client, "_firestore_api_internal", None)
        if opened is not None:
            try:
                await settled(opened.transport.close())
            except Exception as error:
                raise translate(error) from error


def _of_read(error: Exception) -> AgnoDbError:
    made = translate(error)
    if isinstance(made, ConflictError):  # a read expects nothing of documents
        return ConfigurationError("There is no such database.", detail=made.detail)
    return made


def translate(error: BaseException) -> AgnoDbError:
    """`error` as one of ours; one of ours is returned as it is. What is not as expected is a ConflictError.

    Facts: `refused` where nothing was done, `unreachable` where nothing was connected to.
    """
    if isinstance(error, AgnoDbError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    detail = f"{type(error).__name__}: {error}"
    if "FailedPrecondition" in kinds and "requires an index" in str(error):
        return ConfigurationError("An index is missing: `agnodb firestore-indexes` writes their file.", detail=detail)
    if kinds & _NOT_DONE:  # before those that are as expected: Aborted is a Conflict
        return UnavailableError(detail=detail, refused=True)
    if kinds & _NOT_AS_EXPECTED:
        return ConflictError(detail=detail)
    if kinds & _NO_RIGHT:
        return ConfigurationError("The database refused the credentials, or they lack a right.", detail=detail)
    if kinds & _LOST:
        return UnavailableError(detail=detail, unreachable=bool(_NO_WAY.search(str(error))))
    return StorageError(detail=detail)
