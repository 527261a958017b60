"""What every backend promises of evaluation runs."""

from __future__ import annotations

from typing import Any

import pytest

from agnodb.errors import DuplicateKeyError, InvalidValueError, OwnershipError
from agnodb.filters import Page
from agnodb.records.eval_runs import EvalRunRecord
from agnodb.testing.conformance.values import ODD_VALUES


def an_eval(run_id: str = "e", **fields: Any) -> EvalRunRecord:
    """An accuracy evaluation of an agent unless `fields` say otherwise."""
    return EvalRunRecord(run_id=run_id, **{"eval_type": "accuracy", "eval_data": {}, "agent_id": "a", **fields})


class EvalRunConformance:
    """Evaluation runs."""

    async def test_an_evaluation_comes_back_as_it_was_saved(self, db: Any) -> None:
        saved = an_eval(
            eval_data={"score": 1},
            eval_input={"q": 1},
            name="n",
            model_id="m",
            model_provider="p",
            evaluated_component_name="c",
            user_id="alice",
            created_at=1,
            updated_at=2,
        )
        await db.eval_runs.create(saved)
        assert await db.eval_runs.get("e") == saved
        assert await db.eval_runs.get("e", user_id="bob") is None

    async def test_every_value_comes_back_equal(self, db: Any) -> None:
        for number, value in enumerate(ODD_VALUES):
            await db.eval_runs.create(an_eval(f"e{number}", eval_data={"v": value}, eval_input=value))
            read = await db.eval_runs.get(f"e{number}")
            assert (read.eval_data, read.eval_input) == ({"v": value}, value)

    async def test_a_taken_id_is_refused(self, db: Any) -> None:
        await db.eval_runs.create(an_eval(name="first"))
        with pytest.raises(DuplicateKeyError):
            await db.eval_runs.create(an_eval(name="second"))
        assert (await db.eval_runs.get("e")).name == "first"

    async def test_absence(self, db: Any) -> None:
        assert await db.eval_runs.get("e") is None
        assert await db.eval_runs.rename("e", "n") is None
        assert not await db.eval_runs.claim("e", "alice")
        assert await db.eval_runs.delete_many(["e"]) == 0
        assert await db.eval_runs.page(Page()) == ([], 0)

    async def test_owners(self, db: Any) -> None:
        await db.eval_runs.create(an_eval())
        assert await db.eval_runs.claim("e", "alice")
        assert await db.eval_runs.claim("e", "alice")
        with pytest.raises(OwnershipError):
            await db.eval_runs.claim("e", "bob")
        assert await db.eval_runs.rename("e", "bob's", user_id="bob") is None
        assert await db.eval_runs.delete_many(["e"], user_id="bob") == 0
        assert (await db.eval_runs.rename("e", "new", user_id="alice")).name == "new"
        assert (await db.eval_runs.get("e")).user_id == "alice"

    async def test_filters_and_pages(self, db: Any) -> None:
        await db.eval_runs.create(an_eval("e1", model_id="m", created_at=1))
        await db.eval_runs.create(an_eval("e2", eval_type="reliability", created_at=2))
        await db.eval_runs.create(an_eval("e3", agent_id=None, team_id="t", created_at=3))

        async def ids(page: Page = Page(), **filters: Any) -> list[str]:  # noqa: B008
            return [row.run_id for row in (await db.eval_runs.page(page, **filters))[0]]

        assert await ids() == ["e3", "e2", "e1"]
        assert await ids(Page(1, 2, "created_at", "asc")) == ["e2"]
        assert await ids(eval_types=["accuracy", "performance"]) == ["e3", "e1"]
        assert await ids(component="team") == ["e3"]
        assert await ids(component="agent", model_id="m") == ["e1"]
        assert await ids(team_id="t", user_id="nobody") == []
        with pytest.raises(InvalidValueError):
            await ids(component="robot")
