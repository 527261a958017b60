"""Every method is in the ownership matrix or has a reason not to be; how a repository asks for its user."""

from __future__ import annotations

import inspect
from operator import attrgetter
from typing import Any

import pytest

from agnodb import AsyncSqliteDb
from agnodb.contracts.strict_owner import StrictOwner
from agnodb.errors import OwnershipError
from agnodb.policies import DEFAULT_POLICIES, Policies
from agnodb.records.memories import MemoryRecord
from agnodb.testing.conformance.calls import Sample, calls, methods
from agnodb.testing.conformance.owners import OWNERLESS

TOLD = {call.name for call in calls(None, Sample()) if call.takes_user}


def parameters(method: Any) -> list[str]:
    return [name for name in inspect.signature(method).parameters if name != "self"]


def test_every_method_says_its_user_or_has_a_reason_not_to() -> None:
    excused = [name for names in OWNERLESS.values() for name in names]
    assert len(excused) == len({*excused})
    assert {*methods()} - TOLD == {*excused}


def test_a_method_with_a_parameter_for_the_user_is_in_the_matrix() -> None:
    assert {name for name, (_, method) in methods().items() if "user_id" in parameters(method)} <= TOLD


def test_a_repository_takes_what_its_contract_says() -> None:
    """What the contract does not name, a strict database would not ask for."""
    db = AsyncSqliteDb(db_url="sqlite://")
    for name, (_, contract) in methods().items():
        if "." in name:
            assert parameters(attrgetter(name)(db)) == parameters(contract), name


class Asked(StrictOwner):
    def __init__(self, policies: Policies) -> None:
        self.policies = policies

    async def find(self, key: str, *, user_id: str | None = None) -> str:
        return f"{key} of {user_id}"

    async def save(self, record: Any) -> Any:
        return record

    async def count(self) -> int:
        return 1

    async def _any(self, user_id: str | None = None) -> str:
        return "found"


def memory(user_id: str | None) -> MemoryRecord:
    return MemoryRecord(memory_id="m", memory="x", user_id=user_id)


async def test_by_default_nobody_is_asked() -> None:
    asked = Asked(DEFAULT_POLICIES)
    assert await asked.find("k") == "k of None"
    assert await asked.save(memory(None)) == memory(None)


async def test_a_user_may_be_said_in_any_way() -> None:
    asked = Asked(Policies(strict_owner=True))
    assert await asked.find("k", user_id="alice") == "k of alice"
    assert await asked.find("k", user_id="") == "k of "
    assert await asked.save(memory("alice")) == memory("alice")
    assert await asked.save([memory("alice")]) == [memory("alice")]
    assert (await asked.count(), await asked._any()) == (1, "found")


async def test_saying_none_is_not_saying_a_user() -> None:
    asked = Asked(Policies(strict_owner=True))
    calls = (asked.find("k"), asked.find("k", user_id=None), asked.save(memory(None)))
    for call in (*calls, asked.save([memory("alice"), memory(None)])):
        with pytest.raises(OwnershipError, match="does not say its user") as refused:
            await call
        assert "Asked" in str(refused.value.detail)
        assert "Asked" not in str(refused.value)


async def test_a_method_looks_as_it_was_written() -> None:
    asked = Asked(Policies(strict_owner=True))
    assert inspect.iscoroutinefunction(asked.find)
    assert parameters(asked.find) == ["key", "user_id"]
    with pytest.raises(TypeError, match="key"):
        await asked.find()  # type: ignore[call-arg]
