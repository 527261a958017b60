"""What calls of agnodb are known to take on the wire: what is counted now is compared with what is committed.

Statements and round trips are exact; on SQLite statements are all there is. Bytes may differ by a tenth: ids and times
are not equally long in every run. A call that takes less than it did is a difference too: the file is to say what is
true, or the gain is lost unseen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measure import Row

FILE = Path(__file__).with_name("expected.json")
SIDE = "agnodb"
FAMILIES = (
    "calls", "calls-sqlite", "calls-mysql", "calls-mongo", "facade", "turns", "lists", "traces", "metrics", "boot",
)  # fmt: skip
EXACT, ROUGH = ("statements", "round_trips"), ("bytes_up", "bytes_down")
TOLERATED, LEAST = 0.1, 64

Counts = Mapping[str, Mapping[str, float]]


def counted(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Of each thing what agnodb took, by metric; bytes are whole."""
    return {
        row.name: {
            metric: round(row.values[metric], 2 if metric in EXACT else None)
            for metric in (*EXACT, *ROUGH)
            if metric in row.values
        }
        for row in rows
        if row.side == SIDE
    }


def differences(found: Counts, expected: Counts) -> list[str]:
    """One line for each count that is not what it should be, and for each call that only one of the two has."""
    lines = [f"{name}: is not counted any more" for name in expected.keys() - found.keys()]
    lines += [f"{name}: is not in {FILE.name}" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys():
        for metric, known in expected[name].items():
            allowed = 0.005 if metric in EXACT else max(LEAST, known * TOLERATED)
            if abs((now := found[name].get(metric, 0)) - known) > allowed:
                lines.append(f"{name}: {metric} {now:g}, expected {known:g}")
    return sorted(lines)


def read() -> dict[str, dict[str, float]]:
    """What is committed."""
    expected: dict[str, dict[str, float]] = json.loads(FILE.read_text())
    return expected


def keep(found: Counts) -> None:
    """Make `found` what is expected from now on."""
    lines = (f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in found.items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
