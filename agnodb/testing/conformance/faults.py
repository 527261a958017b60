"""What every database promises when it fails: an error that says so, or the answer; never half a write.

Every statement of every public method meets a fault, one at a time (see `agnodb.testing.injection`): the methods are
those of the catalogue in `calls`, their statements are counted by running them. To keep it cheap, every statement
meets one fault of each kind, and the calls of `SHAPES`, which between them are everything a call can be made of,
meet every fault there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

import pytest
from tenacity import Retrying, wait_none

from agnodb import clock
from agnodb.databases.methods import metrics as metric_methods
from agnodb.documents import schema_versions as document_schema_versions
from agnodb.errors import AgnoDbError, UnavailableError
from agnodb.executors import retries
from agnodb.mongo import schema_versions as mongo_schema_versions
from agnodb.records.sessions import SessionRecord
from agnodb.rules import times
from agnodb.sql import schema_versions
from agnodb.testing.conformance.calls import Call, Sample, calls
from agnodb.testing.families import forget_records, injection_of, storage_of
from agnodb.testing.injection import SECRET, Fault, Kind
from agnodb.testing.storage import Rows

NOW = 2_000_000_000
"""The clock stands still, so that what is written twice is the same twice."""
TIME_ENOUGH, NO_TIME = 30.0, 0.02
"""How long a call is made again, in seconds: until it succeeds, or where it cannot."""
COVERING = 4
"""So many faults, the first ones of a database, are of each kind."""
SHAPES = {
    "get_session": "a read of two statements",
    "memories.upsert": "a write that may be run again",
    "runs.append_if_absent": "an insert that may not",
    "schedules.claim_due": "a change that may not",
    "sessions.delete": "a delete",
    "upsert_memories": "a transaction of a caller's",
    "update_run_in_session": "a transaction that reads before it writes",
    "calculate_metrics": "a transaction that may be run again",
}
_COUNTS_WHAT_IS_NEW = {"spans.create_many"}
"""Made again after a connection was lost, it does not count what its first attempt has stored."""


class _Still(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _Still:
        return cls.fromtimestamp(NOW, tz)


@dataclass
class Expected:
    """A call that nothing disturbs."""

    call: Call
    places: Sequence[str]
    """Where its statements run."""
    answer: Any
    """What it returns, or the class of the error that it raises."""
    after: Rows


class Matrix:
    """Calls that meet faults, on a database whose rows are put back after each."""

    def __init__(self, db: Any, storage: Any, injection: Any) -> None:
        self.db, self.storage, self.injection = db, storage, injection
        self._executor = getattr(db, "_core", db)._executor
        self.strikes = 0

    async def undisturbed(self, call: Call) -> Expected:
        """How the call goes without a fault."""
        forget_records(self.db)
        self.injection.arm()
        answer = await answer_to(call)
        places, after = self.injection.trace(), await self.storage.read()
        await self.storage.put_back(after)
        assert places, f"{call.name} runs no statement"
        return Expected(call, places, answer, after)

    def is_meant(self, expected: Expected) -> None:
        """Raises when the call does not do what such a call is for: it would prove nothing."""
        call, changes = expected.call, expected.after != self.storage.rows
        assert changes is call.writes, f"{call.name} {'changes rows' if changes else 'changes nothing'}"
        assert call.writes or found_something(expected.answer), f"{call.name} finds nothing in the sample"

    async def strike(self, expected: Expected, fault: Fault, at: int) -> None:
        """Have the call meet `fault` at its statement number `at`, and see what comes of it."""
        call, injection, where = expected.call, self.injection, f"{expected.call.name}, {at}, {fault.name}"
        self.strikes += 1
        self._executor._retry_timeout = NO_TIME if fault.lasting else TIME_ENOUGH
        forget_records(self.db)
        injection.arm(fault, at)
        answer = await answer_to(call)
        assert injection.struck, f"{where}: not met"
        injection.arm()
        assert injection.leaks() == 0, f"{where}: a connection is lost"
        rows = await self.storage.read()
        if isinstance(answer, AgnoDbError) and type(answer) is not expected.answer:
            self._given_up(expected, fault, at, answer, rows, where)
        else:
            assert fault.kind is not Kind.FINAL, f"{where}: not told"
            same = uncounted(answer) == uncounted(expected.answer) or type(answer) is expected.answer
            assert same or call.name in _COUNTS_WHAT_IS_NEW, f"{where}: {answer} is not {expected.answer}"
            assert rows == expected.after, f"{where}: told to be done, {difference(rows, expected.after)}"
        await self.storage.put_back(rows)
        await self.db.schema_versions.get("agno_sessions")  # the next call works

    def _given_up(self, expected: Expected, fault: Fault, at: int, error: AgnoDbError, rows: Rows, where: str) -> None:
        assert type(error) is fault.error, f"{where}: {error!r} {error.detail}"
        assert fault.kind is Kind.LOST or SECRET in str(error.detail), f"{where}: {error.detail}"
        assert is_safe(str(error), self.injection), f"{where}: {error}"
        assert may_give_up(expected, fault, at), f"{where}: {error!r} {error.detail}"
        # What comes after a write that is on its own may fail when that is done.
        late = fault.kind is Kind.LOST or (at > 0 and expected.places[at] == "alone")
        done = late and rows == expected.after
        assert done or rows == self.storage.rows, f"{where}: half done, {difference(rows, self.storage.rows)}"

    async def strike_each(self, expected: Expected, chosen: Sequence[Fault], each: int) -> None:
        """Every statement of the call meets `each` of the chosen faults: all, or one in turn."""
        for at in range(len(expected.places)):
            for number in range(min(each, len(chosen))):
                fault = chosen[number] if each >= len(chosen) else chosen[self.strikes % len(chosen)]
                await self.strike(expected, fault, at)


@asynccontextmanager
async def met_by_faults(make_db: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Matrix]:
    """A matrix over the rows of a sample, with a clock that stands still and retries that do not wait."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    for module in (times, schema_versions, mongo_schema_versions, document_schema_versions):
        monkeypatch.setattr(module, "datetime", _Still)
    monkeypatch.setattr(retries, "_POLICY", Retrying(wait=wait_none()))
    monkeypatch.setattr(metric_methods, "REFRESH_SECONDS", 0)
    db, storage = await make_db(), storage_of(await make_db())
    await db.create_tables()
    await Sample().fill(db)
    await storage.keep()
    try:
        with injection_of(db) as injection:
            yield Matrix(db, storage, injection)
    finally:
        await storage.forget()


async def answer_to(call: Call) -> Any:
    """What the call returns, or the error of ours that it raises; any other error is not caught."""

    async def flow() -> Any:  # of its own: what a call could not read is protected from those that follow it
        return await call.run()

    try:
        return await asyncio.create_task(flow())
    except AgnoDbError as error:
        return error


def difference(found: Rows, wanted: Rows) -> str:
    """The rows that are in one of the two."""
    return str({n: set(found[n]) ^ set(wanted[n]) for n in found if found[n] != wanted[n]})


def uncounted(result: Any) -> Any:
    """A result without the count of writes."""
    return replace(result, row_version=None) if isinstance(result, SessionRecord) else result


def found_something(result: Any) -> bool:
    """Whether a read has found rows."""
    return bool(result[0]) if isinstance(result, tuple) else bool(result)


def is_safe(shown: str, injection: Any) -> bool:
    """Whether an end user may read it."""
    secrets = [*injection.secrets(), "INSERT", "SELECT", "UPDATE", "42", "_"]
    return not [secret for secret in secrets if secret and secret in shown]


def may_give_up(expected: Expected, fault: Fault, at: int) -> bool:
    """Whether a call may raise, because no other attempt is known to be safe."""
    call, places = expected.call, expected.places
    met = at + fault.late
    if fault.kind is Kind.FINAL or fault.lasting:
        return True
    if met == len(places) or call.concept == "metrics" or not call.writes:
        return False
    if places[met] != "alone":
        return "transaction" in places[:met]  # until its first statement has succeeded, a transaction has not begun
    return fault.kind is Kind.LOST and not is_idempotent(call)


def is_idempotent(call: Call) -> bool:
    """Whether the write says that it may be run again."""
    repositories = getattr(call.db, "_core", call.db).repositories
    own = call.name.rpartition(".")[2]
    return "." in call.name and own in getattr(repositories, call.concept).idempotent


class FaultConformance:
    """Faults at every statement.

    `faults_each = 1` in a test class has each statement meet one fault in turn instead of one of each kind: for a
    second driver of a database.
    """

    async def test_every_statement_of_every_call(self, make_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        async with met_by_faults(make_db, monkeypatch) as matrix:
            for call in calls(matrix.db, Sample()):
                expected = await matrix.undisturbed(call)
                matrix.is_meant(expected)
                covering = matrix.injection.faults[:COVERING]
                await matrix.strike_each(expected, covering, getattr(self, "faults_each", COVERING))

    async def test_every_fault_of_every_shape(self, make_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        async with met_by_faults(make_db, monkeypatch) as matrix:
            others = matrix.injection.faults[COVERING:]
            chosen = [call for call in calls(matrix.db, Sample()) if call.name in SHAPES]
            assert {call.name for call in chosen} == SHAPES.keys()
            for call in chosen:
                await matrix.strike_each(await matrix.undisturbed(call), others, len(others))

    async def test_every_statement_of_every_refusal(self, make_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """What another user may not write, or what is there already: refused, or failed, and nothing is changed."""
        async with met_by_faults(make_db, monkeypatch) as matrix:
            covering = matrix.injection.faults[:COVERING]
            for call in calls(matrix.db, Sample(), "bob", taken=True):
                expected = await matrix.undisturbed(call)
                if isinstance(expected.answer, AgnoDbError):
                    assert expected.after == matrix.storage.rows, call.name
                    expected.answer = type(expected.answer)
                    await matrix.strike_each(expected, covering, 1)
            assert matrix.strikes > len(covering)

    async def test_a_pool_that_is_used_up(self, make_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        async with met_by_faults(make_db, monkeypatch) as matrix:
            matrix._executor._retry_timeout = NO_TIME
            for call in calls(matrix.db, Sample()):
                if call.name in SHAPES:
                    with matrix.injection.exhausted():
                        answer = await answer_to(call)
                    assert type(answer) is UnavailableError, f"{call.name}: {answer!r}"
                    assert is_safe(str(answer), matrix.injection), f"{call.name}: {answer}"
                    assert await matrix.storage.read() == matrix.storage.rows, call.name


class ShapeFaultConformance:
    """Faults where each strike takes long: one call of each kind, every fault at every statement of it."""

    async def test_every_fault_at_every_statement(self, make_db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        async with met_by_faults(make_db, monkeypatch) as matrix:
            for call in [call for call in calls(matrix.db, Sample()) if call.name in SHAPES]:
                expected, faults = await matrix.undisturbed(call), matrix.injection.faults
                matrix.is_meant(expected)
                await matrix.strike_each(expected, faults, len(faults))
            assert matrix.strikes >= len(SHAPES) * len(faults)

    test_a_pool_that_is_used_up = FaultConformance.test_a_pool_that_is_used_up
