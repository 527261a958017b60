"""What is in a store of documents, and whether its lists and its records agree."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from agnodb.diagnosis.connecting import ROUND_TRIPS
from agnodb.diagnosis.contents import TableContents
from agnodb.diagnosis.facts import Latency
from agnodb.diagnosis.store_facts import FolderFacts, MemoryFacts, Setup, StoreFacts
from agnodb.documents.indexes import indexes
from agnodb.documents.repositories import DocumentRepositories
from agnodb.documents.store import Document, Index, Query
from agnodb.errors import AgnoDbError
from agnodb.filters import LISTINGS

_AT_ONCE = 500
WITHOUT = "places for"
"""What is said of a list that has more places than there are records."""
MOST = 10_000
"""So many records are read to compare them with their lists; `agnodb check` reads any number."""


async def read_collections(repositories: DocumentRepositories) -> list[TableContents]:
    """One for each concept. Bytes are not known: no store tells them of a collection."""
    return [await _read(getattr(repositories, concept), concept) for concept in LISTINGS]


async def _read(repository: Any, concept: str) -> TableContents:
    name = repository.address("")[0]
    rows = await _number(repository, concept)
    made, moments = Index((), "created_at"), list[str | None]([None, None])
    if made in indexes(concept):
        moments = [await _moment(repository, Query(name, made, descending=way)) for way in (False, True)]
    return TableContents(concept=concept, table=name, rows=rows, oldest=moments[0], newest=moments[1])


async def _moment(repository: Any, query: Query) -> str | None:
    found = await repository._executor.find(query, limit=1)
    if not found:
        return None
    value = found[0].fields["created_at"]
    try:
        return value if isinstance(value, str) else datetime.fromtimestamp(value, UTC).isoformat()
    except (OverflowError, ValueError, OSError):  # no date of the calendar
        return None


async def look_inside(
    repositories: DocumentRepositories, setup: Setup, connect_ms: float, ping: Callable[[], Awaitable[float]]
) -> StoreFacts:
    """All that is to be seen of a store that is there; `connect_ms` is how long its first answers took, `ping` gives
    the seconds of one request."""
    latency = None
    if not isinstance(setup, MemoryFacts | FolderFacts):
        taken = [await ping() * 1000 for _ in range(ROUND_TRIPS)]
        latency = Latency(connect_ms=connect_ms, round_trip_ms=round(statistics.median(taken), 3))
    records = sum([await _number(getattr(repositories, concept), concept) for concept in LISTINGS])
    found = None if records > MOST else tuple(await differences(repositories))
    return StoreFacts(setup=setup, latency=latency, records=records, differences=found)


async def _number(repository: Any, concept: str) -> int:
    number: int = await repository._executor.count(Query(repository.address("")[0], _whole(concept)))
    return number


async def differences(repositories: DocumentRepositories) -> list[str]:
    """What is the matter, a sentence each: records that cannot be read, and lists that do not have them."""
    found: list[str] = []
    for concept in LISTINGS:
        found += await _differences(getattr(repositories, concept), concept)
    return found


async def _differences(repository: Any, concept: str) -> list[str]:
    name, told = repository.address("")[0], list[str]()
    numbers: dict[tuple[Index, tuple[Any, ...]], int] = {}
    after: Document | None = None
    while found := await repository._executor.find(Query(name, _whole(concept)), after=after, limit=_AT_ONCE):
        for document in found:
            try:
                repository.read(document)
            except (AgnoDbError, TypeError, KeyError) as error:
                told.append(f"{name}: the record {document.key!r} cannot be read: {error}")
            for index in indexes(concept):
                if index.sort in document.fields and all(field in document.fields for field in index.fields):
                    place = index, tuple(document.fields[field] for field in index.fields)
                    numbers[place] = numbers.get(place, 0) + 1
        after = found[-1]
    for (index, values), number in numbers.items():
        listed = await repository._executor.count(Query(name, index, values))
        if listed != number:
            order, of = ", ".join((*index.fields, index.sort)), "of" if listed < number else WITHOUT
            told.append(f"{name}: a list by {order} has {listed} {of} {number} records")
    return told


def _whole(concept: str) -> Index:
    """The index that has every record: one by the key, or by what no record lacks."""
    key = LISTINGS[concept].key
    all_of = [index for index in indexes(concept) if not index.fields]
    return next((index for index in all_of if index.sort == key), all_of[0])
