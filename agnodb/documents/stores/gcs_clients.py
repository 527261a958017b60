"""Buckets of Google Cloud Storage, their URLs, and the door for their errors.

google-cloud-storage, because it sends a precondition with deletes too: obstore's clients have none there, so what
another has just written would be deleted. It blocks, so with an event loop it waits in threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from agnodb.errors import (
    AgnoDbError,
    ConfigurationError,
    ConflictError,
    MissingDriverError,
    StorageError,
    UnavailableError,
)

EXAMPLE = "gs://bucket/prefix"
DEFAULT_PREFIX = "agno/"

SECONDS = (2.0, 15.0)
"""To connect, and between two pieces of an answer."""

_CONNECTIONS = 32
"""Kept open at most."""

_NO_RIGHT = frozenset({"DefaultCredentialsError", "Forbidden", "RefreshError", "Unauthorized"})
_TOO_MUCH = frozenset({"TooManyRequests"})
_LOST = frozenset({"ConnectionError", "OSError", "RetryError", "ServerError", "Timeout", "TransportError"})
_NO_WAY = frozenset({"ConnectTimeout", "NewConnectionError", "MaxRetryError", "NameResolutionError"})


class Place(NamedTuple):
    """Which objects of which bucket."""

    bucket: str
    prefix: str
    """It ends with a slash."""

    @classmethod
    def of(cls, bucket: str | None, prefix: str | None) -> Place:
        """The place of a bucket's name and a prefix. Raises ConfigurationError."""
        if not bucket or "/" in bucket:
            raise ConfigurationError(f"The name of a bucket is needed, or a URL like {EXAMPLE} as db_url.")
        prefix = prefix or DEFAULT_PREFIX
        return cls(bucket, prefix if prefix.endswith("/") else f"{prefix}/")

    @classmethod
    def of_url(cls, url: str) -> Place:
        """The place of a URL. Raises ConfigurationError, without repeating it, where it is none of a bucket."""
        parts = urlsplit(url)
        if parts.scheme != "gs":
            raise ConfigurationError(f"The URL of a bucket is needed, like {EXAMPLE}")
        return cls.of(parts.netloc, parts.path.lstrip("/"))


def bucket_of(place: Place, project: str | None, credentials: Any) -> Any:
    """The client's bucket of a place. Raises MissingDriverError and ConfigurationError."""
    try:
        import google.cloud.storage as storage
        from requests.adapters import HTTPAdapter
    except ImportError as error:
        raise MissingDriverError(extra="gcs", driver="google-cloud-storage", detail=str(error)) from None
    try:
        client = storage.Client(project=project, credentials=credentials)
        for scheme in ("http://", "https://"):
            client._http.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
        return client.bucket(place.bucket)
    except Exception as error:
        raise translate(error) from error


def translate(error: BaseException) -> AgnoDbError:
    """`error` as one of ours; one of ours is returned as it is. What is not as expected is a ConflictError.

    Facts: `refused` where nothing was done, `unreachable` where nothing was connected to.
    """
    if isinstance(error, AgnoDbError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    reason = getattr(error.args[0], "reason", None) if error.args else None
    kinds |= set() if reason is None else {kind.__name__ for kind in type(reason).__mro__}
    detail = f"{type(error).__name__}: {error}"
    if "PreconditionFailed" in kinds:
        return ConflictError(detail=detail)
    if kinds & _NO_RIGHT:
        return ConfigurationError("The bucket refused the credentials, or they lack a right.", detail=detail)
    if kinds & _TOO_MUCH:
        return UnavailableError(detail=detail, refused=True)
    if kinds & (_LOST | _NO_WAY):
        return UnavailableError(detail=detail, unreachable=bool(kinds & _NO_WAY))
    return StorageError(detail=detail)
