"""agno's Knowledge, agents and AgentOS over both stores, from the text to the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from agno.agent import Agent
from agno.knowledge.knowledge import Knowledge
from agno.knowledge.reader.markdown_reader import MarkdownReader
from agno.knowledge.reader.text_reader import TextReader
from agno.os import AgentOS
from chunks import BOTH, HashingEmbedder, MakeStore
from httpx import ASGITransport, AsyncClient

from agnodb import PostgresDb, SqliteDb
from agnodb.demo.model import OfflineModel
from agnodb.vector import PgVector, SqliteVector

_ZEBRAS = "# Zebras\n\nZebras have black and white stripes.\n\n## Food\n\nThey eat grass."


def pdf(path: Path, words: str) -> Path:
    """The smallest PDF that says `words`."""
    stream = f"BT /F1 12 Tf 72 720 Td ({words}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length " + str(len(stream)).encode() + b" >>\nstream\n" + stream + b"\nendstream",
    ]
    written, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(written))
        written += str(number).encode() + b" 0 obj\n" + one + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 5\n0000000000 65535 f \n" + table + b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n"
    path.write_bytes(written + end + str(len(written)).encode() + b"\n%%EOF\n")
    return path


@BOTH
@pytest.mark.parametrize("kind", ["vector", "keyword", "hybrid"])
async def test_text_markdown_and_pdf(make_store: MakeStore, db: Any, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("pypdf")
    from agno.knowledge.reader.pdf_reader import PDFReader

    store = make_store(kind)
    knowledge = Knowledge(name="animals", vector_db=store, contents_db=db)
    (tmp_path / "zebras.md").write_text(_ZEBRAS)
    await knowledge.ainsert(
        name="cats", text_content="Cats purr when they are content.", reader=TextReader(), metadata={"topic": "cat"}
    )
    await knowledge.ainsert(path=str(tmp_path / "zebras.md"), reader=MarkdownReader(), metadata={"topic": "zebra"})
    path = pdf(tmp_path / "dogs.pdf", "Dogs bark at the postman.")
    await knowledge.ainsert(path=str(path), reader=PDFReader(), metadata={"topic": "dog"})
    rows, total = await knowledge.aget_content()
    assert total == 3
    assert {row.status for row in rows} == {"completed"}
    for query, topic in (("purr", "cat"), ("stripes", "zebra"), ("postman", "dog")):
        (found, *_) = await knowledge.asearch(query, max_results=3, filters={"topic": topic})
        assert query in found.content
        assert found.meta_data["topic"] == topic
    count = store.get_count()
    await knowledge.ainsert(path=str(path), reader=PDFReader(), metadata={"topic": "dog"})
    assert store.get_count() == count
    (dogs,) = (row for row in rows if (row.metadata or {}).get("topic") == "dog")
    await knowledge.aremove_content_by_id(dogs.id)
    assert await knowledge.asearch("postman", filters={"topic": "dog"}) == []
    assert (await knowledge.aget_content())[1] == 2


@BOTH
def test_without_an_event_loop(request: pytest.FixtureRequest, on: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"table_name": "kb", "embedder": HashingEmbedder(), "search_type": "hybrid"}
    database: Any = (
        SqliteDb(db_file=str(tmp_path / "kb.db"))
        if on == "sqlite"
        else PostgresDb(db_url=request.getfixturevalue("postgres_url"))
    )
    with database as db:
        store = (SqliteVector if on == "sqlite" else PgVector)(db=db, **given)
        knowledge = Knowledge(vector_db=store, contents_db=db)
        knowledge.insert(name="cats", text_content="Cats purr.", reader=TextReader(), metadata={"topic": "cat"})
        knowledge.insert(name="dogs", text_content="Dogs bark.", reader=TextReader(), metadata={"topic": "dog"})
        assert knowledge.search("purr", filters={"topic": "cat"})[0].content == "Cats purr."
        rows, total = knowledge.get_content()
        assert total == 2
        knowledge.remove_content_by_id(rows[0].id)
        assert store.get_count() == 1


@BOTH
async def test_an_agent_answers_from_it_and_agentos_shows_it(make_store: MakeStore, db: Any) -> None:
    store = make_store("hybrid")
    knowledge = Knowledge(name="animals", vector_db=store, contents_db=db)
    await knowledge.ainsert(name="cats", text_content="Cats purr when content.", reader=TextReader())
    agent = Agent(
        id="helper", model=OfflineModel(), db=db, knowledge=knowledge, add_knowledge_to_context=True, telemetry=False
    )
    answer = await agent.arun("what is a purr?")
    assert answer.references
    assert "purr" in json.dumps([reference.references for reference in answer.references])
    app = AgentOS(agents=[agent], db=db, telemetry=False).get_app()
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://test") as api:
        form: dict[str, Any] = {"name": "dogs", "text_content": "Dogs bark at night."}
        made = await api.post("/knowledge/content", data=form)
        assert made.status_code == 202, made.text
        content_id = made.json()["id"]
        status = (await api.get(f"/knowledge/content/{content_id}/status")).json()
        assert status["status"] == "completed", status
        listed = (await api.get("/knowledge/content")).json()
        assert {row["name"] for row in listed["data"]} == {"cats", "dogs"}
        found = await api.post("/knowledge/search", json={"query": "bark", "max_results": 1})
        assert found.status_code == 200, found.text
        assert "bark" in found.json()["data"][0]["content"]
        assert (await api.delete(f"/knowledge/content/{content_id}")).status_code == 200
        assert len((await api.get("/knowledge/content")).json()["data"]) == 1
    assert store.get_count() == 1
