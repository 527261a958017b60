"""Medians over the rounds, ratios between the sides, and the promise."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from rich.table import Table

from benchmarks.calls import CALLS
from benchmarks.measure import Timing, Wire

RATIOS = (("agno", "agnodb"), ("agnodb", "floor"))
PROMISED_RATIO = 2.0
METRICS = tuple(field.name for field in fields(Timing))


@dataclass(frozen=True)
class Results:
    """All that was measured, by call and side."""

    environment: Mapping[str, Any]
    timings: Mapping[str, Mapping[str, list[Timing]]]
    wires: Mapping[str, Mapping[str, Wire]]

    def median(self, call: str, side: str, metric: str) -> float:
        return float(statistics.median(getattr(timing, metric) for timing in self.timings[call][side]))

    def ratio(self, call: str, over: str, under: str, metric: str) -> float:
        """The median of the rounds' own ratios: the two sides of one round ran within moments of each other."""
        pairs = zip(self.timings[call][over], self.timings[call][under], strict=True)
        return float(statistics.median(getattr(one, metric) / getattr(other, metric) for one, other in pairs))

    def promise(self) -> dict[str, float]:
        """agno's client CPU over agnodb's, of each call of which at most half was promised."""
        return {call.name: self.ratio(call.name, "agno", "agnodb", "cpu_ms") for call in CALLS if call.promised}

    def kept(self) -> bool:
        return all(ratio >= PROMISED_RATIO for ratio in self.promise().values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "environment": dict(self.environment),
            "calls": [self._call(name) for name in self.timings],
            "promise": {
                "at_least": PROMISED_RATIO, "cpu_ratio_agno_to_agnodb": self.promise(), "kept": self.kept(),
            },
        }  # fmt: skip

    def _call(self, name: str) -> dict[str, Any]:
        sides = {
            side: {
                **{metric: round(self.median(name, side, metric), 4) for metric in METRICS},
                **asdict(self.wires[name][side]),
                "rounds": [asdict(timing) for timing in rounds],
            }
            for side, rounds in self.timings[name].items()
        }
        ratios = {
            f"{over}/{under}": {metric: round(self.ratio(name, over, under, metric), 3) for metric in METRICS}
            for over, under in RATIOS
        }
        return {"name": name, "sides": sides, "ratios": ratios}


def measured_table(results: Results) -> Table:
    table = Table(title="Medians over the rounds", title_justify="left")
    table.add_column("call")
    table.add_column("side")
    headings = ("p50 ms", "p95 ms", "CPU ms", "calls/s, 16 callers", "statements", "round trips", "KB up", "KB down")
    for heading in headings:
        table.add_column(heading, justify="right")
    for call, sides in results.timings.items():
        for position, side in enumerate(sides):
            wire = results.wires[call][side]
            table.add_row(
                call if position == 0 else "",
                side,
                *(f"{results.median(call, side, metric):.2f}" for metric in METRICS[:3]),
                f"{results.median(call, side, 'calls_per_second'):.0f}",
                *(f"{count:.3g}" for count in (wire.statements, wire.round_trips)),
                *(f"{count / 1024:.1f}" for count in (wire.bytes_up, wire.bytes_down)),
                end_section=position == len(sides) - 1,
            )
    return table


def ratio_table(results: Results) -> Table:
    table = Table(title="Ratios (medians of the rounds' ratios)", title_justify="left")
    table.add_column("call")
    for over, under in RATIOS:
        for heading in ("p50", "CPU", "calls/s"):
            table.add_column(f"{over}/{under}\n{heading}", justify="right")
    for call in results.timings:
        ratios = [
            f"{results.ratio(call, over, under, metric):.2f}"
            for over, under in RATIOS
            for metric in ("p50_ms", "cpu_ms", "calls_per_second")
        ]
        table.add_row(call, *ratios)
    return table


def verdict(results: Results) -> str:
    lines = [
        f"{'kept  ' if ratio >= PROMISED_RATIO else 'BROKEN'} {call}: agno's adapter takes {ratio:.2f} times the CPU"
        for call, ratio in results.promise().items()
    ]
    return "\n".join([f"Promised: at least {PROMISED_RATIO:g} times the client CPU of agnodb.", *lines])
