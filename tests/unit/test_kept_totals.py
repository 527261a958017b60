"""Totals of long lists are kept for a while."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from agnodb.rules import totals
from agnodb.rules.totals import KEPT_FROM, KEPT_SECONDS, MOST, KeptTotals


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"now": 100.0}
    monkeypatch.setattr(totals, "time", SimpleNamespace(monotonic=lambda: now["now"]))
    return now


def test_a_large_total_is_good_for_some_seconds(clock: dict[str, float]) -> None:
    kept = KeptTotals()
    kept.keep("list", KEPT_FROM)
    assert kept.get("list") == KEPT_FROM
    assert kept.get("another") is None
    clock["now"] += KEPT_SECONDS
    assert kept.get("list") is None


def test_a_small_one_is_counted_every_time() -> None:
    kept = KeptTotals()
    kept.keep("list", KEPT_FROM)
    kept.keep("list", KEPT_FROM - 1)
    assert kept.get("list") is None


def test_the_oldest_makes_room() -> None:
    kept = KeptTotals()
    keys: list[Any] = [("sessions", number) for number in range(MOST + 1)]
    for key in keys:
        kept.keep(key, KEPT_FROM)
    assert [key for key in keys if kept.get(key) is None] == keys[:1]
