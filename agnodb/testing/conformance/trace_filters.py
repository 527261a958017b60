"""What every backend promises of filter expressions over traces."""

from __future__ import annotations

from typing import Any

import pytest

from agnodb.errors import InvalidValueError
from agnodb.testing.conformance.traces import a_trace, at, ids, save


class TraceFilterConformance:
    """agno's filter expressions, see `agnodb.sql.trace_filters` for what they look like."""

    async def test_filter_expressions(self, db: Any) -> None:
        await save(db, a_trace("1", name="100%_\\A", duration_ms=100), a_trace("2", name="100xyA", duration_ms=200))
        await save(db, a_trace("3", name="other", duration_ms=300, user_id=None, start_time=at(-1)))

        async def matching(op: str, key: str, value: Any) -> list[str]:
            return sorted(await ids(db, filter_expr={"op": op, "key": key, "values" if op == "IN" else "value": value}))

        for op, value, expected in (
            ("EQ", 200, "2"),
            ("NEQ", 200, "13"),
            ("GT", 200, "3"),
            ("GTE", 199.5, "23"),
            ("LT", 200, "1"),
            ("LTE", 200.0, "12"),
            ("IN", [100, 300.0], "13"),
            ("IN", [], ""),
        ):
            assert await matching(op, "duration_ms", value) == list(expected)
        assert await matching("CONTAINS", "name", "%_\\a") == ["1"]
        assert await matching("CONTAINS", "name", "0") == ["1", "2"]
        assert await matching("STARTSWITH", "name", "100X") == ["2"]
        assert await matching("STARTSWITH", "name", "xy") == []
        assert await matching("STARTSWITH", "start_time", "2026-01-02T12") == ["1", "2"]
        assert await matching("IN", "name", ["other", "x"]) == ["3"]
        assert await matching("NEQ", "user_id", "bob") == ["1", "2"]

    async def test_filter_expressions_combine(self, db: Any) -> None:
        await save(db, a_trace("1"), a_trace("2", status="ERROR"), a_trace("3", status="ERROR", user_id="bob"))
        error, alice = {"op": "EQ", "key": "status", "value": "ERROR"}, {"op": "EQ", "key": "user_id", "value": "alice"}
        both, either = {"op": "AND", "conditions": [error, alice]}, {"op": "OR", "conditions": [error, alice]}
        assert await ids(db, filter_expr=both) == ["2"]
        assert await ids(db, filter_expr=either) == ["3", "2", "1"]
        assert await ids(db, filter_expr={"op": "NOT", "condition": both}) == ["3", "1"]
        assert await ids(db, filter_expr={"op": "NOT", "condition": either}) == []
        assert await ids(db, filter_expr=both, user_id="bob") == []
        assert [t.trace_id for t in (await db.get_traces(filter_expr=error, limit=1))[0]] == ["3"]

    async def test_the_same_structure_takes_other_values(self, db: Any) -> None:
        await save(db, a_trace("1"), a_trace("2", status="ERROR"))
        for status, expected in (("OK", ["1"]), ("ERROR", ["2"]), ("'; --", [])):
            assert await ids(db, filter_expr={"op": "EQ", "key": "status", "value": status}) == expected

    async def test_a_wrong_filter_expression_is_a_value_error(self, db: Any) -> None:
        good: Any = {"op": "EQ", "key": "status", "value": "OK"}
        for _ in range(10):
            good = {"op": "NOT", "condition": good}
        await db.get_traces(filter_expr=good)
        for wrong in (
            [1],
            "EQ",
            {"op": "NOT", "condition": good},
            {"op": "LIKE", "key": "name", "value": "x"},
            {"key": "name"},
            {"op": ["EQ"]},
            {"op": "EQ", "key": "password", "value": 1},
            {"op": "EQ", "key": [1], "value": 1},
            {"op": "EQ", "key": "name"},
            {"op": "EQ", "key": "name", "value": {}},
            {"op": "AND", "conditions": []},
            {"op": "OR", "conditions": "x"},
            {"op": "NOT"},
            {"op": "IN", "key": "name", "values": "abc"},
            {"op": "IN", "key": "name", "values": [None]},
            {"op": "GT", "key": "start_time", "value": "noon"},
            {"op": "GT", "key": "start_time", "value": 5},
            {"op": "EQ", "key": "duration_ms", "value": "5"},
            {"op": "CONTAINS", "key": "duration_ms", "value": "5"},
            {"op": "LT", "key": "duration_ms", "value": float("nan")},
        ):
            with pytest.raises(ValueError) as refused:
                await db.get_traces(filter_expr=wrong)
            assert isinstance(refused.value, InvalidValueError)
            with pytest.raises(InvalidValueError):
                await db.get_trace_stats(filter_expr=wrong)
