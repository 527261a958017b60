"""Clients of DynamoDB, its URLs, and the door for their errors.

An error's class is looked for by its name: no driver is imported before one is needed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from agnodb.errors import (
    AgnoDbError,
    ConfigurationError,
    ConflictError,
    MissingDriverError,
    StorageError,
    UnavailableError,
)

EXAMPLE = "dynamodb://eu-central-1/agno?endpoint=http://localhost:8000"
DEFAULT_TABLE = "agno"

# Seconds. What fails is done again above, where it is known what may be, so here nothing is.
_TIMES = {"connect_timeout": 2.0, "read_timeout": 10.0}
_CONNECTIONS = 32

_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")

_NOT_MET = "ConditionalCheckFailed"
_NO_RIGHT = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "NoCredentialsError",
        "NoRegionError",
        "NotAuthorized",
        "PartialCredentialsError",
        "ProfileNotFound",
        "UnrecognizedClientException",
    }
)
# The service has not done it, and may when it is asked again: too much at once, or others at the same items.
_NOT_DONE = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_LOST = frozenset({"HTTPClientError", "InternalServerError", "InternalFailure", "OSError", "TimeoutError"})
_NO_WAY = frozenset({"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"})


@dataclass(frozen=True, slots=True)
class Place:
    """Which table, and where it is."""

    region: str | None
    table: str = DEFAULT_TABLE
    endpoint: str | None = None
    """The URL of a server that is not Amazon's."""

    def __post_init__(self) -> None:
        if not _TABLE.fullmatch(self.table):
            raise ConfigurationError("The name of a table has 3 to 255 letters, digits, underscores, dots and hyphens.")

    @classmethod
    def of(cls, url: str) -> Place:
        """The place of a URL. Raises ConfigurationError, without repeating it, where it is none of DynamoDB."""
        parts = urlsplit(url)
        if parts.scheme != "dynamodb" or "@" in parts.netloc:
            raise ConfigurationError(f"A DynamoDB URL is needed, like {EXAMPLE}")
        endpoint = parse_qs(parts.query).get("endpoint", [None])[0]
        return cls(parts.netloc or region_of_environment(), parts.path.strip("/") or DEFAULT_TABLE, endpoint)

    @classmethod
    def of_client(cls, client: Any, table: str) -> Place:
        """Where a client leads to."""
        meta = client.meta
        return cls(meta.region_name, table, None if "amazonaws" in meta.endpoint_url else meta.endpoint_url)

    @property
    def url(self) -> str:
        endpoint = "" if self.endpoint is None else f"?endpoint={quote(self.endpoint, safe=':/')}"
        return f"dynamodb://{self.region or ''}/{self.table}{endpoint}"


def region_of_environment() -> str | None:
    """The region where no argument says one; None leaves it to the profile."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def client_of(place: Place, credentials: dict[str, str], *, asynchronous: bool) -> Any:
    """A client of boto3, or what is entered to have one of aiobotocore.

    Raises MissingDriverError and ConfigurationError.
    """
    given = {"region_name": place.region, "endpoint_url": place.endpoint, **credentials}
    try:
        if asynchronous:
            from aiobotocore.config import AioConfig as Config
            from aiobotocore.session import get_session as session
        else:
            from boto3.session import Session as session
            from botocore.config import Config
    except ImportError as error:
        raise MissingDriverError(extra="dynamodb", driver=str(error.name), detail=str(error)) from None
    config = Config(**_TIMES, max_pool_connections=_CONNECTIONS, retries={"total_max_attempts": 1})
    try:
        made = session()
        if asynchronous:
            _share_models(made)
        return (made.create_client if asynchronous else made.client)("dynamodb", config=config, **given)
    except Exception as error:
        raise translate(error) from error


_loaders: dict[str | None, Any] = {}


def _share_models(session: Any) -> None:
    """Have the sessions of all event loops read botocore's descriptions of services once: that takes 0.15 seconds."""
    path = session.get_config_variable("data_path")
    session.register_component("data_loader", _loaders.setdefault(path, session.get_component("data_loader")))


def translate(error: BaseException) -> AgnoDbError:
    """`error` as one of ours; one of ours is returned as it is.

    Facts: `refused` where nothing was done, `unreachable` where nothing was connected to. A condition that is not met
    is a ConflictError with the `codes` of all items of its transaction.
    """
    if isinstance(error, AgnoDbError):
        return error
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    reasons = [str(reason.get("Code")) for reason in answer.get("CancellationReasons", ())]
    code = str(answer.get("Error", {}).get("Code", ""))
    kinds = {kind.__name__ for kind in type(error).__mro__} | {code, *reasons}
    detail = f"{type(error).__name__}: {error}"
    if kinds & {_NOT_MET, f"{_NOT_MET}Exception"}:
        return ConflictError(detail=detail, codes=reasons or [_NOT_MET])
    if kinds & _NO_RIGHT:
        return ConfigurationError("The database refused the user or the password, or lacks a right.", detail=detail)
    if kinds & _NOT_DONE:
        return UnavailableError(detail=detail, refused=True)
    if kinds & (_LOST | _NO_WAY):
        return UnavailableError(detail=detail, unreachable=bool(kinds & _NO_WAY))
    if answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return UnavailableError(detail=detail)
    return StorageError(detail=detail)


def unmet(error: ConflictError) -> int:
    """The number of the first item whose condition is not met."""
    codes: list[str] = error.facts["codes"]
    return codes.index(_NOT_MET)
