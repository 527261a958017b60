"""Sessions and runs against a simple model, in any order that Hypothesis thinks of, with two writers and faults.

The model is one document, one list of runs, and what each holder knows of them. A save is acknowledged, and in it from
then on; or it fails, and is done entirely or not at all, as its version tells. The row is what the model says.

AGNODB_TEST_EXAMPLES is how many courses of events are tried (default 12); where it is set, one that fails is shrunk.
"""

from __future__ import annotations

import asyncio
import copy
import os
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agnodb.errors import NotFoundError
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord
from agnodb.records.snapshots import Snapshot
from agnodb.testing.conformance.values import canonical
from agnodb.testing.conformance.worlds import Flat, World
from agnodb.testing.families import injection_of

EXAMPLES_VARIABLE = "AGNODB_TEST_EXAMPLES"
PATHS = [("a",), ("b",), ("session_state", "a"), ("session_state", "deep", "a"), ("session_state", "deep", "b")]
TOKENS = ("session_metrics", "total_tokens")
VALUES = [0, 1, True, None, "x", float("nan"), [1], [1, {"y": 2}]]
GONE: Any = object()
HOLDERS = 4
"""The even ones are of one database object, the odd ones of another."""

holders, numbers = st.integers(0, HOLDERS - 1), st.integers(0, 3)
paths, kept, values = st.sampled_from(PATHS), st.sampled_from(VALUES), st.sampled_from([*VALUES, GONE])


def nested(values: Flat) -> dict[str, Any]:
    """The document of such values, with every mapping that any has: one that is deleted as a whole is one value."""
    document: dict[str, Any] = {"session_state": {"deep": {}}}
    for path, value in values.items():
        inner = document
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = copy.deepcopy(value)
    return document


def differ(one: Any, other: Any) -> bool:
    """Whether a value is another one; True is not 1, and NaN is NaN."""
    return (one is GONE) != (other is GONE) or (one is not GONE and canonical(one) != canonical(other))


@dataclass
class Holder:
    """One who holds the session: the object, and what a reader of the documentation would say they know."""

    session: SessionRecord
    values: Flat
    """What is in the object."""
    base: Flat | None
    """What was in it when it was last in step with the row; None when nobody knows."""
    seen: Flat
    """What was in the row then."""
    unheard: tuple[int, Flat] | None = None
    """The row and the values of a save that was done without an answer, or in a transaction."""

    def applied_to(self, stored: Flat | None, row: int) -> Flat:
        """The row after a save: what was changed in the object, put into what is stored."""
        base = self.base
        if stored is None:  # deleted meanwhile: what they have seen of it comes back, with what they have changed
            stored = self.seen
        elif self.unheard is not None and self.unheard[0] == row:
            base = self.unheard[1]
        after = dict(stored)
        for path in {*self.values, *(base or {})} - {TOKENS}:
            mine = self.values.get(path, GONE)
            if base is None and mine is GONE:
                continue
            if base is None or differ(mine, base.get(path, GONE)):
                after.pop(path, None)
                if mine is not GONE:
                    after[path] = mine
        mine, theirs = self.values[TOKENS], stored.get(TOKENS, 0)
        after[TOKENS] = max(mine, theirs) if base is None else theirs + mine - base.get(TOKENS, 0)
        return after


class Machine(RuleBasedStateMachine):
    """The rules. `World` says on what."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.session_id = self.world.new_session_id()
        self.stored: Flat | None = None
        self.row = 0
        """Which of the rows that the session has had is there, or was last."""
        self.runs: list[str] = []
        self.held = [self._new() for _ in range(HOLDERS)]
        self.names = 0

    @initialize(begun=st.dictionaries(paths, st.sampled_from(VALUES)), read=st.booleans())
    def begin(self, begun: Flat, read: bool) -> None:
        """A session with some state, read by all holders or by none."""
        self.held[0].values |= begun
        self._save(0)
        for who in range(HOLDERS if read else 1):
            self._read(who)

    # -- holders ----------------------------------------------------------------------------------------------

    @rule(who=holders, how=st.sampled_from(["read", "read", "forget", "begin anew"]))
    def take(self, who: int, how: str) -> None:
        """Hold the session again; as `from_dict(to_dict())` gives it; or as one who has never looked."""
        holder = self.held[who]
        if how == "read":
            self._read(who)
        elif how == "forget":
            session = replace(holder.session, snapshot=Snapshot(), updated_at=1)
            self.held[who] = Holder(session, holder.values, None, {})
        else:
            self.held[who] = self._new()

    def _read(self, who: int) -> None:
        session = self.world.run(self.world.database(who).sessions.get(self.session_id))
        assert (session is None) is (self.stored is None)
        if session is None or self.stored is None:
            self.held[who] = self._new()
        else:
            self.held[who] = Holder(session, {TOKENS: 0, **self.stored}, self.stored, self.stored)

    def _new(self) -> Holder:
        session = SessionRecord(session_id=self.session_id, session_type="agent", session_data={})
        return Holder(session, {TOKENS: 0}, {}, {})

    @rule(who=holders, path=paths, value=values)
    def change(self, who: int, path: tuple[str, ...], value: Any) -> None:
        """Nothing that anybody else sees yet."""
        holder = self.held[who]
        holder.values = {p: v for p, v in holder.values.items() if p != path}
        if value is not GONE:
            holder.values[path] = value

    def _turn(self, who: int, path: tuple[str, ...], value: Any) -> None:
        self.change(who, path, value)
        holder = self.held[who]
        holder.values = {**holder.values, TOKENS: holder.values[TOKENS] + who + 1}

    # -- saves ------------------------------------------------------------------------------------------------

    @rule(who=holders, path=paths, value=values)
    def save(self, who: int, path: tuple[str, ...], value: Any) -> None:
        """A turn: one value changed, and saved."""
        self._turn(who, path, value)
        self._save(who)

    @rule(who=holders, path=paths, value=values, fault=numbers, at=st.integers(0, 2))
    def save_with_a_fault(self, who: int, path: tuple[str, ...], value: Any, fault: int, at: int) -> None:
        """A turn whose save is struck at one of its statements."""
        self._turn(who, path, value)
        self._save(who, fault, at)

    def _save(self, who: int, fault: int | None = None, at: int = 0) -> None:
        holder = self.held[who]
        after = holder.applied_to(self.stored, self.row)
        db, version = self.world.database(who), self.world.version(self.session_id)
        if self.world.does(db, lambda: db.sessions.upsert(self._put(holder)), fault, at):
            self._store(after)
            self._in_step(holder)
        elif self.world.version(self.session_id) != version:  # done all the same
            self._store(after)
            holder.unheard = (self.row, holder.values)

    @rule(who=holders, other=holders, commit=st.booleans(), fault=st.none() | numbers, at=st.integers(0, 4))
    def save_in_a_transaction(self, who: int, other: int, commit: bool, fault: int | None, at: int) -> None:
        """Two holders, or one twice, and a run; then all of it or nothing."""
        saved = [self.held[who], self.held[other]]
        before = self.stored, self.row, [*self.runs], [holder.unheard for holder in saved]
        db, run = self.world.database(who), self._new_run()

        async def transaction() -> None:
            async with db.transaction() as tx:
                for holder in saved:
                    await tx.sessions.upsert(self._put(holder))
                await tx.runs.upsert(self._run(run))
                if not commit:
                    raise LookupError

        for holder in saved:
            self._store(holder.applied_to(self.stored, self.row))
            holder.unheard = (self.row, holder.values)
        self.runs.append(run)
        after = self.stored
        done = self.world.does(db, transaction, fault, at)
        if not done:
            self.stored, self.row, self.runs, unheard = before
            if commit and run in self.world.look(self.session_id)[1]:  # done all the same
                self.stored, self.row, self.runs = after, before[1] + (before[0] is None), [*self.runs, run]
            else:
                for holder, known in zip(saved, unheard, strict=True):
                    holder.unheard = known

    def _put(self, holder: Holder) -> SessionRecord:
        holder.session.session_data = nested(holder.values)
        return holder.session

    def _store(self, after: Flat) -> None:
        self.row += self.stored is None
        self.stored = after

    def _in_step(self, holder: Holder) -> None:
        assert self.stored is not None
        holder.base, holder.seen, holder.unheard = holder.values, self.stored, None

    # -- what others do to the row ----------------------------------------------------------------------------

    @rule(who=holders, what=st.sampled_from(["rename", "rename", "set data", "delete"]), path=paths, value=kept)
    def meddle(self, who: int, what: str, path: tuple[str, ...], value: Any) -> None:
        """What is done to the row beside all savings."""
        sessions, there = self.world.database(who).sessions, self.stored is not None
        self.names += 1
        name, data = f"name {self.names}", {path: value, TOKENS: 1}
        if what == "rename":
            assert (self.world.run(sessions.rename(self.session_id, name)) is not None) is there
            data = {**(self.stored or {}), ("session_name",): name}
        elif what == "set data":
            assert self.world.run(sessions.set_data(self.session_id, nested(data))) is there
        else:
            assert self.world.run(sessions.delete(self.session_id)) is there
            self.runs, there = [], False
        self.stored = data if there else None

    # -- runs -------------------------------------------------------------------------------------------------

    @rule(who=holders, again=st.booleans(), fault=st.none() | numbers)
    def add_a_run(self, who: int, again: bool, fault: int | None) -> None:
        """A run more, or the first one saved again."""
        db, run = self.world.database(who), self.runs[0] if again and self.runs else self._new_run()
        after = self.runs if run in self.runs else [*self.runs, run]
        try:
            done = self.world.does(db, lambda: db.runs.upsert(self._run(run)), fault)
        except NotFoundError:
            assert self.stored is None
        else:
            if done or self.world.look(self.session_id)[1] == after:
                self.runs = after

    @rule(who=holders)
    def delete_the_first_run(self, who: int) -> None:
        """The places of the others stay."""
        if self.runs:
            assert self.world.run(self.world.database(who).runs.delete(self.runs.pop(0)))

    def _new_run(self) -> str:
        self.names += 1
        return f"{self.session_id} {self.names}"

    def _run(self, name: str) -> RunRecord:
        return RunRecord(run_id=name, session_id=self.session_id, run_type="agent", run_data={"id": name})

    # -- what must hold ---------------------------------------------------------------------------------------

    @invariant()
    def the_row_is_what_the_model_says(self) -> None:
        """After every step: the state, and the runs in order."""
        found, runs = self.world.look(self.session_id)
        assert canonical(found) == canonical(self.stored)
        assert runs == self.runs


class StatefulConformance:
    """Sessions and runs in any order of events."""

    async def test_sessions_and_runs_are_what_a_simple_model_says(self, make_db: Any) -> None:
        databases = [await make_db(), await make_db()]
        for db in databases:
            await db.create_tables()
        injections = [injection_of(db) for db in databases]
        world = World(asyncio.get_running_loop(), databases, injections)
        machine = type("SessionsAndRuns", (Machine,), {"world": world})
        with injections[0], injections[1]:
            await asyncio.to_thread(run_state_machine_as_test, machine, settings=_profile())


def _profile() -> settings:
    examples = os.environ.get(EXAMPLES_VARIABLE)
    return settings(
        max_examples=int(examples or 12),
        stateful_step_count=30,
        derandomize=True,
        database=None,
        deadline=None,
        # To shrink what fails takes minutes: for those who look into it.
        phases=[Phase.generate, Phase.shrink] if examples else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
