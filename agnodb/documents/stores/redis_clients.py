"""Clients of Redis and Valkey, their URLs, and the door for their errors.

An error's class is looked for by its name: no driver is imported before one is needed.
"""

from __future__ import annotations

import errno
import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agnodb.config import redact
from agnodb.errors import AgnoDbError, ConfigurationError, MissingDriverError, StorageError, UnavailableError

_KNOWN = {"redis": "redis", "rediss": "rediss", "unix": "unix", "valkey": "redis", "valkeys": "rediss"}
"""Schemes, and those of them that redis-py knows."""
_CLUSTER = "+cluster"
EXAMPLE = "redis://user:password@localhost:6379/0"

# What the URL leaves open, in seconds.
_TIMES = {"socket_connect_timeout": 2.0, "socket_timeout": 10.0}

_CONNECTIONS, _PATIENCE = 32, 10.0
"""At most, for each event loop or process; and how many seconds a call waits for one of them."""

_NO_RIGHT = frozenset({"AuthenticationError", "AuthorizationError", "NoPermissionError"})
# The server has not done it, and may when it is asked again: it loads, fails over, or has another master.
_NOT_DONE = frozenset(
    {
        "AskError",
        "BusyLoadingError",
        "ClusterDownError",
        "MasterDownError",
        "MaxConnectionsError",
        "MovedError",
        "ReadOnlyError",
        "SlotNotCoveredError",
        "TryAgainError",
    }
)
_LOST = frozenset({"ConnectionError", "OSError", "RedisClusterException", "TimeoutError"})
_NO_WAY = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOENT)


def is_redis(url: str) -> bool:
    """Whether `url` leads to Redis or Valkey."""
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme.removesuffix(_CLUSTER) in _KNOWN


def checked(url: str) -> str:
    """`url`. Raises ConfigurationError, without repeating it, where it is none of Redis."""
    if not is_redis(url):
        raise ConfigurationError(f"A Redis URL is needed, like {EXAMPLE}")
    return url


def safe(url: str) -> str:
    """`url` without its password."""
    path, question, options = url.partition("?")
    kept = "&".join(o for o in options.split("&") if not o.lower().startswith(("password=", "username=")))
    return redact(path) + (question + kept if kept else "")


def place_of(url: str) -> str:
    """Host, port and number of the database: the same for every user, password and option."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    number = parts.path.strip("/") or parse_qs(parts.query).get("db", ["0"])[0]
    return f"{(parts.hostname or 'localhost').lower()}:{parts.port or 6379}/{number}"


def place_of_client(client: Any) -> str:
    """Where a client leads to, as far as it tells."""
    given = getattr(getattr(client, "connection_pool", None), "connection_kwargs", {})
    if "host" in given:
        return f"{given['host']}:{given.get('port', 6379)}/{given.get('db') or 0}"
    nodes = getattr(getattr(client, "nodes_manager", None), "startup_nodes", {})
    return ",".join(sorted(nodes)) or str(given.get("path") or given.get("service_name") or "client")


def client_of(url: str, *, asynchronous: bool) -> Any:
    """A client of a checked URL. Raises MissingDriverError, ConfigurationError and UnavailableError."""
    try:
        import redis.asyncio
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise MissingDriverError(extra="redis", driver="redis", detail=str(error)) from None
    scheme, _, rest = url.partition("://")
    options: dict[str, Any] = {name: seconds for name, seconds in _TIMES.items() if f"{name}=" not in rest}
    url, home = f"{_KNOWN[scheme.removesuffix(_CLUSTER)]}://{rest}", redis.asyncio if asynchronous else redis
    try:
        if scheme.endswith(_CLUSTER):
            return home.RedisCluster.from_url(url, **options)
        # What fails is done again above, where it is known what may be. Whoever finds no connection waits for one.
        options |= {"retry": home.retry.Retry(NoBackoff(), 0), "max_connections": _CONNECTIONS, "timeout": _PATIENCE}
        return home.Redis.from_pool(home.BlockingConnectionPool.from_url(url, **options))
    except ValueError as error:
        raise ConfigurationError(f"A Redis URL is needed, like {EXAMPLE}", detail=redact(str(error))) from None
    except Exception as error:  # a blocking client looks for the cluster when it is made
        raise translate(error) from error


def translate(error: BaseException) -> AgnoDbError:
    """`error` as one of ours; one of ours is returned as it is.

    Facts: `refused` where nothing was done, `unreachable` where nothing was connected to.
    """
    if isinstance(error, AgnoDbError):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    detail = f"{type(error).__name__}: {error}"
    if kinds & _NO_RIGHT:
        return ConfigurationError("The database refused the user or the password, or lacks a right.", detail=detail)
    if "OutOfMemoryError" in kinds:
        return StorageError("The memory of the database is full.", detail=detail)
    if kinds & _NOT_DONE:
        return UnavailableError(detail=detail, refused=True)
    if kinds & _LOST:
        below = error.__cause__ or error.__context__
        unreachable = isinstance(below, socket.gaierror) or getattr(below, "errno", None) in _NO_WAY
        return UnavailableError(detail=detail, unreachable=unreachable)
    return StorageError(detail=detail)
