"""What every list can be filtered and sorted by, and pages of it.

`LISTINGS` is the promise that the models' indexes keep: each filter and each sort of each list is served by an
index on every backend (topics, which are elements of an array, on PostgreSQL). `scans` are what agno lets a list be
sorted by besides: nothing serves them, so all rows that match are looked at, of which a page keeps the first. A
`search` is a substring of text anywhere in a value, which an ordinary index cannot serve either (on PostgreSQL and
SQLite memories have one of grams): give both together with a filter. How whole documents compare is the database's
business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agnodb.errors import InvalidValueError

MAX_OFFSET = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: `filters` compare with `=`, `ranges` with `>=` and `<=`, `searches` look for a substring; it is sorted
    by one of `sorts`, or without an index by one of `scans`."""

    key: str
    filters: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ("created_at",)
    scans: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    default_sort: str = "created_at"
    default_order: str = "asc"
    """Where agno leaves the order open, rows come in the order in which they were made."""


_OWNERS = ("user_id", "agent_id", "team_id", "workflow_id")

_SESSION_DOCUMENTS = ("session_data", "agent_data", "team_data", "workflow_data", "metadata", "summary")

LISTINGS: Mapping[str, Listing] = {
    "sessions": Listing(
        key="session_id",
        filters=(*_OWNERS, "session_type"),
        ranges=("created_at",),
        sorts=("created_at", "updated_at", "session_id"),
        scans=("session_type", *_OWNERS, *_SESSION_DOCUMENTS),
        searches=("session_name",),
    ),
    "runs": Listing(
        key="run_id",
        filters=("session_id", *_OWNERS, "status"),
        sorts=("run_index", "created_at", "run_id"),  # by run_index within a session
        scans=("session_id", "run_type", *_OWNERS, "parent_run_id", "status", "run_data", "updated_at"),
        default_sort="run_index",
    ),
    "memories": Listing(
        key="memory_id",
        filters=("user_id", "agent_id", "team_id", "topics"),
        sorts=("created_at", "updated_at", "memory_id"),
        scans=("memory", "topics", "user_id", "agent_id", "team_id", "input", "feedback"),
        searches=("memory",),
    ),
    "knowledge": Listing(
        key="id",
        filters=("user_id", "linked_to"),
        sorts=("created_at", "updated_at", "id"),
        scans=(
            "name",
            "description",
            "metadata",
            "type",
            "size",
            "linked_to",
            "access_count",
            "status",
            "status_message",
            "external_id",
            "user_id",
        ),
    ),
    "traces": Listing(
        key="trace_id",
        filters=("run_id", "session_id", *_OWNERS, "status"),
        ranges=("start_time", "end_time", "created_at"),
        sorts=("start_time",),
        default_sort="start_time",
        default_order="desc",
    ),
    "spans": Listing(
        key="span_id",
        filters=("trace_id", "parent_span_id"),
        ranges=("start_time",),
        sorts=("start_time",),
        default_sort="start_time",
    ),
    "approvals": Listing(
        key="id",
        filters=(
            "status",
            "source_type",
            "approval_type",
            "pause_type",
            *_OWNERS,
            "schedule_id",
            "run_id",
        ),
        default_order="desc",
    ),
    "schedules": Listing(key="id", filters=("user_id", "enabled", "name"), default_order="desc"),
    "schedule_runs": Listing(key="id", filters=("schedule_id", "user_id"), default_order="desc"),
    "metrics": Listing(key="id", filters=("user_id",), ranges=("date",), sorts=("date",), default_sort="date"),
    "eval_runs": Listing(
        key="run_id",
        filters=(*_OWNERS, "model_id", "eval_type"),
        sorts=("created_at", "updated_at", "run_id"),
        scans=(
            "eval_type",
            "name",
            *_OWNERS,
            "model_id",
            "model_provider",
            "evaluated_component_name",
            "eval_data",
            "eval_input",
        ),
        default_order="desc",
    ),
    "learnings": Listing(
        key="learning_id",
        filters=(
            "learning_type",
            *_OWNERS,
            "session_id",
            "namespace",
            "entity_id",
            "entity_type",
        ),
        sorts=("created_at", "updated_at", "learning_id"),
        scans=("learning_type", "namespace", *_OWNERS, "session_id", "entity_id", "entity_type", "content", "metadata"),
        searches=("content",),
        default_sort="updated_at",
        default_order="desc",
    ),
    "schema_versions": Listing(key="table_name", sorts=("table_name",), default_sort="table_name"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows of a list to return, in which order. Pages count from 1; no `limit` means all rows.

    The total that comes with a page is exact below 10,000 rows and in a transaction; a larger one may be ten seconds
    old (see `agnodb.rules.totals`).
    """

    limit: int | None = None
    page: int | None = None
    sort_by: str | None = None
    sort_order: str | None = None

    def checked(self, listing: Listing) -> Page:
        """This page with the listing's defaults filled in.

        Raises InvalidValueError for a page below 1 or without a limit, a negative limit, an offset beyond 64 bits,
        a sort field that the listing does not have, or an order other than 'asc' and 'desc'.
        """
        _check_count("limit", self.limit, least=0)
        _check_count("page", self.page, least=1)
        if self.page is not None and self.limit is None:
            raise InvalidValueError("A page needs a limit.")
        sort_by, sort_order = self.sort_by or listing.default_sort, self.sort_order
        known = (*listing.sorts, *listing.scans)
        if sort_by not in known:
            raise InvalidValueError(f"Cannot sort by that field. Known: {', '.join(known)}.", detail=sort_by)
        if sort_order is None:  # a caller who names a field but no order gets the latest first, as in agno
            sort_order = listing.default_order if self.sort_by is None else "desc"
        if sort_order not in ("asc", "desc"):
            raise InvalidValueError("The sort order must be 'asc' or 'desc'.", detail=str(sort_order))
        page = Page(self.limit, self.page, sort_by, sort_order)
        if page.offset > MAX_OFFSET:
            raise InvalidValueError("The page is too far out.", detail=str(page.offset))
        return page

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit if self.page is not None and self.limit is not None else 0


def _check_count(name: str, value: int | None, *, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_OFFSET:
        raise InvalidValueError(f"The {name} must be a whole number from {least} on.", detail=repr(value))


def present(**filters: Any) -> dict[str, Any]:
    """The filters that are set: None means 'any', as agno defines it."""
    return {name: value for name, value in filters.items() if value is not None}
