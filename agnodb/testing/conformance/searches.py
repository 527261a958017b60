"""What every backend promises of filters and searches: each argument means the text that it is, in every list.

The arguments are found by walking the flat methods, so that a new one cannot be forgotten.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from agnodb.databases.methods.all import AllMethods
from agnodb.testing.conformance.approvals import an_approval
from agnodb.testing.conformance.eval_runs import an_eval
from agnodb.testing.conformance.knowledge import a_content
from agnodb.testing.conformance.learnings import a_learning
from agnodb.testing.conformance.memories import a_memory
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.schedule_runs import a_run as a_schedule_run
from agnodb.testing.conformance.schedules import a_schedule
from agnodb.testing.conformance.sessions import a_session
from agnodb.testing.conformance.traces import a_span, a_trace

LITERALS = (
    "%",
    "_",
    "",
    "100% sure",
    "1000 sure",
    "a_b",
    "axb",
    "AxB",
    "\\",
    "\\%",
    "c:\\dir",
    'say "hi"',
    "it's",
    "'; --",
    "Ünï",
    "ünï",
    "null",
    "*?[a-z]",
    "\x1b[31m",
    "u0000",
    "str",
)
"""Texts that a pattern, a quote or a case could take for another one."""


NO_TEXTS = frozenset(
    {"limit", "page", "sort_by", "sort_order", "deserialize", "include_runs", "include_global", "raise_on_error"}
    | {"start_time", "end_time", "start_timestamp", "end_timestamp", "starting_date", "ending_date", "enabled"}
    | {"session_type", "filter_type", "group_by", "filter_expr", "query"}
)
"""The arguments of lists that are no text to look for. What a new one is called counts as one."""

LISTS_OF_TEXTS = frozenset({"topics", "eval_type"})
SUBSTRINGS = frozenset({"session_name", "search_content"})
"""The arguments that look for a part of a text."""

ESCAPED = ("x\x00\\y", "\ud800z", "$agnodb:x")
"""Texts that a column holds escaped: a search must find them, and may find the escapes."""


@dataclass(frozen=True)
class FlatList:
    """A flat method that gives a list, and the `key` of its rows; each has one of `LITERALS` in every column."""

    key: str
    given: Mapping[str, Any] = field(default_factory=dict)
    any_when_empty: frozenset[str] = frozenset()
    """The arguments of which agno takes '' for none."""


_DICTIONARIES: Mapping[str, Any] = {"deserialize": False}
_COMPONENTS = frozenset({"agent_id", "team_id", "workflow_id"})
FLAT_LISTS: Mapping[str, FlatList] = {
    "get_sessions": FlatList("session_id", _DICTIONARIES),
    "get_runs": FlatList("run_id", _DICTIONARIES),
    "get_user_memories": FlatList("memory_id", _DICTIONARIES),
    "get_user_memory_stats": FlatList("user_id"),
    "get_knowledge_contents": FlatList("id"),
    "get_eval_runs": FlatList("run_id", _DICTIONARIES),
    "get_traces": FlatList("trace_id", {"limit": None}, _COMPONENTS | {"run_id", "session_id", "status"}),
    "get_trace_stats": FlatList("session_id", {"limit": None}, _COMPONENTS),
    "get_spans": FlatList("span_id", {}, frozenset({"trace_id", "parent_span_id"})),
    "get_span_stats": FlatList("name", {"limit": None}, _COMPONENTS | {"name", "span_type"}),
    "get_approvals": FlatList("id"),
    "get_schedules": FlatList("id"),
    "get_schedule_runs": FlatList("id", {"limit": 100}),
    "get_learnings": FlatList("learning_id"),
    "search_learnings": FlatList("learning_id", {"query": "word"}),
    "list_learnings": FlatList("learning_id"),
    "get_learnings_user_stats": FlatList("user_id"),
}


def _arguments(method: str, *, substrings: bool = False) -> list[str]:
    names = inspect.signature(getattr(AllMethods, method)).parameters.keys() - {"self"} - NO_TEXTS
    return sorted(names & SUBSTRINGS if substrings else names - SUBSTRINGS)


async def _fill(db: Any) -> None:
    """A row of every concept for each of `LITERALS`, which is its key and all that can be asked for."""
    rows, spans = db.repositories, []
    for t in LITERALS:
        ids: Any = dict.fromkeys(("user_id", "agent_id", "team_id", "workflow_id"), t)
        of_run: Any = {**ids, "run_id": t, "session_id": t}
        await rows.sessions.upsert(a_session(t, user_id=t, agent_id=t, session_data={"session_name": t}))
        await rows.runs.upsert(a_run(t, session_id=t, status=t, **ids))
        await rows.memories.upsert(a_memory(t, memory=t, topics=[t, "x"], user_id=t, agent_id=t, team_id=t))
        await rows.knowledge.upsert(a_content(t, linked_to=t, user_id=t))
        await rows.eval_runs.create(an_eval(t, eval_type=t, model_id=t, **ids))
        await rows.traces.upsert(a_trace(t, name=t, status=t, **of_run))
        kind = {"openinference.span.kind": t}
        spans.append(a_span(t, name=t, trace_id=t, parent_span_id=t, attributes=kind))
        kinds: Any = dict.fromkeys(("status", "source_type", "approval_type", "pause_type", "schedule_id"), t)
        await rows.approvals.create(an_approval(t, **of_run, **kinds))
        await rows.schedules.create(a_schedule(t, user_id=t))
        await rows.schedule_runs.create(a_schedule_run(t, schedule_id=t, user_id=t))
        kinds = dict.fromkeys(("learning_type", "session_id", "namespace", "entity_id", "entity_type"), t)
        await rows.learnings.upsert(a_learning(t, content=f"word {t}", **ids, **kinds))
    await rows.spans.create_many(spans)


async def _found(db: Any, method: str, **arguments: Any) -> list[str]:
    known = FLAT_LISTS[method]
    given = {**known.given, **arguments}
    if method == "get_schedule_runs":
        given.setdefault("schedule_id", arguments.get("user_id"))
    answer = await getattr(db, method)(**given)
    rows = answer[0] if isinstance(answer, tuple) else answer
    return sorted(row[known.key] if isinstance(row, dict) else getattr(row, known.key) for row in rows)


class SearchConformance:
    """Filters and searches."""

    def test_every_list_is_among_them(self) -> None:
        methods = {name for name, member in vars(AllMethods).items() if not name.startswith("_")}
        methods |= {name for part in AllMethods.__mro__ for name in vars(part) if not name.startswith("_")}
        lists = {name for name in methods if "limit" in inspect.signature(getattr(AllMethods, name)).parameters}
        assert lists == set(FLAT_LISTS)

    async def test_every_filter_finds_the_text_that_it_is_given(self, db: Any) -> None:
        await _fill(db)
        literals = cycle(LITERALS)
        for method, known in FLAT_LISTS.items():
            for argument in _arguments(method):
                for text in islice(literals, 5):
                    value = [text] if argument in LISTS_OF_TEXTS else text
                    expected = sorted(LITERALS) if not text and argument in known.any_when_empty else [text]
                    assert await _found(db, method, **{argument: value}) == expected, (method, argument, text)

    async def test_every_search_finds_the_texts_that_have_it(self, db: Any) -> None:
        await _fill(db)
        for text in ESCAPED:
            await db.repositories.sessions.upsert(a_session(text, session_data={"session_name": text}))
            await db.repositories.memories.upsert(a_memory(text, memory=text))
        texts = (*LITERALS, *ESCAPED)
        for method in ("get_sessions", "get_user_memories"):
            for argument in _arguments(method, substrings=True):
                for text in (*texts, "r", "S", "\\\\", "%%", "_b", "0%", "y", "x\0"):
                    found = set(await _found(db, method, **{argument: text}))
                    # Of letters beyond ASCII a database may tell upper and lower case apart.
                    assert {t for t in texts if _ascii_lower(text) in _ascii_lower(t)} <= found, (method, text)
                    assert found - {*ESCAPED} <= {t for t in texts if text.lower() in t.lower()}, (method, text)

    async def test_every_filter_expression_finds_the_text_that_it_is_given(self, db: Any) -> None:
        texts = (*LITERALS, *ESCAPED)
        for text in texts:
            await db.repositories.traces.upsert(a_trace(text, name=text, user_id=text))

        async def matching(op: str, value: Any, key: str = "name") -> set[str]:
            expression = {"op": op, "key": key, "values" if op == "IN" else "value": value}
            return set(await _found(db, "get_traces", filter_expr=expression))

        for text in texts:
            assert await matching("EQ", text, "user_id") == {text}
            assert await matching("NEQ", text) == set(texts) - {text}
            assert await matching("IN", [text, "absent"]) == {text}
        for text in (*texts, "x", "y", "z", "x\0"):
            for op, has in (("CONTAINS", str.__contains__), ("STARTSWITH", str.startswith)):
                found = await matching(op, text)
                assert {t for t in texts if has(_ascii_lower(t), _ascii_lower(text))} <= found, (op, text)
                assert found - {*ESCAPED} <= {t for t in texts if has(t.lower(), text.lower())}, (op, text)

    async def test_topics_are_the_texts_that_were_given(self, db: Any) -> None:
        await _fill(db)
        topics = [*ESCAPED, 5, True, None, {"x": 1}, ["x"]]  # agno's topics are texts
        await db.repositories.memories.upsert(a_memory("m", topics=topics))
        assert sorted(await db.get_all_memory_topics()) == sorted((*LITERALS, *ESCAPED, "x"))
        for text in LITERALS:
            assert sorted(await db.get_all_memory_topics(user_id=text)) == sorted((text, "x"))


def _ascii_lower(text: str) -> str:
    return text.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")  # of bytes: ASCII letters only
