"""Percentiles by group, computed by the database in the same SQL everywhere, and groups as agno gives them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Subquery, case, func, select

from agnodb.text import decode_text


def ranked(rows: FromClause, groups: Sequence[str], value: str) -> Subquery:
    """`rows`, each with its place in its group by `value`, from 0, and the last place of the group."""
    keys = [rows.c[name] for name in groups]
    place = func.row_number().over(partition_by=keys, order_by=rows.c[value]) - 1
    last = func.count().over(partition_by=keys) - 1
    return select(*rows.c, place.label("place"), last.label("last_place")).subquery("ranked")


def p95(rows: FromClause, value: str) -> ColumnElement[Any]:
    """The 95th percentile of whole numbers in a group of `ranked` rows, as PostgreSQL's percentile_cont has it.

    It lies at the place 0.95 * last, as a rule between two rows. The arithmetic is in whole numbers up to the one
    division, so every database gives the same.
    """
    hundredths = rows.c.last_place * 95
    below = func.max(case((rows.c.place == hundredths // 100, rows.c[value])))
    above = func.max(case((rows.c.place == hundredths // 100 + 1, rows.c[value])))
    step = (func.coalesce(above, below) - below) * func.max(hundredths % 100)
    return (below * 100 + step) / 100.0


def group(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """A row of statistics with these `columns` as agno gives it: times as datetimes, durations to one digit."""
    return {name: _given(name, value) for name, value in zip(columns, row, strict=False)}


def _given(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at"):
        return datetime.fromisoformat(value)
    if name in ("avg_duration_ms", "p95_duration_ms"):
        return round(float(value), 1)
    return decode_text(value) if isinstance(value, str) else round(value)
