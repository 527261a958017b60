"""Constructor arguments that the databases have in common, each name written once.

A database class spells out where its data is, and takes the rest as keywords of a TypedDict that is put together from
the parts below, in the order in which agno's class of that name has them:

    class MyArguments(CommonTables, ComponentsTable, LaterTables, AccessTables, SchemaCreation, Policing, total=False):
        further: int

    class AsyncMyDb(SqlDatabase):
        @as_in_agno
        def __init__(self, id: str | None = None, db_url: str | None = None, **given: Unpack[MyArguments]) -> None:
            ...

Type checkers and editors know every name, `inspect.signature` lists them, and `as_in_agno` lets them be given by
position, as agno's classes do.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar, get_args, get_type_hints

from agnodb.config import TableNames
from agnodb.drivers import Connecting, Pooler
from agnodb.errors import ConfigurationError
from agnodb.executors.run_cache import DEFAULT_MEGABYTES
from agnodb.policies import OnConflict, OnWriteFailed, Policies
from agnodb.urls import async_url, place_of

F = TypeVar("F", bound=Callable[..., None])

_HIDDEN = "***"

# -- the names, in agno's order -------------------------------------------------------------------------------------


class FirstTables(TypedDict, total=False):
    """The tables that agno's first databases had, and all have since."""

    session_table: str | None
    runs_table: str | None
    memory_table: str | None
    metrics_table: str | None
    eval_table: str | None
    knowledge_table: str | None
    traces_table: str | None
    spans_table: str | None


class CommonTables(FirstTables, total=False):
    """The tables that all of agno's SQL databases have."""

    versions_table: str | None


class ComponentsTable(TypedDict, total=False):
    """Components, which agno's async classes name and its sync classes keep."""

    components_table: str | None


class ComponentTables(ComponentsTable, total=False):
    """What belongs to a component, in agno's sync classes."""

    component_configs_table: str | None
    component_links_table: str | None


class LaterTables(TypedDict, total=False):
    """Learnings, schedules, and agno's company pages."""

    learnings_table: str | None
    schedules_table: str | None
    products_table: str | None
    sources_table: str | None
    projects_table: str | None
    tasks_table: str | None
    schedule_runs_table: str | None


class JobTable(TypedDict, total=False):
    """agno's queue of jobs."""

    job_table: str | None


class AccessTables(TypedDict, total=False):
    """Approvals, and who may do what."""

    approvals_table: str | None
    auth_tokens_table: str | None
    service_accounts_table: str | None


class McpOauthTables(TypedDict, total=False):
    """What agno's OAuth server for MCP keeps, in its sync classes."""

    mcp_oauth_clients_table: str | None
    mcp_oauth_transactions_table: str | None
    mcp_oauth_codes_table: str | None
    mcp_oauth_refresh_tokens_table: str | None
    mcp_oauth_keys_table: str | None


class Identity(TypedDict, total=False):
    """Where agno's class takes the id after the tables."""

    id: str | None


class SchemaCreation(TypedDict, total=False):
    """Whether a server that finds no tables makes them."""

    create_schema: bool


class SandboxTable(TypedDict, total=False):
    """agno's sandboxes."""

    sandbox_table: str | None


# -- the names that agno does not have ------------------------------------------------------------------------------


class FurtherTables(TypedDict, total=False):
    """The tables that agno's classes for other databases than SQL do not name."""

    versions_table: str | None
    learnings_table: str | None
    schedules_table: str | None
    schedule_runs_table: str | None
    approvals_table: str | None


class Pooling(TypedDict, total=False):
    """How connections are kept, and how long calls go on; see `agnodb.drivers.Connecting`."""

    pool_size: int | None
    pool_timeout: float | None
    lock_timeout: float | None
    retry_timeout: float | None


class ServerConnecting(Pooling, total=False):
    """How a server is connected to, besides."""

    pooler: Pooler | None
    migrations_url: str | None
    connect_timeout: float | None
    statement_timeout: float | None
    application_name: str | None
    keepalives: float | None


class Caching(TypedDict, total=False):
    """How many megabytes of runs are kept at most, counted by their stored text (64; 0: none), see
    `agnodb.executors.run_cache`."""

    run_cache_mb: float


class Policing(TypedDict, total=False):
    """See `agnodb.policies.Policies`."""

    strict_owner: bool
    on_conflict: OnConflict
    counters: Sequence[str] | None
    on_write_failed: OnWriteFailed | None
    media: Any


_DEFAULTS: Mapping[str, Any] = {
    "create_schema": True,
    "strict_owner": False,
    "on_conflict": "last_write_wins",
    "run_cache_mb": DEFAULT_MEGABYTES,
}
"""Of the arguments above whose default is not None."""


def as_in_agno(constructor: F) -> F:
    """`constructor` with the keywords of its `**given` listed by `inspect.signature`, and taken by position too."""
    *own, given = inspect.signature(constructor).parameters.values()
    (keywords,) = get_args(get_type_hints(constructor)[given.name])
    annotations = get_type_hints(keywords)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = [
        inspect.Parameter(name, kind, default=_DEFAULTS.get(name), annotation=annotation)
        for name, annotation in annotations.items()
    ]
    signature = inspect.Signature([*own, *named])

    @functools.wraps(constructor)
    def construct(*args: Any, **kwargs: Any) -> None:
        constructor(**signature.bind(*args, **kwargs).arguments)

    construct.__signature__ = signature  # type: ignore[attr-defined]
    return construct  # type: ignore[return-value]


# -- what was given -------------------------------------------------------------------------------------------------


def table_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The names among `arguments` of the tables that agnodb keeps."""
    return {name: arguments.get(name) for name in TableNames.arguments()}


def other_tables(arguments: Mapping[str, Any]) -> dict[str, str | None]:
    """The names among `arguments` of agno's further tables: agnodb does not keep them, agno's base knows them."""
    kept = {*TableNames.arguments(), "sandbox_table"}
    return {name: value for name, value in arguments.items() if name.endswith("_table") and name not in kept}


def names_for_agno(names: TableNames) -> dict[str, str]:
    """The attributes under which agno looks for the names of the tables."""
    return {
        "session_table_name": names.sessions,
        "runs_table_name": names.runs,
        "memory_table_name": names.memories,
        "metrics_table_name": names.metrics,
        "eval_table_name": names.eval_runs,
        "knowledge_table_name": names.knowledge,
        "trace_table_name": names.traces,
        "span_table_name": names.spans,
        "versions_table_name": names.schema_versions,
        "learnings_table_name": names.learnings,
        "schedules_table_name": names.schedules,
        "schedule_runs_table_name": names.schedule_runs,
        "approvals_table_name": names.approvals,
    }


def connecting_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those among `arguments` that say how connections are made and kept (see `Connecting`)."""
    return {name: arguments[name] for name in Connecting.names() if arguments.get(name) is not None}


def policy_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those among `arguments` that are policies (see `Policies`)."""
    return {name: arguments[name] for name in Policies.names() if arguments.get(name) is not None}


def cache_arguments(arguments: Mapping[str, Any]) -> dict[str, float]:
    """`run_cache_mb`, if it is among `arguments` and not the default. Raises ConfigurationError for no such number."""
    megabytes = arguments.get("run_cache_mb", DEFAULT_MEGABYTES)
    if isinstance(megabytes, bool) or not isinstance(megabytes, int | float) or not 0 <= megabytes < 1_000_000:
        raise ConfigurationError("run_cache_mb is a number of megabytes.")
    return {} if megabytes == DEFAULT_MEGABYTES else {"run_cache_mb": megabytes}


def rebuilt_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor arguments of a `to_dict()`, but for its places and passwords."""
    return {
        "id": data.get("id"),
        **table_arguments(data),
        **other_tables(data),
        **connecting_arguments(data),
        **policy_arguments(data),
        **cache_arguments(data),
    }


def connecting_of(arguments: Mapping[str, Any]) -> Connecting:
    """How connections are made by a constructor with `arguments`. Raises ConfigurationError.

    An engine that was passed in connects in its own way, of which only the pooler is to be known.
    """
    given = connecting_arguments(arguments)
    if arguments.get("db_engine") is not None and (of_engine := sorted(given.keys() - {"pooler", "retry_timeout"})):
        raise ConfigurationError(f"With db_engine, {of_engine[0]} is an argument of create_engine, not of this class.")
    return Connecting(**given)


def rebuilt_url(
    url: str | None, complete: str | None, variable: str = "AGNODB_URL", *, place: Callable[[str], str] | None = None
) -> str | None:
    """`url`, or `complete` where `url` is the same `place` (by default that of SQL) with something secret hidden.

    Raises ConfigurationError where `complete`, the value of `variable`, is another place or none.
    """
    if url is None or _HIDDEN not in url:
        return url
    place = place or _sql_place
    if complete is not None and place(complete) == place(url):
        return complete
    raise ConfigurationError(f"The password is not part of a stored database. Set {variable} to its complete URL.")


def _sql_place(url: str) -> str:
    return place_of(async_url(url))
