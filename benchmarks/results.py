"""A file of results for each family, so that families are measured apart; the page and the plots are made from all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Row

FOLDER = Path(__file__).parent / "results"
DIGITS = 4


@dataclass(frozen=True)
class Result:
    """What a family has measured, and where."""

    family: str
    environment: Mapping[str, Any]
    rows: Sequence[Row]
    not_run: Mapping[str, str] = field(default_factory=dict)


def write(result: Result, folder: Path) -> None:
    """A row a line, numbers to four digits."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps([row.name, row.side, {m: float(f"{v:.{DIGITS}g}") for m, v in row.values.items()}])
        for row in result.rows
    ]
    head = {"environment": result.environment, "not_run": result.not_run}
    text = json.dumps(head, indent=1)[:-2] + ',\n "rows": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
    (folder / f"{result.family}.json").write_text(text)


def read(folder: Path = FOLDER) -> list[Result]:
    """All that is there, by the families' names."""
    found = []
    for path in sorted(folder.glob("*.json")):
        kept = json.loads(path.read_text())
        rows = [Row(path.stem, *row) for row in kept["rows"]]
        found.append(Result(path.stem, kept["environment"], rows, kept["not_run"]))
    return found
