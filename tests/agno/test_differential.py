"""What agnodb says differs from what agno's own adapter says in these ways only, each of which docs/agno.md tells."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from differential import Said, alike, told
from places import Place

from agnodb import PostgresDb, SqliteDb

DOCS = Path(__file__).parents[2] / "docs" / "agno.md"

KNOWN = {
    r"sort_by=no_such_column": "a field that does not exist",
    r"(session_name|search_content)=%": "a percent sign or an underscore in a search",
    r"^get_user_memories\(sort_by=topics": "a memory without topics",
    r"^get_user_memory_stats\(limit=(0|5, page=9)\)": "the total of a page beyond the last",
    r"^get_latest_schema_version\(table_name=none\)": "the version of a table that is not there",
    r"^upsert_session\(no time\)": "a session without a creation time",
    r"^(calculate|get)_metrics": "metrics",
}
"""What to find a call by -> the name that docs/agno.md has for the difference."""

KNOWN_ON_SQLITE = {
    **KNOWN,
    r"^get_knowledge_contents\(sort_by=": "agno's SQLite adapter does not sort contents",
    r"^get_span_stats": "agno's SQLite adapter has no 95th percentile",
    r"^search_learnings": "agno's SQLite adapters cannot search learnings",
    r"^rename_session": "agno's SQLite adapter renames",
    r"^update_run_in_session": "agno's SQLite adapters cannot update a run",
    r"^get_(sessions|runs)\(\) in the end": "agno's SQLite adapters cannot update a run",
    r"^get_learnings_user_stats": "ties",
    r"^get_spans\(limit=": "ties",
}

FEWEST = 900
"""Calls that are compared, at least."""


def agnos_sync(place: Place) -> Any:
    if place.kind == "postgresql":
        from agno.db.postgres import PostgresDb as Theirs
    else:
        from agno.db.sqlite import SqliteDb as Theirs
    return Theirs(db_url=place.url.replace("postgresql:", "postgresql+psycopg:"))


async def both(place: Place, other: Place, *, sync: bool) -> tuple[Said, Said]:
    """What agnodb on `place` and agno's adapter on `other` say."""
    if sync:
        with (PostgresDb if place.kind == "postgresql" else SqliteDb)(db_url=place.url) as db:
            return await told(db, place.kind), await told(agnos_sync(other), place.kind)
    theirs = other.agnos()
    async with place.ours() as db:
        said = await told(db, place.kind), await told(theirs, place.kind)
    await theirs.close()
    return said


@pytest.fixture
def other(place: Place, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database beside `place`."""
    if place.kind == "sqlite":
        return Place("sqlite", f"sqlite:///{(tmp_path / 'agno.sqlite').as_posix()}")
    return Place("postgresql", request.getfixturevalue("postgres_server").create_database(f"x{abs(hash(place.url))}"))


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
async def test_every_difference_is_known(place: Place, other: Place, sync: bool) -> None:
    logging.disable(logging.CRITICAL)
    try:
        ours, theirs = await both(place, other, sync=sync)
    finally:
        logging.disable(logging.NOTSET)
    assert len(ours) >= FEWEST
    differ = [label for label in ours if not alike(label, ours[label], theirs[label])]
    known = KNOWN if place.kind == "postgresql" else KNOWN_ON_SQLITE
    unknown = {
        label: (ours[label], theirs[label])
        for label in differ
        if not any(re.search(pattern, label) for pattern in known)
    }
    assert unknown == {}
    assert len(differ) < len(ours) / (15 if place.kind == "postgresql" else 7)


def test_the_docs_tell_of_every_difference() -> None:
    told_of = DOCS.read_text().lower()
    names = {*KNOWN.values(), *KNOWN_ON_SQLITE.values()}
    assert {name for name in names if f"| {name.lower()}" not in told_of} == set()
