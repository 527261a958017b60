"""What agno does with one session, one thing after another, leaves the same data on agnodb as on agno's own adapter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from agents import eventually, helper
from agno.agent import Agent
from agno.run.base import RunContext, RunStatus
from agno.tools import tool
from merging import SAID, Meeting, crew, flow
from places import Place

from agnodb.demo.model import OfflineModel

Story = Callable[[Any, Any], Awaitable[None]]

KEEP = Meeting().keep


@tool(requires_confirmation=True)
def spend(run_context: RunContext, amount: int) -> str:
    """Spend an amount."""
    state = run_context.session_state
    assert state is not None
    state["spent"] = state.get("spent", 0) + amount
    return f"spent {amount}"


def talker(db: Any, **settings: Any) -> Any:
    return helper(db, **{"tools": [KEEP, spend], "session_state": {"since": 1, "list": []}, **settings})


async def pause_and_continue(db: Any, talk: Any) -> None:
    await talker(db).arun(SAID.format("before"), **talk)
    for amount in (3, 4):
        paused = await talker(db).arun(f"spend with amount {amount}", **talk)
        assert paused.is_paused
        for requirement in paused.active_requirements:
            requirement.confirm()
        done = await talker(db).acontinue_run(run_id=paused.run_id, requirements=paused.requirements, **talk)
        assert done.status is RunStatus.completed
    await talker(db).arun(SAID.format("after"), **talk)


async def pause_and_continue_a_cached_session(db: Any, talk: Any) -> None:
    agent = talker(db, cache_session=True)
    paused = await agent.arun("spend with amount 3", **talk)
    await agent.arun(SAID.format("meanwhile"), **talk)
    for requirement in paused.active_requirements:
        requirement.confirm()
    done = await agent.acontinue_run(run_id=paused.run_id, requirements=paused.requirements, **talk)
    assert done.status is RunStatus.completed
    await agent.arun(SAID.format("after"), **talk)


async def streams(db: Any, talk: Any) -> None:
    for key in ("one", "two"):
        events = [event async for event in talker(db).arun(SAID.format(key), **talk, stream=True)]
        assert events[-1].event in ("RunCompleted", "RunContentCompleted", "RunContent")


async def in_the_background(db: Any, talk: Any) -> None:
    for key in ("one", "two"):
        agent = talker(db)
        begun = await agent.arun(SAID.format(key), **talk, background=True)

        async def ended(agent: Any = agent, run_id: str = begun.run_id) -> bool:
            run = await agent.aget_run_output(run_id=run_id, session_id=talk["session_id"])
            return run is not None and run.status is RunStatus.completed

        await eventually(ended)


async def cancelled(db: Any, talk: Any) -> None:
    async def cancel(run_context: RunContext, key: str) -> str:
        """Cancel the run."""
        run_context.session_state[key] = True  # type: ignore[index]
        await Agent.acancel_run(run_context.run_id)
        return key

    await talker(db).arun(SAID.format("before"), **talk)
    answer = await talker(db, tools=[cancel]).arun("cancel with key one", **talk)
    assert answer.status is RunStatus.cancelled
    await talker(db).arun(SAID.format("after"), **talk)


async def tried_again(db: Any, talk: Any) -> None:
    tries = iter([True, False] * 2)

    def fails_at_first(run_context: RunContext) -> None:
        run_context.session_state["tries"] = run_context.session_state.get("tries", 0) + 1  # type: ignore[index,union-attr]
        if next(tries):
            raise ValueError("not yet")

    for key in ("one", "two"):
        agent = talker(db, retries=1, delay_between_retries=0, pre_hooks=[fails_at_first])
        assert (await agent.arun(SAID.format(key), **talk)).status is RunStatus.completed


async def failed(db: Any, talk: Any) -> None:
    class Broken(OfflineModel):
        async def ainvoke(self, *args: Any, **named: Any) -> Any:
            raise ValueError("broken")

    await talker(db).arun(SAID.format("before"), **talk)
    answer = await talker(db, model=Broken()).arun("hello", **talk, session_state={"given": 1})
    assert answer.status is RunStatus.error
    await talker(db).arun(SAID.format("after"), **talk)


async def regenerated(db: Any, talk: Any) -> None:
    first = await talker(db).arun(SAID.format("one"), **talk)
    await talker(db).arun(SAID.format("two"), **talk)
    await talker(db).acontinue_run(run_id=first.run_id, regenerate=True, **talk)
    await talker(db).acontinue_run(run_id=first.run_id, regenerate=True, replace_original=True, **talk)
    await talker(db).acontinue_run(run_id=first.run_id, fork=True, input=SAID.format("three"), **talk)


async def checkpoints(db: Any, talk: Any) -> None:
    for key in ("one", "two"):
        await talker(db, checkpoint="tool-batch").arun(SAID.format(key), **talk)


async def named_and_changed(db: Any, talk: Any) -> None:
    one = {"session_id": talk["session_id"]}
    for settings in ({}, {"cache_session": True}):
        agent = talker(db, **settings)
        await agent.arun(SAID.format(f"{len(settings)}"), **talk)
        await agent.aset_session_name(**one, session_name=f"Name {len(settings)}")
        await agent.aupdate_session_state({"set": len(settings), "since": 2}, **one)
        state = await agent.aget_session_state(**one)
        assert (state["set"], state["since"]) == (len(settings), 2)
        assert await agent.aget_session_name(**one) == f"Name {len(settings)}"
        await agent.arun(SAID.format(f"{len(settings)} again"), **talk, session_state={"note": settings})


async def keys_are_deleted(db: Any, talk: Any) -> None:
    async def forget(run_context: RunContext, key: str) -> str:
        """Forget a key."""
        del run_context.session_state[key]  # type: ignore[union-attr]
        return f"forgot {key}"

    for settings in ({}, {"cache_session": True}):
        agent = talker(db, tools=[KEEP, forget], **settings)
        for key in ("one", "two"):
            await agent.arun(SAID.format(key), **talk)
        await agent.arun("forget with key one", **talk)
    session = await db.get_session(talk["session_id"])
    assert {"one", "two"} & set(session.session_data["session_state"]) == {"two"}


async def deleted_and_begun_again(db: Any, talk: Any) -> None:
    for settings in ({}, {"cache_session": True}):
        agent = talker(db, **settings)
        await agent.arun(SAID.format("one"), **talk)
        await agent.adelete_session(session_id=talk["session_id"], user_id=talk["user_id"])
        await agent.arun(SAID.format("two"), **talk)


async def introduced_and_summarised(db: Any, talk: Any) -> None:
    for key in ("one", "two"):
        agent = talker(db, introduction="Hello!", enable_session_summaries=True, metadata={"tier": "gold"})
        await agent.arun(SAID.format(key), **talk)


async def a_team(db: Any, talk: Any) -> None:
    for settings in ({}, {"store_member_responses": True}, {"cache_session": True}):
        team = crew(db, tools=[KEEP], session_state={"since": 1}, **settings)
        for key in ("one", "two"):
            await team.arun(SAID.format(f"{key}{settings}"), **talk)
        assert [event async for event in team.arun("hello", **talk, stream=True)]
        await team.aset_session_name(session_id=talk["session_id"], session_name=f"{settings}")
        answer = await team.arun("delegate_task_to_member with member_id member task hello", **talk)
        assert len(answer.member_responses) == 1


async def a_workflow(db: Any, talk: Any) -> None:
    for settings in ({}, {"cache_session": True}):
        workflow = flow(db, tools=[KEEP], session_state={"since": 1}, **settings)
        for key in ("one", "two"):
            await workflow.arun(SAID.format(f"{key}{len(settings)}"), **talk)
        assert [event async for event in workflow.arun("hello", **talk, stream=True)]
        await workflow.aset_session_name(session_id=talk["session_id"], session_name=f"{settings}")


STORIES: list[Story] = [
    pause_and_continue, pause_and_continue_a_cached_session, streams, in_the_background, cancelled, tried_again, failed,
    regenerated, checkpoints, named_and_changed, keys_are_deleted, deleted_and_begun_again, introduced_and_summarised,
    a_team, a_workflow,
]  # fmt: skip


async def left_behind(db: Any, session_id: str) -> dict[str, Any]:
    """What a session is in the end, without its own id and the times."""
    session = await db.get_session(session_id)
    data = session.session_data
    data.get("session_metrics", {}).pop("additional_metrics", None)
    summary = getattr(session, "summary", None)
    return {
        "data": data,
        "metadata": session.metadata,
        "summary": summary and summary.summary,
        "runs": len(session.runs),
    }


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_it_is_as_on_agnos_own_adapter(place: Place, story: Story) -> None:
    left = []
    for name, adapter in (("ours", place.ours), ("theirs", place.agnos)):
        db = adapter()
        await story(db, {"session_id": name, "user_id": "alice"})
        left.append(await left_behind(db, name))
        await db.close()
    assert left[0]["data"]["session_metrics"]["total_tokens"] > 0
    assert left[0] == left[1]
