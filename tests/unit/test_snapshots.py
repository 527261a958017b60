"""What the holder of a session knows, on a row that is only a variable: saves of many holders, in any order."""

from __future__ import annotations

import copy
import pickle
import time
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agnodb import codec
from agnodb.policies import DEFAULT_POLICIES, SESSION_METRICS, Policies
from agnodb.records.snapshots import (
    MOST_DONE,
    MOST_OPEN,
    MOST_PLACES,
    Documents,
    Holding,
    Save,
    Snapshot,
    merged_documents,
)

PLACE = ("database", "s")
COUNTING = Policies(counters=(SESSION_METRICS, "session_data.session_state.visits", "session_data.session_state.per"))


def texts(data: Any) -> Documents:
    return codec.encode(data), None, None


@dataclass
class Row:
    """A row of sessions, with the tokens of the saves that it has seen."""

    documents: Documents
    tokens: list[str] = field(default_factory=list)
    version: int = 1
    new: bool = False

    def save(self, snapshot: Snapshot, save: Save, *, answered: bool = True) -> None:
        """As a database does it that locks the row; what it says may get lost."""
        sides = snapshot.sides(save, self.tokens)
        if sides is not None:
            base, mine = sides
            self.documents = merged_documents(base, mine, self.documents, COUNTING, fresh=self.new)
            self.tokens.insert(0, save.token)
            self.version += 1
        if answered:
            snapshot.stored(save, self.documents, self.version, as_given=False)

    @property
    def data(self) -> Any:
        return codec.decode(self.documents[0] or "null")


class Session:
    """A session that runs share, as agno caches one: each run works on a state of its own."""

    def __init__(self, row: Row) -> None:
        self.data = copy.deepcopy(BEGUN if row.new else row.data)
        self.snapshot = Snapshot(PLACE) if row.new else Snapshot.of_row(PLACE, row.documents, row.version)

    def run(self) -> Run:
        return Run(self)


class Run:
    """agno's: it copies the state when it begins, and puts its own in its place when it ends."""

    def __init__(self, session: Session) -> None:
        self.session, self.since = session, time.perf_counter()
        self.state = dict(session.data["session_state"])
        session.data["session_state"] = self.state

    def end(self, key: str, tokens: int) -> Save:
        """It has set a key, counted a visit, and added to what all runs of the session share."""
        data = self.session.data
        self.state[key] = key
        self.state["visits"] += 1
        self.state["per"]["x"] += 1
        data["session_metrics"] = {"total_tokens": data["session_metrics"]["total_tokens"] + tokens}
        data["session_state"] = self.state
        return self.session.snapshot.begin(texts(data), Holding(self.state, self.since))


BEGUN = {
    "session_state": {"before": 0, "visits": 0, "per": {"x": 0}},
    "session_metrics": {"total_tokens": 0},
}


def begun() -> Row:
    return Row(texts(BEGUN))


steps = st.tuples(
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from(["begin", "begin", "end", "end", "save", "unanswered"]),
    st.integers(0, 9),
)
actions = st.lists(steps, min_size=8, max_size=60)


@settings(deadline=None, max_examples=300)
@given(actions, st.booleans())
def test_runs_of_shared_sessions_lose_nothing_of_each_other(taken: list[tuple[int, str, int]], new: bool) -> None:
    """Two processes, each with one session object for all its runs; saves are answered late, twice or never."""
    row = Row((None, None, None), new=True) if new else begun()
    sessions = [Session(row), Session(row)]
    running: list[list[Run]] = [[], []]
    saving: list[list[Save]] = [[], []]
    ended = 0
    for number, action, choice in taken:
        session, runs, saves = sessions[number], running[number], saving[number]
        if action == "begin" and len(session.snapshot.done) + len(saves) + len(runs) < MOST_DONE:
            runs.append(session.run())
        elif action == "end" and runs:
            ended += 1
            saves.append(runs.pop(choice % len(runs)).end(f"k{ended}", ended))
        elif action == "unanswered" and saves:
            row.save(session.snapshot, saves[choice % len(saves)], answered=False)
        elif action == "save" and saves:
            row.save(session.snapshot, saves.pop(choice % len(saves)))
    for session, saves in zip(sessions, saving, strict=True):
        for save in saves:
            row.save(session.snapshot, save)
    keys = [f"k{number}" for number in range(1, ended + 1)]
    if new and not ended:
        assert row.data is None
        return
    assert row.data == {
        "session_state": {"before": 0, **{key: key for key in keys}, "visits": ended, "per": {"x": ended}},
        "session_metrics": {"total_tokens": sum(range(1, ended + 1))},
    }


def test_a_run_that_began_after_another_had_ended_may_undo_what_that_did() -> None:
    row = begun()
    session = Session(row)
    row.save(session.snapshot, session.run().end("one", 1))
    second = session.run()
    del second.state["one"], second.state["before"]
    row.save(session.snapshot, second.end("two", 1))
    assert set(row.data["session_state"]) == {"two", "visits", "per"}


def test_a_run_that_began_before_another_has_ended_deletes_only_what_it_knew() -> None:
    row = begun()
    session = Session(row)
    first, second = session.run(), session.run()
    row.save(session.snapshot, first.end("one", 1))
    del second.state["before"]
    row.save(session.snapshot, second.end("two", 1))
    assert set(row.data["session_state"]) == {"one", "two", "visits", "per"}
    # And what it saves later, it has since seen.
    del second.state["two"]
    row.save(session.snapshot, session.snapshot.begin(texts(session.data), Holding(second.state, second.since)))
    assert set(row.data["session_state"]) == {"one", "visits", "per"}


def test_a_save_that_is_made_again_is_known_by_its_token() -> None:
    row = begun()
    session = Session(row)
    save = session.run().end("one", 5)
    for _ in range(3):
        row.save(session.snapshot, save, answered=False)
    assert row.version == 2
    later = session.run().end("two", 7)  # on top of a save that nobody knows to be stored
    row.save(session.snapshot, later)
    assert row.data["session_metrics"] == {"total_tokens": 12}
    assert session.snapshot.sides(save, row.tokens) is None
    assert session.snapshot.open == []


def test_a_later_save_that_is_stored_first_holds_what_the_earlier_one_does() -> None:
    row = begun()
    session = Session(row)
    run = session.run()
    earlier, later = run.end("one", 1), run.end("two", 1)
    row.save(session.snapshot, later)
    assert session.snapshot.sides(earlier, row.tokens) is None
    row.save(session.snapshot, earlier)
    assert (row.version, row.data["session_metrics"]) == (2, {"total_tokens": 2})


def test_a_later_save_of_another_run_that_is_stored_first_does_not_hold_its_state() -> None:
    row = begun()
    session = Session(row)
    runs = [session.run(), session.run()]
    earlier, later = runs[0].end("one", 1), runs[1].end("two", 2)
    for save in (later, earlier):
        row.save(session.snapshot, save)
    state = {"before": 0, "one": "one", "two": "two", "visits": 2, "per": {"x": 2}}
    assert row.data == {"session_state": state, "session_metrics": {"total_tokens": 3}}
    assert session.snapshot.done[-1] is later


def test_each_place_is_known_by_itself() -> None:
    snapshot = Snapshot.of_row(PLACE, texts({"a": 1}), 7)
    other = snapshot.at(("elsewhere", "s"))
    save = other.begin(texts({"a": 1}))
    assert (other.seen, other.version, other.done, other.open) == (None, 0, [], [save])
    assert other.sides(save) == (None, save.documents)
    assert snapshot.at(PLACE) is snapshot
    assert (snapshot.seen, snapshot.version, snapshot.open) == (texts({"a": 1}), 7, [])
    assert copy.deepcopy(snapshot).at(("elsewhere", "s")).open[0].token == save.token


def test_a_session_that_was_only_read_has_one_base_whoever_asks() -> None:
    documents = texts({"session_state": {"a": 1}})
    snapshot = Snapshot.of_row(PLACE, documents, None)
    for holding in (Holding(), Holding({"a": 2}, time.perf_counter()), Holding({"a": 2}, 0.0)):
        save = snapshot.begin(texts({"session_state": {"a": 2}}), holding)
        sides = snapshot.sides(save)
        assert sides is not None
        assert sides[0] is documents  # the same object: the row is as the session was
        assert sides[1] is save.documents
    assert snapshot.version == 0


def test_copies() -> None:
    """copy.deepcopy and pickle give a snapshot of its own, which still knows the tokens of its saves."""
    row = begun()
    session = Session(row)
    lost = session.run().end("one", 5)
    row.save(session.snapshot, lost, answered=False)
    for made in (copy.deepcopy(session.snapshot), pickle.loads(pickle.dumps(session.snapshot))):
        assert (made.place, made.seen, made.version) == (PLACE, session.snapshot.seen, 1)
        again = made.begin(lost.documents)
        sides = made.sides(again, row.tokens)
        assert sides is not None
        assert sides[0] == lost.documents  # nothing has changed since the save that the row has seen
        made.stored(again, row.documents, 3, as_given=False)
    assert session.snapshot.version == 1
    assert session.snapshot.open == [lost]


def test_nothing_grows_without_bound() -> None:
    snapshot = Snapshot.of_row(PLACE, texts({}), 1)
    for number in range(3 * MOST_OPEN):
        snapshot.begin(texts({"n": number}))
    assert len(snapshot.open) == MOST_OPEN
    for number in range(3 * MOST_DONE):
        snapshot.stored(snapshot.begin(texts({"n": number})), texts({}), number + 2, as_given=True)
    assert (len(snapshot.done), snapshot.open) == (MOST_DONE, [])
    for number in range(3 * MOST_PLACES):
        last = snapshot.at(("database", str(number)))
    assert len(snapshot.elsewhere) == MOST_PLACES
    assert snapshot.at(("database", str(number))) is last


def test_documents_are_merged_by_name() -> None:
    old, mine, theirs = (
        (codec.encode({"a": n}), codec.encode({name: n}), codec.encode({"summary": name, "updated_at": n}))
        for n, name in enumerate(("old", "mine", "theirs"))
    )
    merged = merged_documents(old, mine, theirs, DEFAULT_POLICIES)
    assert list(map(codec.decode, merged)) == [
        {"a": 1},
        {"theirs": 2, "mine": 1},
        {"summary": "theirs", "updated_at": 2},
    ]  # type: ignore[arg-type]
    none = (None, None, None)
    assert merged_documents(none, none, none, DEFAULT_POLICIES) == none
    assert merged_documents(None, none, theirs, DEFAULT_POLICIES) == theirs
    tokens = [texts({"session_metrics": {"total_tokens": n}}) for n in (2, 3, 5)]
    assert merged_documents(None, tokens[0], tokens[1], DEFAULT_POLICIES, fresh=True) == tokens[2]
    assert merged_documents(None, tokens[0], tokens[1], DEFAULT_POLICIES) == tokens[1]
