"""The tables, as Markdown: what was measured, the goals, what was not run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.goals import GOALS
from benchmarks.measure import Row
from benchmarks.results import Result

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


def markdown(results: Sequence[Result], plots: Sequence[str] = ()) -> str:
    """The whole page."""
    lines = [
        "# Measured",
        "",
        "Made by `python -m benchmarks`; what the columns mean says [the page](../README.md).",
        "",
    ]
    lines += ["## Goals", "", *goals([row for result in results for row in result.rows])]
    lines += ["", *(f"![{name}]({name})" for name in plots)]
    for result in results:
        lines += ["", f"## {result.family}", "", environment(result.environment), "", *_table(result.rows)]
        lines += ["", *(f"Not run: {what}, {why}" for what, why in result.not_run.items())] if result.not_run else []
    return "\n".join(lines) + "\n"


def environment(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def goals(rows: Sequence[Row]) -> Iterator[str]:
    yield from ("| what | ratio of | goal | measured | |", "|---|---|---|---|---|")
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
        cells = (cell(metric, row.values.get(metric)) for metric in metrics)
        yield f"| {row.name} | {row.side} | " + " | ".join(cells) + " |"


def cell(metric: str, value: float | None) -> str:
    """A number as people read it; bytes are KB."""
    if value is None:
        return ""
    if metric.startswith("bytes"):
        return f"{value / 1024:.1f}"
    return f"{value:.0f}" if metric == "calls_per_second" or value >= 100 else f"{value:.3g}"
