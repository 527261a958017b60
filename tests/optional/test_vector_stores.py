"""agno's Knowledge with its own vector stores, and each database class of agnodb for the contents.

Run by `make vector-stores`: the packages are large.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from agno.knowledge.knowledge import Knowledge
from agno.knowledge.reader.text_reader import TextReader
from contents import CLASSES, database
from stores import ADDING, STORES

CATS, DOGS = "Cats purr when they are content.", "Dogs bark at the postman."


def given(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "text_content": text, "reader": TextReader(), "metadata": {"topic": name}}


@pytest.mark.parametrize("class_name", [f"Async{name}" for name in CLASSES])
@pytest.mark.parametrize("kind", STORES)
async def test_with_an_event_loop(request: pytest.FixtureRequest, tmp_path: Path, kind: str, class_name: str) -> None:
    async with database(class_name, request, tmp_path) as db:
        knowledge = Knowledge(name="animals", vector_db=STORES[kind](tmp_path), contents_db=db)
        await knowledge.ainsert(**given("cats", CATS))
        await knowledge.ainsert(**given("dogs", DOGS))
        rows, total = await knowledge.aget_content()
        assert (total, {row.status for row in rows}) == (2, {"completed"})
        assert (await knowledge.asearch("purr content", max_results=1))[0].content == CATS
        await knowledge.ainsert(**given("dogs", DOGS))  # again: one content, and one chunk
        rows, total = await knowledge.aget_content()
        assert total == 2
        found = [document.content for document in await knowledge.asearch("bark", max_results=9)]
        assert sorted(found) == [CATS, DOGS] if kind not in ADDING else set(found) == {CATS, DOGS}
        (dogs,) = (row for row in rows if row.name == "dogs")
        assert (await knowledge.aget_content_status(dogs.id))[0] == "completed"
        await knowledge.aremove_content_by_id(dogs.id)
        assert [found.content for found in await knowledge.asearch("bark postman", max_results=9)] == [CATS]
        assert [row.name for row in (await knowledge.aget_content())[0]] == ["cats"]


@pytest.mark.parametrize("class_name", CLASSES)
@pytest.mark.parametrize("kind", STORES)
def test_without_one(request: pytest.FixtureRequest, tmp_path: Path, kind: str, class_name: str) -> None:
    with database(class_name, request, tmp_path) as db:
        knowledge = Knowledge(name="animals", vector_db=STORES[kind](tmp_path), contents_db=db)
        knowledge.insert(**given("cats", CATS))
        knowledge.insert(**given("dogs", DOGS))
        rows, total = knowledge.get_content()
        assert (total, {row.status for row in rows}) == (2, {"completed"})
        assert knowledge.search("purr content", max_results=1)[0].content == CATS
        knowledge.insert(**given("dogs", DOGS))
        assert knowledge.get_content()[1] == 2
        found = [document.content for document in knowledge.search("bark", max_results=9)]
        assert sorted(found) == [CATS, DOGS] if kind not in ADDING else set(found) == {CATS, DOGS}
        (dogs,) = (row for row in rows if row.name == "dogs")
        assert knowledge.get_content_status(dogs.id)[0] == "completed"
        knowledge.remove_content_by_id(dogs.id)
        assert [found.content for found in knowledge.search("bark postman", max_results=9)] == [CATS]
        assert [row.name for row in knowledge.get_content()[0]] == ["cats"]
