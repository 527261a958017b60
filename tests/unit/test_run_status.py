"""What a change of a run's status may do to the run that is stored."""

from __future__ import annotations

import copy
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnodb.databases.methods.run_status import StatusChange, canonical

STATUSES = ("PENDING", "RUNNING", "COMPLETED", "PAUSED", "CANCELLED", "ERROR", "REGENERATED")
FINAL = ("COMPLETED", "CANCELLED")
OUTCOMES = ("updated", "missing", "stale_attempt", "terminal_refused")

statuses = st.sampled_from(STATUSES)
attempts = st.none() | st.integers(0, 5)


class Status(Enum):
    """As agno passes it."""

    running = "RUNNING"
    paused = "paused"


def test_a_status_has_one_form() -> None:
    assert [canonical(status) for status in ("completed", "Completed", "COMPLETED")] == ["COMPLETED"] * 3
    assert (canonical(Status.running), canonical(Status.paused)) == ("RUNNING", "PAUSED")
    for unknown in ("dreaming", "", None, 7):
        assert canonical(unknown) == unknown


@given(st.one_of(statuses, st.text(max_size=10), st.none(), st.integers()))
def test_the_form_is_a_fixed_point(status: Any) -> None:
    assert canonical(canonical(status)) == canonical(status)


def test_the_statuses_and_outcomes_are_those_of_agno() -> None:
    base = pytest.importorskip("agno.run.base")
    persist = pytest.importorskip("agno.run.status_persist")
    known = {str(status.value).upper() for status in base.RunStatus}
    assert known == {status for status in known if canonical(status.lower()) == status}
    assert set(OUTCOMES) <= {outcome.value for outcome in persist.RunPersistOutcome}


def test_fields_are_added_and_the_rest_stays() -> None:
    stored = {"run_id": "r", "content": "half", "status": "RUNNING", "messages": [1]}
    before = copy.deepcopy(stored)
    change = StatusChange({"content": "whole", "status": "completed"})
    assert change.outcome == "missing"
    values = change.apply(stored, "RUNNING")
    assert values == {"run_data": {**before, "content": "whole", "status": "COMPLETED"}, "status": "COMPLETED"}
    assert change.outcome == "updated"
    assert stored == before


def test_fields_without_a_status_leave_the_column_alone() -> None:
    change = StatusChange({"metrics": {"tokens": 3}})
    assert change.apply({"status": "RUNNING"}, "RUNNING") == {
        "run_data": {"status": "RUNNING", "metrics": {"tokens": 3}}
    }


@given(stored=statuses, wanted=statuses, lower=st.booleans(), in_document=st.booleans())
def test_a_final_status_stays(stored: str, wanted: str, lower: bool, in_document: bool) -> None:
    document = {"status": stored.lower() if lower else stored} if in_document else {}
    change = StatusChange({"status": wanted.lower() if lower else wanted, "content": "x"})
    values = change.apply(document, stored)
    if stored in FINAL and wanted != stored:
        assert (values, change.outcome) == (None, "terminal_refused")
    else:
        assert change.outcome == "updated"
        assert values == {"run_data": {"status": wanted, "content": "x"}, "status": wanted}


@given(stored=attempts, mine=attempts, status=statuses)
def test_an_attempt_that_was_given_up_changes_nothing(stored: int | None, mine: int | None, status: str) -> None:
    document: dict[str, Any] = {} if stored is None else {"queue_attempt": stored}
    change = StatusChange({"status": status}, attempt=mine)
    values = change.apply(document, "RUNNING")
    if mine is not None and stored is not None and stored > mine:
        assert (values, change.outcome) == (None, "stale_attempt")
    else:
        assert values is not None
        assert values["run_data"].get("queue_attempt") == (stored if mine is None else mine)


def test_a_stale_attempt_is_told_before_a_final_status() -> None:
    change = StatusChange({"status": "ERROR"}, attempt=1)
    assert change.apply({"queue_attempt": 2, "status": "COMPLETED"}, "COMPLETED") is None
    assert change.outcome == "stale_attempt"


@pytest.mark.parametrize(
    ("document", "fields", "content"),
    [
        ({}, {}, "fallback"),
        ({"content": None}, {}, "fallback"),
        ({"content": ""}, {}, "fallback"),
        ({"content": "said"}, {}, "said"),
        ({"content": ""}, {"content": "now said"}, "now said"),
        ({"content": "said"}, {"content": ""}, "fallback"),
    ],
)
def test_content_for_a_run_that_has_none(document: dict[str, Any], fields: dict[str, Any], content: str) -> None:
    values = StatusChange(fields, content_if_absent="fallback").apply(document, None)
    assert values is not None
    assert values["run_data"]["content"] == content


def test_an_unknown_status_is_stored_as_it_is() -> None:
    values = StatusChange({"status": "dreaming"}).apply({}, "RUNNING")
    assert values == {"run_data": {"status": "dreaming"}, "status": "dreaming"}


def test_an_enum_is_stored_as_its_value() -> None:
    values = StatusChange({"status": Status.paused}).apply({}, "RUNNING")
    assert values == {"run_data": {"status": "PAUSED"}, "status": "PAUSED"}
