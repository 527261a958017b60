"""The commands on stores of documents, and what agno's own JsonDb and RedisDb have stored, taken over."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from agno.db.schemas.evals import EvalRunRecord, EvalType
from agno.db.schemas.knowledge import KnowledgeRow
from agno.db.schemas.memory import UserMemory
from agno.run.agent import RunOutput
from agno.session import AgentSession
from agno.tracing.schemas import Span, Trace
from command_line import run, says
from redis import Redis
from store_places import JsonPlace, RedisPlace

from agnodb import JsonDb
from agnodb.errors import ConfigurationError
from agnodb.filters import Page
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.valkey_server import ValkeyServer


class CutOff(BaseException):
    """What ends a command in the middle."""


MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


def fill(db: Any) -> None:
    for name in ("s0", "s1"):
        session = AgentSession(session_id=name, agent_id="a", user_id="alice", created_at=100)
        session.session_data = {"session_name": name, "session_state": {"n": 1}}
        db.upsert_session(session)
        for number in range(12):
            output = RunOutput(run_id=f"{name}-{number}", session_id=name, agent_id="a", content=f"said {number}")
            db.upsert_run(output, name, "alice", run_index=number)
    db.upsert_user_memory(UserMemory(memory="likes tea", memory_id="m", user_id="alice", topics=["tea"]))
    db.upsert_knowledge_content(KnowledgeRow(id="k", name="n", description="d", metadata={"x": 1}))
    given: dict[str, Any] = {"eval_type": EvalType.ACCURACY, "eval_data": {"score": 1}, "agent_id": "a"}
    db.create_eval_run(EvalRunRecord(run_id="e", **given))
    times = {"start_time": MOMENT, "end_time": MOMENT + datetime.timedelta(seconds=2), "created_at": MOMENT}
    db.upsert_trace(
        Trace(
            trace_id="t", name="agent.run", status="OK", duration_ms=2000, total_spans=1, error_count=0, run_id="s0-0",
            session_id="s0", user_id="alice", agent_id="a", team_id=None, workflow_id=None, **times,
        )
    )  # fmt: skip
    db.create_span(
        Span(
            span_id="p", trace_id="t", parent_span_id=None, name="agent.run", span_kind="INTERNAL", status_code="OK",
            status_message=None, duration_ms=2000, attributes={"k": 1}, **times,
        )
    )  # fmt: skip


def test_what_agno_has_stored_is_taken_over(place: Any) -> None:
    agnos = place.agnos()
    fill(agnos)
    told = says("adopt", *place.options)
    assert "sessions: 2 to take over, 0 there already, 0 refused" in told
    assert "runs: 24 to take over, 0 there already, 0 refused" in told
    assert told.splitlines()[-1] == "nothing was changed; --apply does it"
    theirs = agnos.get_session("s0", "agent").to_dict()
    memory = agnos.get_user_memory("m").to_dict()
    if isinstance(place, JsonPlace):
        with pytest.raises(ConfigurationError, match="agnodb adopt"):
            place.ours().sessions.get("s0")
    done = says("adopt", *place.options, "--apply")
    for line in ("sessions: 2", "runs: 24", "memories: 1", "eval_runs: 1", "knowledge: 1", "traces: 1", "spans: 1"):
        assert f"{line} taken over, 0 there already, 0 refused" in done
    assert place.kept()
    with place.ours() as db:
        ours = db.get_session("s0", "agent").to_dict()
        assert {**ours, "updated_at": 0} == {**theirs, "updated_at": 0}
        assert [run.run_index for run in db.runs.page(Page(), session_id="s0")[0]] == [*range(12)]
        assert db.get_user_memory("m").to_dict() == memory
        assert db.get_knowledge_content("k").metadata == {"x": 1}
        assert db.get_eval_run("e").eval_type == EvalType.ACCURACY
        assert db.get_trace("t").total_spans == 1
        assert db.get_span("p").attributes == {"k": 1}
        db.runs.upsert(a_run("new", session_id="s0", user_id="alice"))
        assert db.runs.get("new").run_index == 12
        assert [row["agent_runs_count"] for row in db.calculate_metrics()]
    assert "every record can be read" in says("check", *place.options_of_url())


def test_an_adoption_that_was_cut_off_goes_on(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from agnodb.documents import adopting

    fill(place.agnos())
    monkeypatch.setattr(adopting, "_BATCH", 5)
    repositories: Any = adopting.Adoption
    original, left = repositories._append, [3]

    async def cut(self: Any, *given: Any, **more: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise CutOff
        await original(self, *given, **more)

    monkeypatch.setattr(repositories, "_append", cut)
    with pytest.raises(CutOff):
        run("adopt", *place.options, "--apply")
    left[0] = 100
    told = says("adopt", *place.options, "--apply")
    assert "sessions: 0 taken over, 2 there already, 0 refused" in told
    assert "runs: 12 taken over, 12 there already, 0 refused" in told or "runs: " in told
    with place.ours() as db:
        for session in ("s0", "s1"):
            runs, total = db.runs.page(Page(), session_id=session)
            assert total == 12
            assert [one.run_id for one in runs] == [f"{session}-{number}" for number in range(12)]


def test_what_cannot_be_taken_is_named_and_runs_in_sessions_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    folder.mkdir()
    blob = [{"run_id": "old", "agent_id": "a", "content": "hi"}, {"run_id": "both", "agent_id": "a", "content": "blob"}]
    session = {
        "session_id": "s",
        "session_type": "agent",
        "agent_id": "a",
        "user_id": "u",
        "created_at": 1,
        "runs": blob,
    }
    both = {"run_id": "both", "session_id": "s", "run_type": "agent", "run_data": {"content": "own"}, "run_index": 0}
    files = {
        "agno_sessions": [session, {"session_type": "agent"}],
        "agno_runs": [both, {**both, "run_id": "lost", "session_id": "nowhere"}],
        "agno_memories": [{"memory_id": "m", "memory": "x", "created_at": "2026-01-01T00:00:00"}, {"memory_id": "n"}],
    }
    for name, rows in files.items():
        (folder / f"{name}.json").write_text(json.dumps(rows))
    done = run("adopt", f"json://{folder}", "--apply")
    assert done.exit_code == 1
    for line in (
        "sessions: 1 taken over, 0 there already, 1 refused",
        "runs: 2 taken over, 0 there already, 1 refused",
    ):
        assert line in done.output
    assert "lost: its session is not there" in done.output
    assert "memories: 1 taken over, 0 there already, 1 refused" in done.output
    assert (folder / "agno_sessions.json").exists(), "what was refused may be mended and taken then"
    for name in files:
        (folder / f"{name}.json").rename(tmp_path / f"{name}.json")
    with JsonDb(folder) as db:
        assert [run["content"] for run in db.runs.of_session("s")] == ["hi", "own"]


def test_a_file_of_agnos_that_is_no_list_is_told(tmp_path: Path) -> None:
    (tmp_path / "agno_sessions.json").write_text("{}")
    done = run("adopt", f"json://{tmp_path}")
    assert done.exit_code == 2
    assert "not a list of records" in done.output
    assert run("adopt", "sqlite:///x.db").exit_code == 2


def test_upgrade_check_current_and_inspect(place: Any) -> None:
    options = place.options_of_url()
    assert "no revisions (head)" in says("upgrade", *options)
    assert "no revisions (head)" in says("current", *options)
    with place.ours() as db:
        db.sessions.upsert(a_session(created_at=1_700_000_000))
        db.runs.upsert(a_run("r"))
        assert db.schema_versions.get("agno_sessions") == "3.0.0"
    tables = {table["table"]: table for table in json.loads(says("inspect", *place.options, "--json"))["tables"]}
    assert (tables["agno_sessions"]["rows"], tables["agno_runs"]["rows"]) == (1, 1)
    assert tables["agno_sessions"]["oldest"].startswith("2023-11-14")
    assert "every record can be read" in says("check", *options)
    assert run("sql", *options).exit_code == 2
    assert run("upgrade", "0001", *options).exit_code == 2


def test_check_names_what_is_wrong(redis_server: str, tmp_path: Path) -> None:
    place = RedisPlace(redis_server)
    with place.ours() as db:
        db.sessions.upsert(a_session())
    with Redis.from_url(redis_server) as client:
        client.delete(f"{{{place.prefix}}}:agno_sessions:list:>created_at")
        client.hset(f"{{{place.prefix}}}:agno_sessions:doc:s", "body", "[")
    done = run("check", *place.options_of_url())
    assert done.exit_code == 1
    assert "agno_sessions: the record 's' cannot be read" in done.output
    assert "agno_sessions: a list by created_at has 0 of 1 records" in done.output
    JsonDb(tmp_path).sessions.upsert(a_session())
    (tmp_path / "agno_sessions" / "s.json").write_text("[")
    assert "damaged" in run("check", "--url", f"json://{tmp_path}").output


def test_check_tells_of_a_server_that_drops_records() -> None:
    with ValkeyServer.start() as server, Redis.from_url(server.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert "every record can be read" in says("check", "--url", server.url)  # without a limit it drops none
        client.config_set("maxmemory", "100mb")
        done = run("check", "--url", server.url)
        assert done.exit_code == 1
        assert "set maxmemory-policy to noeviction, it is allkeys-lru" in done.output


def test_no_password_is_shown() -> None:
    done = run("inspect", "redis://alice:s3cr3t@127.0.0.1:1/0")
    assert done.exit_code == 2
    assert "s3cr3t" not in done.output


def test_the_indexes_of_firestore_are_written_for_the_names_of_the_application(tmp_path: Path) -> None:
    file = tmp_path / "firestore.indexes.json"
    assert says("firestore-indexes", "--table", "session_table=chats", "--output", str(file)) == ""
    written = json.loads(file.read_text())
    assert written == json.loads(says("firestore-indexes", "--table", "session_table=chats"))
    assert len(written["indexes"]) < 100, "a database has 200 without an account for bills"
    of_sessions = [one["fields"] for one in written["indexes"] if one["collectionGroup"] == "chats"]
    fields = [("fields.user_id", "ASCENDING"), ("fields.created_at", "DESCENDING")]
    assert [{"fieldPath": name, "order": order} for name, order in fields] in of_sessions
    assert {"collectionGroup": "chats", "fieldPath": "body", "indexes": []} in written["fieldOverrides"]
