"""AgentOS answers a front end's requests on agnodb as on agno's own adapter, but for what docs/agno.md tells."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from differential_api import answers
from places import Place
from test_differential import DOCS

KNOWN = {
    r"'page': 0\}|'limit': -1": "a page or a limit that cannot be",
    r"GET /(memories|user_memory_stats|eval-runs) .*'page': 9": "the total of a page beyond the last",
    r"/traces/search .*no_such_key": "a filter on a field that does not exist",
    r"PATCH /memories|GET /memories/m1": "a memory that is changed without topics",
    r"PATCH /memories/m1 .*'user_id': 'alice'": "another user's memory",
    r"POST /agents/helper/runs|GET /sessions/talk": "the time that a run took",
}
KNOWN_ON_SQLITE = {
    **KNOWN,
    r"GET /knowledge/content .*sort_by": "agno's SQLite adapter does not sort contents",
    r"GET /learnings/users": "ties",
    r"POST /sessions/.*/rename": "agno's SQLite adapter renames",
}


def alike(asked: str, ours: list[Any], theirs: list[Any]) -> bool:
    """Whether two answers are the same to a front end; rows that sort alike, and what nothing sorts, have no order."""
    if ours == theirs:
        return True
    if ours[0] != theirs[0]:
        return False
    if ours[0] >= 400:  # the words of an error are each one's own
        return True
    mine, others = (_rows(answer[1]) for answer in (ours, theirs))
    return mine is not None and mine == others and _sorted_by(asked, ours[1]) == _sorted_by(asked, theirs[1])


def _sorted_by(asked: str, body: Any) -> list[Any] | None:
    """What the rows have in the column that was sorted by, in order."""
    column = re.search(r"'sort_by': '(\w+)'", asked)
    rows = body["data"] if isinstance(body, dict) else body
    return [row.get(column[1]) for row in rows] if column else None


def _rows(body: Any) -> Any:
    if isinstance(body, list):
        return sorted(map(repr, body))
    return {**body, "data": sorted(map(repr, body["data"]))} if isinstance(body, dict) and "data" in body else None


async def test_every_difference_is_known(place: Place, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if place.kind == "sqlite":
        other = Place("sqlite", f"sqlite:///{(tmp_path / 'agno.sqlite').as_posix()}")
    else:
        server = request.getfixturevalue("postgres_server")
        other = Place("postgresql", server.create_database(f"y{abs(hash(place.url))}"))
    logging.disable(logging.CRITICAL)
    try:
        async with place.ours() as db:
            ours = await answers(db)
        adapter = other.agnos()
        theirs = await answers(adapter)
        await adapter.close()
    finally:
        logging.disable(logging.NOTSET)
    differ = [asked for asked in ours if not alike(asked, ours[asked], theirs[asked])]
    known = KNOWN if place.kind == "postgresql" else KNOWN_ON_SQLITE
    unknown = [asked for asked in differ if not any(re.search(pattern, asked) for pattern in known)]
    assert {asked: (ours[asked], theirs[asked]) for asked in unknown} == {}
    assert len(ours) > 300
    assert len(differ) < len(ours) / 15
    assert sum(status < 300 for status, _ in ours.values()) > 200


def test_the_docs_tell_of_every_difference() -> None:
    told_of = DOCS.read_text().lower()
    names = {*KNOWN.values(), *KNOWN_ON_SQLITE.values()}
    assert {name for name in names if f"| {name.lower()}" not in told_of} == set()
