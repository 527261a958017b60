"""What agnodb's calls take on the wire is what benchmarks/expected.json says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agnodb.testing.servers import PostgresAccess
from benchmarks import expected
from benchmarks.measure import Row

REPOSITORY = Path(__file__).parents[2]
KNOWN = {"a call": {"statements": 1, "round_trips": 1, "bytes_up": 1000, "bytes_down": 100}}


def test_the_counts_are_the_expected_ones(postgres_server: PostgresAccess) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--check", "--url", postgres_server.url],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(expected.read())} calls counted, 0 counts differ" in done.stdout


@pytest.mark.parametrize("metric", ["statements", "round_trips"])
@pytest.mark.parametrize("by", [-1, 0.25])
def test_one_more_or_less_is_a_difference(metric: str, by: float) -> None:
    changed = {"a call": {**KNOWN["a call"], metric: 1 + by}}
    assert expected.differences(changed, KNOWN) == [f"a call: {metric} {1 + by:g}, expected 1"]


def test_bytes_differ_by_more_than_a_tenth() -> None:
    longer = {"a call": {**KNOWN["a call"], "bytes_up": 1099, "bytes_down": 163}}
    assert expected.differences(longer, KNOWN) == []
    longer["a call"]["bytes_up"] = 1101
    assert expected.differences(longer, KNOWN) == ["a call: bytes_up 1101, expected 1000"]


def test_a_call_that_only_one_has_is_a_difference() -> None:
    assert expected.differences({}, KNOWN) == ["a call: is not counted any more"]
    assert expected.differences(KNOWN, {}) == ["a call: is not in expected.json"]


def test_only_agnodbs_rows_are_counted() -> None:
    values = KNOWN["a call"]
    rows = [Row("calls", "a call", side, {**values, "cpu_ms": 1.0}) for side in ("agno", "agnodb", "floor")]
    assert expected.counted(rows) == KNOWN
