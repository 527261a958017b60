"""Which indexes a collection has: what serves the lists of `agnodb.filters.LISTINGS`, at the price of one entry each.

Each filter is served in the order of the list's default sort, and the whole list in every sort. A list by several
filters, or by one in another order, goes through the best index and looks at what the other filters leave out
(`agnodb.documents.repository.DocumentRepository.paged`). Sessions have one for every set of filters that agno asks
for. Fields that no column has are made by the repositories.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

from agnodb.documents.store import Index
from agnodb.filters import LISTINGS

HISTORIES = "histories"
"""Beside each session: how many runs it had, and how often one was written. See `agnodb.documents.histories`."""

NAMES = "schedule_names"
"""Beside each schedule: its name, which is unique for its owner."""

LATEST = "latest"
"""Stands for the order of the last change, the latest first. Those of one second come in the order of their keys."""

COMPONENTS = ("agent_id", "team_id", "workflow_id")

RUNS_IN_ORDER = Index(("session_id",), "run_index")
RUNS_OF_STATUS = Index(("session_id", "status"), "run_index")
RUNS_CHANGED = Index(("session_id",), "change", descending=False)
DUE = Index(("enabled",), "next_run_at", descending=False)
LAST_RUN = Index(("schedule_id",), "last", descending=True)
"""What repositories read by themselves."""

_ONE_WAY = frozenset({"traces", "spans", "approvals", "schedules", "schedule_runs", "metrics", "schema_versions"})
"""Concepts whose lists agno asks for in their usual order only."""

_OTHERWISE: dict[str, tuple[str, ...]] = {
    "sessions": ("user_id", "session_type", "component_id"),
    "memories": ("user_id", "agent_id", "team_id"),  # topics are many for one memory
}
_FURTHER: dict[str, tuple[Index, ...]] = {
    "runs": (RUNS_CHANGED, RUNS_OF_STATUS),
    "memories": (Index(("user_id",), LATEST, descending=False),),
    "knowledge": (Index(("owner",), "created_at"), Index(("owner",), LATEST, descending=False)),
    "learnings": (Index(("owner",), LATEST, descending=False),),
    "approvals": (Index(("status", "user_id"), "created_at", descending=True),),
    "schedules": (DUE,),
    "schedule_runs": (LAST_RUN,),
}


@cache
def indexes(concept: str) -> tuple[Index, ...]:
    """The indexes of the collection of `concept`."""
    listing = LISTINGS[concept]
    filters = _OTHERWISE.get(concept, listing.filters)

    def index(names: tuple[str, ...], sort: str) -> Index:
        if sort == "updated_at":  # the latest are the first of that one
            return Index(names, LATEST, descending=False)
        return Index(names, sort, listing.default_order == "desc" if concept in _ONE_WAY else None)

    found = {index((), sort): None for sort in listing.sorts}
    if concept == "sessions":
        chosen = [names for count in (1, 2, 3) for names in combinations(filters, count)]
        found |= {index(names, sort): None for names in chosen for sort in ("created_at", "updated_at")}
    else:
        found |= {index((name,), listing.default_sort): None for name in filters}
    found |= dict.fromkeys(_FURTHER.get(concept, ()))
    return tuple(found)


@cache
def fields_of(concept: str) -> frozenset[str]:
    """The fields that the documents of `concept` have beside their text."""
    listing = LISTINGS[concept]
    named = {name for index in indexes(concept) for name in (*index.fields, index.sort)}
    return frozenset({*named, *listing.filters, *listing.ranges} - {"topics"})


@cache
def best(concept: str, filters: frozenset[str], sort: str) -> Index:
    """The index that serves most of `filters`, in the order of `sort` if one does so."""
    usable = [index for index in indexes(concept) if filters.issuperset(index.fields)]
    return max(usable, key=lambda index: (len(index.fields), index.sort == sort))
