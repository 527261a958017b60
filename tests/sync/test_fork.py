"""A database object that was used before a fork: the child and the parent both go on, each with its own connections."""

from __future__ import annotations

import os

import pytest
from forking import RUNS, SCENARIOS
from sync_places import SyncPlace, program

WRITERS = {
    "both_go_on": 3,
    "prefork": 4 * 3 + 1,
    "before_use": 5,
    "the_child_closes": 3,
    "the_parent_closes": 4,
    "an_engine_of_ones_own": 3,
}
"""How many writers a scenario has, each of which adds some runs."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def test_forked(place: SyncPlace) -> None:
    found, said = program("forking.py", place.url)
    assert [*found] == [*SCENARIOS]
    failed = {scenario: indexes for scenario, indexes in found.items() if isinstance(indexes, str)}
    assert not failed, said
    for scenario, indexes in found.items():
        runs = len(indexes) - ("transaction" in indexes)
        if scenario in WRITERS:
            assert runs == WRITERS[scenario] * RUNS, f"{scenario}: a write was lost"
        assert sorted(indexes.values()) == list(range(len(indexes))), f"{scenario}: places given twice, or left out"
        if place.kind == "sqlite":
            checked = SyncPlace("sqlite", f"{place.url}.{scenario}").query("PRAGMA integrity_check")
            assert checked == [{"integrity_check": "ok"}], scenario
