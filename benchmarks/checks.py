"""Before anything is timed: every side stores and gives back the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.backends import COLUMNS, Backend
from benchmarks.data import JSON_COLUMNS, Item
from benchmarks.sides import Side

if TYPE_CHECKING:
    from benchmarks.calls import Call
    from benchmarks.data import Data

CLOCKED = frozenset({"created_at", "updated_at"})


class WrongResultError(Exception):
    """A side did not store or return what it was given: its times would mean nothing."""


async def check(backend: Backend, data: Data, sides: list[Side], calls: Sequence[Call]) -> None:
    """Every call once on every side, and a look at the result. Raises WrongResultError."""
    for call in calls:
        inputs = call.inputs(data, 2)
        views = []
        for side in sides:
            results = [await call.call(side, item) for item in inputs]
            if call.table is not None:
                for item in inputs:
                    found = await backend.stored(side, call.table, item.row[COLUMNS[call.table][0]])
                    _expect(_plain(found), _plain(item.row), call, side)
            else:
                views.append([side.view(result) for result in results])
        for side, view in zip(sides, views, strict=False):
            _expect(view, views[-1], call, side)
            if not all(view) or (isinstance(inputs[0], Item) and view[0][0][0] != next(iter(inputs[0].row.values()))):
                raise WrongResultError(f"{side.name}: {call.name} gives nothing, or another row")


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for comparison: JSON parsed (a JSON null is none), without the times at which it was written."""
    return {
        name: json.loads(value) if name in JSON_COLUMNS and isinstance(value, str | bytes) else value
        for name, value in row.items()
        if name not in CLOCKED
    }


def _expect(found: Any, expected: Any, call: Call, side: Side) -> None:
    if found != expected:
        raise WrongResultError(f"{side.name}: {call.name}\n  found    {found!r:.2000}\n  expected {expected!r:.2000}")
