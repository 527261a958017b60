"""agno's run methods."""

from __future__ import annotations

from typing import Any

from agnodb.databases.methods.base import Methods, plain
from agnodb.databases.methods.run_status import StatusChange
from agnodb.errors import NotFoundError
from agnodb.filters import Page
from agnodb.records.runs import RunRecord


class RunMethods(Methods):
    """Runs, each a row of its own."""

    async def get_run(self, run_id: str, deserialize: bool | None = True) -> Any:
        """The run, or None."""
        run = await self.repositories.runs.get(run_id)
        return None if run is None else self._run_given(run, deserialize)

    def _run_given(self, run: RunRecord, deserialize: bool | None) -> Any:
        return self.objects.run(run) if deserialize else run.to_dict()

    async def get_runs(
        self,
        session_id: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        team_id: str | None = None,
        workflow_id: str | None = None,
        status: Any = None,
        limit: int | None = None,
        page: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        deserialize: bool | None = True,
    ) -> Any:
        """A page of runs: a list of objects, or (dictionaries, number of all that match). One statement."""
        runs, total = await self.repositories.runs.page(
            Page(limit, page, sort_by, sort_order),
            session_id=session_id,
            user_id=user_id,
            agent_id=agent_id,
            team_id=team_id,
            workflow_id=workflow_id,
            status=plain(status),
        )
        given = [self._run_given(run, deserialize) for run in runs]
        return given if deserialize else (given, total)

    async def upsert_run(
        self, run: Any, session_id: str, user_id: str | None = None, run_index: int | None = None
    ) -> None:
        """Save one run: at the end of its session when it is new, else in its place. One atomic statement.

        `run_index` is agno's guess of the place, which two concurrent runs make alike: the database gives the
        place instead. Raises NotFoundError when there is no such session, OwnershipError when the session or the
        run is another user's.
        """
        await self.repositories.runs.save(self.objects.run_record(run, session_id, user_id))

    async def append_run_to_session_if_absent(
        self, session_id: str, run_dict: dict[str, Any], user_id: str | None = None
    ) -> bool | None:
        """Insert a run; False when its id is taken, None when there is no such session (agno's caller makes it)."""
        try:
            return await self.repositories.runs.append_if_absent(self.objects.run_record(run_dict, session_id, user_id))
        except NotFoundError:
            return None

    async def update_run_in_session(
        self,
        session_id: str,
        run_id: str,
        fields: dict[str, Any],
        expected_attempt: int | None = None,
        user_id: str | None = None,
        content_if_absent: str | None = None,
        session_data: dict[str, Any] | None = None,
    ) -> Any:
        """Change fields of a stored run under its row lock; agno's RunPersistOutcome comes back.

        With `session_data`, the session's data is replaced in the same transaction. Raises NotFoundError when
        there is no such session then.
        """
        change = StatusChange(fields, expected_attempt, content_if_absent)

        async def patched(repositories: Any) -> bool | None:
            changed: bool | None = await repositories.runs.patch(
                run_id, session_id, lambda run: change.apply(run.run_data or {}, run.status), user_id=user_id
            )
            return changed

        if session_data is None:
            await patched(self.repositories)
        else:
            async with self.transaction() as tx:
                if await patched(tx) and not await tx.sessions.set_data(session_id, session_data, user_id=user_id):
                    raise NotFoundError("There is no such session.", session_id=session_id)
        return self.objects.run_outcome(change.outcome)

    async def cancel_pending_run(
        self,
        run_id: str,
        *,
        session_id: str,
        reason: str,
        user_id: str | None = None,
        expected_status: str = "PENDING",
    ) -> bool:
        """Cancel a run that is still in `expected_status`; False when it is not. One atomic statement."""
        return await self.repositories.runs.cancel(
            run_id, session_id, reason=reason, expected_status=expected_status, user_id=user_id
        )

    async def delete_run(self, run_id: str) -> bool:
        """Delete the run; False when there is none."""
        return await self.repositories.runs.delete(run_id)

    async def delete_runs(self, run_ids: list[str]) -> None:
        """Delete runs."""
        await self.repositories.runs.delete_many(run_ids)
