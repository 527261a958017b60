"""The tables, as Markdown: what was measured, the goals, what failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from benchmarks.goals import GOALS
from benchmarks.measure import Row

COLUMNS = {
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "cpu_ms": "CPU ms",
    "turn_cpu_ms": "CPU ms of the turn",
    "calls_per_second": "calls/s, 16 callers",
    "cpu_together_ms": "CPU ms, 16 callers",
    "statements": "statements",
    "round_trips": "round trips",
    "bytes_up": "KB up",
    "bytes_down": "KB down",
    "resident_mb": "MB of the process, database open",
    "written_mb": "MB more after the saves",
    "read_mb": "MB more after the reads",
}


def markdown(environment: Mapping[str, Any], rows: Sequence[Row], failed: Mapping[str, str]) -> str:
    """The whole page."""
    lines = ["# Measured", "", ", ".join(f"{name} {value}" for name, value in environment.items()), ""]
    lines += [f"**{family} failed**: `{error}`\n" for family, error in failed.items()]
    lines += _goals(rows)
    for family, some in groupby(rows, key=lambda row: row.family):
        lines += ["", f"## {family}", "", *_table(list(some))]
    return "\n".join(lines) + "\n"


def _goals(rows: Sequence[Row]) -> Iterator[str]:
    yield from ("## Goals", "", "| what | ratio of | goal | measured | |", "|---|---|---|---|---|")
    for goal in GOALS:
        ratio = goal.measured(rows)
        bound = f"{'at least' if goal.at_least else 'at most'} {goal.bound:g}x"
        found = ("not measured", "") if ratio is None else (f"{ratio:.2f}x", goal.verdict(ratio))
        name = f"{goal.name} / {goal.under_name}" if goal.under_name else goal.name
        yield f"| {name} | {COLUMNS[goal.metric]}, {goal.over}/{goal.under} | {bound} | {found[0]} | {found[1]} |"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    metrics = [metric for metric in COLUMNS if any(metric in row.values for row in rows)]
    yield "| what | side | " + " | ".join(COLUMNS[metric] for metric in metrics) + " |"
    yield "|---" * (len(metrics) + 2) + "|"
    for row in rows:
        cells = (_cell(metric, row.values.get(metric)) for metric in metrics)
        yield f"| {row.name} | {row.side} | " + " | ".join(cells) + " |"


def _cell(metric: str, value: float | None) -> str:
    if value is None:
        return ""
    if metric.startswith("bytes"):
        return f"{value / 1024:.1f}"
    return f"{value:.0f}" if metric == "calls_per_second" else f"{value:.3g}" if value < 100 else f"{value:.0f}"
