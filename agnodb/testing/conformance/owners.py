"""What every backend promises of owners: the matrix of every method x another user, another session, nobody.

No method is named here to be tried. They are all those of the catalogue (`calls`) that say their user, so that a new
one is tried at once; those that cannot say one are in `OWNERLESS`, each with its reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import is_dataclass, replace
from operator import attrgetter
from typing import Any

from agnodb.agno.base import HAS_AGNO, objects
from agnodb.errors import DuplicateKeyError, OwnershipError, UnsupportedOperationError
from agnodb.testing.conformance.calls import OWNER, Call, Sample, calls, methods
from agnodb.testing.families import rows_of, storage_of

OTHERS = ("bob", "dave")
HANDING_OVER = ("reassign_session_owner", "sessions.reassign_owner")
"""An owner gives a session away: what they are for is to change an owner."""
OF_ONE_USER = (
    "delete_user_learnings", "eval_runs.claim", "get_schedule_by_name", "learnings.delete_of_user",
    "schedules.get_by_name", "update_eval_run_user_id",
)  # fmt: skip
"""They are about the rows of one user, and None is not "any": it finds, deletes and claims nothing."""
NAMELESS = ("create_eval_run",) if HAS_AGNO else ()
"""agno's evaluation run has no user to say, but its row has an owner: a strict database does not take it."""
UNREAD = ("sessions.upsert", "upsert_session", "upsert_sessions")
"""They save a session that has an owner and was not read: nobody may do that, see `agnodb.sql.ownership`."""
OWNERLESS: Mapping[str, tuple[str, ...]] = {
    "They go by the key of a row: agno asks for the row and its owner before": (
        "approvals.delete", "approvals.get", "approvals.update", "delete_approval", "delete_eval_run",
        "delete_learning", "delete_run", "delete_runs", "eval_runs.delete", "get_approval", "get_learning_by_id",
        "get_run", "get_trace", "learnings.delete", "learnings.get", "learnings.update", "runs.delete",
        "runs.delete_many", "runs.get", "schedule_runs.update", "traces.get", "update_approval", "update_learning",
        "update_schedule_run",
    ),
    "They go by a session or a schedule that was found for its owner": (
        "delete_schedule_runs", "get_latest_schedule_runs", "runs.history", "runs.of_session", "runs.of_sessions",
        "runs.stored", "schedule_runs.delete_completed", "schedule_runs.latest",
    ),
    "Spans have no owner, and a stored one is never changed": (
        "create_span", "create_spans", "get_span", "get_span_stats", "get_spans", "spans.create_many",
        "spans.earliest", "spans.get", "spans.page", "spans.stats",
    ),
    "They tell of a run, of a component or of a worker what is true for every user": (
        "approvals.set_run_status", "claim_due_schedule", "disable_schedules_for_target", "release_schedule",
        "schedules.claim_due", "schedules.disable_for_target", "schedules.release", "schedules.stamp",
        "stamp_schedule_provenance", "update_approval_run_status",
    ),
    "They are for all users at once": (
        "calculate_metrics", "clear_memories", "memories.clear", "metrics.recompute", "metrics.refresh",
    ),
    "Versions have no owner": (
        "get_latest_schema_version", "schema_versions.get", "schema_versions.set", "upsert_schema_version",
    ),
    "agno's evaluation run cannot say a user": NAMELESS,
}  # fmt: skip
"""Why a method cannot say its user -> the methods: every one that is not in the matrix."""
SHARED = ("knowledge",)
"""Concepts whose rows without an owner belong to all, and are claimed by nobody."""

Rows = dict[str, dict[Any, Mapping[str, Any]]]


async def stored(db: Any) -> Rows:
    """table -> key -> row, as the database has them; without metrics, which are computed from the others."""
    return {name: rows for name, rows in (await rows_of(db)).items() if "metrics" not in name}


def belonging(rows: Rows, *columns: str) -> dict[Any, Any]:
    """(table, key) -> what the row has in `columns`, for the tables that have them."""
    return {
        (table, key): tuple(row[column] for column in columns)
        for table, found in rows.items()
        for key, row in found.items()
        if row.keys() >= {*columns}
    }


def is_absence(answer: Any) -> bool:
    """Whether this is how methods say that there is nothing."""
    return answer in (None, 0, [], {}, ([], 0), ([], None), objects().run_outcome("missing"))


async def answer_to(call: Call, told: tuple[type[Exception], ...] = (OwnershipError, DuplicateKeyError)) -> Any:
    """What the call returns, or the error that says that a row is another's."""
    try:
        return await call.run()
    except told as error:
        return error


async def filled(db: Any, sample: Sample, fields: Mapping[str, Mapping[str, Any]] | None = None) -> Sample:
    """The sample, stored at once where that is possible; `fields` replace those of the records that some methods are
    given."""

    async def fill(repositories: Any) -> None:
        for method, given in sample.rows():
            changed = (fields or {}).get(method)
            if changed:
                given = {name: replace(record, **changed) for name, record in given.items()}
            await attrgetter(method)(repositories)(**given)

    try:
        async with db.transaction() as tx:
            await fill(tx)
    except UnsupportedOperationError:  # it is more than this database writes as a whole
        await fill(db)
    return sample


def saying_their_user(db: Any, sample: Sample, user: str | None) -> list[Call]:
    """A call by `user`, on the sample's own rows, of every method that can say a user."""
    return [call for call in calls(db, sample, user, taken=True) if call.takes_user]


class OwnerConformance:
    """Owners.

    `losing` in a test class are the errors of whoever loses a race: where transactions do not wait for each other, one
    that met a conflict is another.
    """

    # -- another user -----------------------------------------------------------------------------------------

    async def test_to_another_user_the_rows_are_not_there(self, db: Any) -> None:
        sample = await filled(db, Sample())
        reads = [call for call in saying_their_user(db, sample, OWNER) if not changes(call)]
        assert len(reads) > 30
        for call in reads:
            assert not is_absence(await call.run()), f"{call.name} does not find the owner's own row"
        for call in saying_their_user(db, sample, "bob"):
            if not changes(call):
                assert is_absence(await call.run()), call.name

    async def test_another_user_changes_nothing_and_is_told(self, db: Any) -> None:
        sample = await filled(db, Sample())
        before = await stored(db)
        tried = [call for call in saying_their_user(db, sample, "bob") if changes(call)]
        assert len(tried) > 30
        for number, call in enumerate(tried):
            answer = await answer_to(call)
            assert await stored(db) == before, call.name
            if isinstance(answer, Exception) or answer is False:
                continue
            assert is_absence(answer), f"{call.name} says that it was done"
            # To say nothing is honest only where nothing would be stored without the row either.
            elsewhere = the_same(call, Sample(f"nowhere {number} "), f"eve {number}")
            assert await elsewhere.run() == answer, call.name
            assert await stored(db) == before, f"{call.name} does not say that it stored nothing"

    async def test_what_another_user_makes_is_their_own(self, db: Any) -> None:
        sample = await filled(db, Sample())
        before = await stored(db)
        mine = {row for row, owner in belonging(before, "user_id").items() if owner == (OWNER,)}
        made = set()
        for call in (call for call in calls(db, sample, "bob") if call.takes_user and changes(call)):
            await answer_to(call)
            after = await stored(db)
            owners = belonging(after, "user_id")
            assert all(after[table].get(key) == before[table][key] for table, key in mine), call.name
            assert after["agno_runs"] == before["agno_runs"], f"{call.name} writes into another user's session"
            assert {owner for row, owner in owners.items() if row not in mine} <= {("bob",), (None,)}, call.name
            made |= {table for (table, _), owner in owners.items() if owner == ("bob",)}
        assert len(made) >= 9, "rows of each kind, but no runs"

    async def test_what_nobody_owns_in_anothers_session_is_out_of_reach(self, db: Any) -> None:
        sample = await filled(db, Sample(), {"runs.upsert": {"user_id": None}})
        before = await stored(db)
        assert ("r",) in [key for key, run in before["agno_runs"].items() if run["user_id"] is None]
        for call in saying_their_user(db, sample, "bob"):
            await answer_to(call)
            assert await stored(db) == before, call.name

    # -- nobody -----------------------------------------------------------------------------------------------

    async def test_without_a_user_everything_is_found(self, db: Any) -> None:
        sample = await filled(db, Sample())
        for call in saying_their_user(db, sample, None):
            if not changes(call):
                assert is_absence(await call.run()) is (call.name in OF_ONE_USER), call.name

    async def test_without_a_user_everything_is_done_and_nothing_changes_hands(self, db: Any, make_db: Any) -> None:
        sample, storage = await filled(db, Sample()), storage_of(await make_db())
        tried = [call for call in saying_their_user(db, sample, None) if changes(call)]
        before = await stored(db)
        owners = belonging(before, "user_id")
        await storage.keep()
        for call in (call for call in tried if call.name not in HANDING_OVER):
            answer = await answer_to(call)
            after = await stored(db)
            assert isinstance(answer, OwnershipError) is (call.name in UNREAD), call.name
            if call.name in UNREAD:
                assert after == before, call.name
            if not saves(call):  # a save may find everything as it was
                refused = isinstance(answer, DuplicateKeyError) or answer is False or call.name in OF_ONE_USER
                assert (after == before) is refused, call.name
            kept = {key: owner for key, owner in belonging(after, "user_id").items() if key in owners}
            assert kept.items() <= owners.items(), call.name
            await storage.put_back(await storage.read())
        await storage.forget()

    # -- another session --------------------------------------------------------------------------------------

    async def test_a_run_is_not_reached_through_another_session(self, db: Any) -> None:
        sample = await filled(db, Sample(), {"runs.upsert": {"user_id": None}})
        await filled(db, Sample("bob's ", owner="bob"))
        before = await stored(db)
        for user, session_id in ((OWNER, "idle"), ("bob", "bob's s"), (None, "idle"), (None, "bob's s")):
            moved = [in_session(call, session_id) for call in saying_their_user(db, sample, user)]
            tried = [call for call in moved if call is not None and call.concept == "runs" and changes(call)]
            assert len(tried) >= 8
            for call in tried:
                answer = await answer_to(call)
                assert isinstance(answer, OwnershipError) or is_absence(answer), call.name
                assert answer is not None or not saves(call), f"{call.name} does not say that it stored nothing"
                assert await stored(db) == before, call.name

    async def test_a_write_never_moves_a_row_to_another_session(self, db: Any) -> None:
        sample = await filled(db, Sample())
        before = belonging(await stored(db), "session_id")
        moved = [in_session(call, "idle") for call in saying_their_user(db, sample, OWNER)]
        tried = [call for call in moved if call is not None and changes(call)]
        assert {"approvals", "learnings", "runs", "sessions", "traces"} <= {call.concept for call in tried}
        for call in tried:
            await answer_to(call)
            after = belonging(await stored(db), "session_id")
            assert {key: after[key] for key in before if key in after}.items() <= before.items(), call.name

    # -- claims -----------------------------------------------------------------------------------------------

    async def test_of_users_who_race_for_a_row_without_an_owner_one_gets_it(self, db: Any, make_db: Any) -> None:
        other = await make_db()
        claimed = []
        for number, call in enumerate(call for call in saying_their_user(db, Sample(), OWNER) if saves(call)):
            sample = await filled(db, Sample(f"{number} ", owner=None))
            before = belonging(await stored(db), "user_id")
            racing = (the_same(call, sample, user, at) for user, at in zip(OTHERS, (db, other), strict=True))
            losing: tuple[type[Exception], ...] = getattr(self, "losing", (OwnershipError,))
            answers = await asyncio.gather(*(answer_to(one, losing) for one in racing))
            refused = [isinstance(answer, losing) for answer in answers]
            after = belonging(await stored(db), "user_id")
            changed = {key: after[key] for key in before if after[key] != before[key]}
            if call.concept in SHARED:
                assert (refused, changed) == ([True, True], {}), call.name
            else:
                assert sorted(refused) == [False, True], f"{call.name}: {answers}"
                assert [*changed.values()] == [(OTHERS[refused.index(False)],)], call.name
                claimed.append(call.concept)
        assert {*claimed} == {"sessions", "runs", "memories", "learnings", "traces", "eval_runs"}

    # -- strict_owner -----------------------------------------------------------------------------------------

    async def test_a_strict_database_refuses_every_call_that_does_not_say_its_user(self, db: Any) -> None:
        async with _strict(db) as strict:
            # What is everybody's is computed before metrics are read, at most once in a minute.
            await strict.get_metrics(user_id=OWNER)
            refused = set()
            for call in calls(strict, Sample(), None):
                ran = strict.statements_run
                if isinstance(await answer_to(call), OwnershipError):
                    assert strict.statements_run == ran, call.name
                    refused.add(call.name)
            told = {call.name for call in calls(strict, Sample(), None) if call.takes_user}
            assert refused == told | {*NAMELESS}
            async with strict.transaction() as tx:
                await tx.get_metrics(user_id=OWNER)
                ran = strict.statements_run
                inside = [call for call in calls(tx, Sample(), None) if call.takes_user]
                assert [call.name for call in inside if not isinstance(await answer_to(call), OwnershipError)] == []
                assert strict.statements_run == ran
            assert len(inside) > 80

    async def test_a_strict_database_serves_every_call_that_does(self, db: Any) -> None:
        sample = await filled(db, Sample())
        async with _strict(db) as strict:
            for call in calls(strict, sample, OWNER):
                answer = await answer_to(call)
                assert isinstance(answer, OwnershipError) is (call.name in NAMELESS), call.name


def changes(call: Call) -> bool:
    """Whether the call may change rows that somebody owns: metrics are computed from them, by reading too."""
    return call.writes and call.concept != "metrics"


def saves(call: Call) -> bool:
    """Whether the call stores a row under a key, or becomes the owner of one, whoever made it."""
    own = call.name.rpartition(".")[2]
    return call.writes and ("upsert" in own or own in ("save", "claim", "update_eval_run_user_id"))


def the_same(call: Call, sample: Sample, user: str | None, db: Any = None) -> Call:
    """The call on the rows of another sample, by another user, on another database."""
    function = methods()[call.name][1]
    return replace(
        call,
        db=db or call.db,
        arguments=lambda: sample.arguments(call.name, call.concept, function, user, taken=True),
    )


def in_session(call: Call, session_id: str) -> Call | None:
    """The call with another session in its arguments; None where it has none."""
    given = call.arguments()
    moved = {name: _moved(name, value, session_id) for name, value in given.items()}
    return None if moved == given else replace(call, arguments=lambda: moved)


def _moved(name: str, value: Any, session_id: str) -> Any:
    if name == "session_id":
        return session_id
    if name in ("session", "sessions"):
        return value
    if isinstance(value, dict) and "session_id" in value:
        return {**value, "session_id": session_id}
    has_one = is_dataclass(value) and not isinstance(value, type) and hasattr(value, "session_id")
    return replace(value, session_id=session_id) if has_one else value


@asynccontextmanager
async def _strict(db: Any) -> AsyncIterator[Any]:
    """A database on the storage of `db` that takes no call without a user."""
    place = {"db_url": db.db_url} if hasattr(db, "db_url") else {}
    strict = type(db).from_dict({**db.to_dict(), **place, "strict_owner": True})
    try:
        yield strict
    finally:
        await strict.close()
