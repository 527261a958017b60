"""What every database promises of writes that fail: each is told, as what it was, to the log and to `on_write_failed`.

The methods are those of the catalogue in `calls`; every first statement is refused (see `agnodb.testing.injection`).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from agnodb.databases.write_failures import READS
from agnodb.errors import AgnoDbError, DuplicateKeyError, InvalidValueError, OwnershipError
from agnodb.policies import WriteFailure
from agnodb.testing.conformance.calls import Call, Sample, calls
from agnodb.testing.conformance.learnings import a_learning
from agnodb.testing.families import core_of, injection_of
from agnodb.testing.injection import SECRET, Fault, Kind


class Failing:
    """Makes the next statement of a database fail, as often as it is asked."""

    def __init__(self, injection: Any) -> None:
        self._injection = injection
        self.fault: Fault = next(fault for fault in injection.faults if fault.kind is Kind.FINAL)

    @contextlib.contextmanager
    def statement(self) -> Iterator[None]:
        """The first statement of the block is refused. Raises AssertionError when there was none."""
        self._injection.arm(self.fault)
        yield
        assert self._injection.struck, "no statement was run"
        self._injection.arm()


@contextlib.contextmanager
def failing(db: Any) -> Iterator[Failing]:
    """While the block runs, statements of `db` can be made to fail."""
    with injection_of(db) as injection:
        yield Failing(injection)


def told(db: Any) -> list[WriteFailure]:
    """What `on_write_failed` of `db` is given from now on."""
    failures: list[WriteFailure] = []
    core_of(db)._on_write_failed = failures.append
    return failures


def _flat(call: Call) -> bool:
    return "." not in call.name


class WriteFailureConformance:
    """Writes that fail."""

    async def test_every_write_is_told_and_can_be_repeated(self, db: Any, caplog: pytest.LogCaptureFixture) -> None:
        sample, failures = Sample(), told(db)
        await sample.fill(db)
        writes = [call for call in calls(db, sample) if _flat(call) and not call.name.startswith(READS)]
        assert {"upsert_session", "upsert_run", "upsert_learning", "create_span"} < {call.name for call in writes}
        with failing(db) as failure:
            for call in writes:
                arguments = call.arguments()
                with failure.statement(), pytest.raises(AgnoDbError) as raised:
                    await getattr(db, call.name)(**arguments)
                assert type(raised.value) is failure.fault.error, call.name
                (found,) = failures
                assert found.error is raised.value, call.name
                assert (found.method, dict(found.arguments)) == (call.name, arguments)
                assert SECRET not in repr(found)
                failures.clear()
                await getattr(db, found.method)(**found.arguments)
                assert not failures, call.name
        logged = [record for record in caplog.records if getattr(record, "event", "") == "write_failed"]
        assert [record.method for record in logged] == [call.name for call in writes]  # type: ignore[attr-defined]
        assert {record.levelno for record in logged} == {logging.ERROR}
        assert SECRET not in caplog.text

    async def test_a_read_is_not_told(self, db: Any) -> None:
        sample, failures, reads = Sample(), told(db), 0
        await sample.fill(db)
        with failing(db) as failure:
            for call in calls(db, sample):
                if _flat(call) and call.name.startswith(READS) and call.name != "get_metrics":
                    with failure.statement(), pytest.raises(AgnoDbError) as raised:
                        await call.run()
                    assert raised.value.__suppress_context__, call.name
                    reads += 1
        assert reads > 20
        assert not failures

    async def test_a_callers_own_mistake_is_told_too(self, db: Any) -> None:
        failures = told(db)
        await db.learnings.upsert(a_learning())
        await db.create_approval({"id": "a", "run_id": "r", "session_id": "s", "source_type": "agent"})
        with pytest.raises(OwnershipError):
            await db.upsert_learning("l", "user_profile", {}, user_id="bob")
        with pytest.raises(DuplicateKeyError):
            await db.create_approval({"id": "a", "run_id": "r", "session_id": "s", "source_type": "agent"})
        with pytest.raises(InvalidValueError):
            await db.update_approval("a", no_such_field=1)
        with pytest.raises(TypeError):
            await db.upsert_learning("l")  # not a call of the method at all
        assert [type(failure.error) for failure in failures] == [OwnershipError, DuplicateKeyError, InvalidValueError]
        assert failures[2].arguments == {"approval_id": "a", "no_such_field": 1}

    async def test_a_hook_that_fails_is_logged_and_hides_nothing(
        self, db: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        await db.learnings.upsert(a_learning())

        def hook(failure: WriteFailure) -> None:
            raise RuntimeError(f"cannot keep {failure.arguments}")

        core_of(db)._on_write_failed = hook
        with pytest.raises(OwnershipError):
            await db.upsert_learning("l", "user_profile", {"x": SECRET}, user_id="bob")
        (record,) = (record for record in caplog.records if getattr(record, "event", "") == "hook_failed")
        assert (record.error, record.method) == ("RuntimeError", "upsert_learning")  # type: ignore[attr-defined]
        assert record.where.startswith("hook (write_failures.py:")  # type: ignore[attr-defined]
        assert SECRET not in caplog.text

    async def test_what_a_transaction_does_is_told_to_its_block_only(self, db: Any) -> None:
        failures = told(db)
        await db.learnings.upsert(a_learning())
        with pytest.raises(OwnershipError):
            async with db.transaction() as tx:
                await tx.upsert_learning("l", "user_profile", {"x": 1}, user_id="bob")
        assert not failures
