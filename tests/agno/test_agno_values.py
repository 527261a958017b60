"""Values between agno's own adapters and agnodb: each reads from the other's rows what it reads from its own."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import objects
import pytest
from objects import read_all, write_all
from places import Place

from agnodb.testing.conformance.generated import plain, samples
from agnodb.testing.conformance.values import canonical

AGNOS_OWN: dict[str, Any] = {
    "long": [2**63, -(2**64), 10**40, 2**53 + 1],
    "floats": [1e22, 1e16, 123456789012345680.0, 1e-300, 5e-324, 0.1, -0.0, 1.0],
    "objects": [datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), datetime.date(2026, 1, 2), uuid.UUID(int=7), (1,)],
    "keys": {"1": "text", "": 0, "$agnodb": ["uuid", "x"], "a.b": {"$agnodb": 1}, "é🤖": "\x7f\u2028"},
    "escapes": "\x1b[31mred\x1b[0m \b\f\t\r\n \\u0000 \\ \" / ' %_",
    "none": [None, {}, [], "", False],
}


async def test_agnodb_reads_every_value_of_agno_as_agno_does(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "PLAIN", {**objects.PLAIN, **AGNOS_OWN, "plain": samples(plain, 60)})
    theirs = place.agnos()
    await theirs._create_all_tables()
    await write_all(theirs, "x")
    wanted = await read_all(theirs, "x")
    await theirs.close()
    async with place.ours() as ours:
        read = await read_all(ours, "x")
    assert wanted.keys() == read.keys()
    for kind, seen in wanted.items():
        assert canonical(_without_ours(read[kind])) == canonical(_without_ours(seen)), kind
    stored = read["session a"]["session_data"]["session_state"]
    assert stored["long"] == AGNOS_OWN["long"]
    assert stored["keys"] == AGNOS_OWN["keys"]


async def test_agno_reads_every_plain_value_of_agnodb(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {**objects.PLAIN, "plain": samples(plain, 60), "long": AGNOS_OWN["long"], "escapes": AGNOS_OWN["escapes"]}
    monkeypatch.setattr(objects, "PLAIN", given)
    async with place.ours() as ours:
        await write_all(ours, "x")
        mine = await read_all(ours, "x")
        theirs = place.agnos()
        seen = await read_all(theirs, "x")
        await theirs.close()
    for kind, wanted in mine.items():
        assert canonical(_without_ours(seen[kind])) == canonical(_without_ours(wanted)), kind
    assert seen["session a"]["session_data"]["session_state"]["escapes"] == AGNOS_OWN["escapes"]


JSON_TEXTS = ('{"x": 1e400}', '{"x": [1E5, -0, 1.50, 12345678901234567890123]}', '{"a": 1, "a": 2}', "null", "true")
LAX_TEXTS = ('{"x": NaN}', "[Infinity, -Infinity]", "5", "0.1", '{"x": "\\ud800"}', '{"x": "a\\u0000b"}')


async def test_a_text_that_somebody_else_stored_is_read_as_agno_reads_it(place: Place) -> None:
    from agno.session import AgentSession

    theirs = place.agnos()
    await theirs._create_all_tables()
    for text in (*JSON_TEXTS, *(LAX_TEXTS if place.kind == "sqlite" else ())):
        await theirs.upsert_session(AgentSession(session_id="s", agent_id="a", user_id="u", created_at=1))
        place.execute(f"UPDATE agno_sessions SET agent_data = '{text}'")
        wanted = await theirs.get_session("s", user_id="u", deserialize=False)
        async with place.ours() as ours:
            read = await ours.get_session("s", user_id="u", deserialize=False)
        assert canonical(read["agent_data"]) == canonical(wanted["agent_data"]), text
    await theirs.close()


def _without_ours(read: Any) -> Any:
    """Without the columns that only agnodb has."""
    if isinstance(read, dict):
        # agno's keys are SQLAlchemy's names, a kind of str.
        return {str(key): _without_ours(value) for key, value in read.items() if not str(key).startswith("agnodb_")}
    return [_without_ours(item) for item in read] if isinstance(read, list) else read
