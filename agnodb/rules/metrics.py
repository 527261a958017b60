"""What a session and a run count for in the daily metrics, and how the sums follow what changes.

A row remembers what it was last counted for (`Counted`). When it was written or deleted since, that is taken off the
sums of its owner and day (`Totals`), and what it counts for now is added; so the sums are those of all rows whatever
was done to them in between, and to look at a row once more changes nothing. All numbers are whole: nothing is lost by
adding and taking off.

What a run used stands in the `metrics` of its document: for an agent or a team its own tokens, without those of the
members, which are runs of their own; for a workflow, in each of its `steps`, those of the step's agent or team.
"""

from __future__ import annotations

import datetime
import json
import math
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agnodb.records.metrics import TOKEN_FIELDS, MetricRecord
from agnodb.records.sessions import SessionType

PERIOD = "daily"
DAY = 86400
RUN_COUNTS = {kind.value: f"{kind}_runs_count" for kind in SessionType}
SESSION_COUNTS = {kind.value: f"{kind}_sessions_count" for kind in SessionType}
COUNTS = (*RUN_COUNTS.values(), *SESSION_COUNTS.values())

_MOST_TOKENS = 10**15  # beyond that it is no number of tokens
_EPOCH = datetime.date(1970, 1, 1)
FIRST, LAST = (datetime.date.min - _EPOCH).days, (datetime.date.max - _EPOCH).days

Place = tuple[int, str]
"""A day, in days since 1970-01-01, and an owner, '' for none: whose metrics they are."""

RUN, SESSION, ROW = "run ", "session ", "row "
EVERYTHING = "all"
"""What a note of a change begins with: the id of a run or a session follows, or the `place_key` of a row of metrics,
which is to be written again; or all that is stored is to be counted again."""


def day_of(created_at: Any) -> int | None:
    """The UTC day of epoch seconds; None when that is no date between the years 1 and 9999."""
    day = int(created_at // DAY)
    return day if FIRST <= day <= LAST else None


def date_of(day: int) -> datetime.date:
    """A day as a date."""
    return _EPOCH + datetime.timedelta(days=day)


def day_number(date: datetime.date) -> int:
    """A date as a day."""
    return (date - _EPOCH).days


def place_key(place: Place) -> str:
    """The key of a place's totals."""
    return f"{place[0]} {place[1]}"


def place_of(key: str) -> Place:
    """From `place_key`."""
    day, _, user_id = key.partition(" ")
    return int(day), user_id


@dataclass(frozen=True, slots=True)
class Counted:
    """What a session or run counts for: the day and the owner, the numbers that are not 0, and a run's model."""

    day: int
    user_id: str
    numbers: Mapping[str, int]
    model: tuple[str, str] | None = None

    @property
    def place(self) -> Place:
        return self.day, self.user_id

    def text(self) -> str:
        """As JSON, without the day."""
        return json.dumps([self.user_id, self.numbers, self.model], ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, day: int, text: str) -> Counted:
        """From `text`."""
        user_id, numbers, model = json.loads(text)
        return cls(day, user_id, numbers, tuple(model) if model else None)


def of_session(session_type: str, user_id: str | None, created_at: Any) -> Counted | None:
    """What a session counts for; None for nothing."""
    day, name = day_of(created_at), SESSION_COUNTS.get(session_type)
    return None if day is None or name is None else Counted(day, user_id or "", {name: 1})


def of_run(
    run_type: str, user_id: str | None, created_at: Any, used: Any, model: str | None, provider: str | None
) -> Counted | None:
    """What a run counts for, of whose document `used` is the `metrics`; None for nothing."""
    day = day_of(created_at)
    if day is None:
        return None
    numbers: Counter[str] = Counter()
    for tokens in _used(used):
        numbers.update({name: _tokens(tokens.get(name)) for name in TOKEN_FIELDS})
    if run_type in RUN_COUNTS:
        numbers[RUN_COUNTS[run_type]] += 1
    told = {name: number for name, number in numbers.items() if number}
    named = (model, provider or "") if model else None
    return Counted(day, user_id or "", told, named) if told or named else None


def read_used(text: str) -> Any:
    """The `metrics` of a run's document from JSON; None for what Python cannot read: too deep, or not JSON."""
    try:
        return json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError):
        return None


def _whole(digits: str) -> int:
    # Python refuses to read numbers of thousands of digits, which a database may hold.
    return int(digits[:30])  # more is more than any number of tokens


def _used(used: Any) -> Iterable[Mapping[str, Any]]:
    if not isinstance(used, dict):
        return
    yield used
    steps = used.get("steps")
    for step in steps.values() if isinstance(steps, dict) else ():
        metrics = step.get("metrics") if isinstance(step, dict) else None
        if isinstance(metrics, dict):
            yield metrics


def _tokens(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return int(min(max(value, -_MOST_TOKENS), _MOST_TOKENS))


@dataclass(slots=True)
class Totals:
    """The sums of what an owner's sessions and runs of a day count for."""

    numbers: Counter[str] = field(default_factory=Counter)
    models: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, counted: Counted, times: int) -> None:
        """Add what was counted (1), or take it off (-1)."""
        for name, number in counted.numbers.items():
            self.numbers[name] += times * number
        if counted.model is not None:
            self.models[counted.model] += times

    def join(self, other: Totals) -> None:
        """Add all that `other` has."""
        for name, number in other.numbers.items():
            self.numbers[name] += number
        for model, count in other.models.items():
            self.models[model] += count

    def __bool__(self) -> bool:
        return any(self.numbers.values()) or any(self.models.values())

    def text(self) -> str:
        """As JSON."""
        models = [[*model, count] for model, count in self.models.items() if count]
        numbers = {name: number for name, number in self.numbers.items() if number}
        return json.dumps([numbers, models], ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Totals:
        """From `text`."""
        numbers, models = json.loads(text)
        return cls(Counter(numbers), Counter({(model, provider): n for model, provider, n in models}))

    def columns(self, place: Place) -> dict[str, Any]:
        """What a row of metrics says of them, its documents as JSON."""
        day, user_id = place
        models = [
            {"model_id": model, "model_provider": provider, "count": count}
            for (model, provider), count in self.models.items()
            if count
        ]
        return {
            **{name: self.numbers[name] for name in COUNTS},
            "users_count": 1 if user_id else 0,
            "token_metrics": json.dumps({name: self.numbers[name] for name in TOKEN_FIELDS}),
            "model_metrics": json.dumps(models, ensure_ascii=False),
            "date": date_of(day).isoformat(),
            "aggregation_period": PERIOD,
            "user_id": user_id,
        }


def moved(changes: Iterable[tuple[Counted | None, Counted | None]]) -> dict[Place, Totals]:
    """What to add to the totals of each place when rows that counted for the first of a pair count for the second."""
    differences: dict[Place, Totals] = {}
    for before, after in changes:
        if before == after:
            continue
        for counted, times in ((before, -1), (after, 1)):
            if counted is not None:
                differences.setdefault(counted.place, Totals()).add(counted, times)
    return differences


_SAID = ("users_count", "completed", "token_metrics", *COUNTS)


def row_of(place: Place, total: Totals, now: int, stored: MetricRecord | None) -> MetricRecord:
    """The row of a place, computed at `now` (epoch seconds), where `stored` is."""
    columns: dict[str, Any] = total.columns(place)
    columns |= {"date": date_of(place[0]), "completed": place[0] < now // DAY}
    for name in ("token_metrics", "model_metrics"):
        columns[name] = json.loads(columns[name])
    id_, created_at = (str(uuid.uuid4()), now) if stored is None else (stored.id, stored.created_at)
    return MetricRecord(id=id_, created_at=created_at, updated_at=now, **columns)


@dataclass(frozen=True, slots=True)
class Compared:
    """A place whose sums were computed: its `row`, None where nothing counts there any more, and what is `stored`."""

    place: Place
    row: MetricRecord | None
    stored: MetricRecord | None
    unneeded: Sequence[MetricRecord]
    """Rows that are to be deleted."""

    @property
    def differs(self) -> bool:
        """Whether the row is to be written."""
        return self.row is not None and (self.stored is None or not says_the_same(self.row, self.stored))


def compared(totals: Mapping[Place, Totals], stored: Iterable[MetricRecord], now: int) -> Iterator[Compared]:
    """All places that have sums or rows, in order, computed at `now` (epoch seconds)."""
    there: dict[Place, list[MetricRecord]] = {}
    for row in stored:
        there.setdefault((day_number(row.date), row.user_id or ""), []).append(row)
    for place in sorted({*totals, *there}):
        total, rows = totals.get(place), there.get(place, [])
        first = rows[0] if rows else None
        if total:
            yield Compared(place, row_of(place, total, now, first), first, rows[1:])
        else:
            yield Compared(place, None, first, rows)


def says_the_same(row: MetricRecord, stored: MetricRecord) -> bool:
    """Whether two rows differ in their times only."""

    def models(record: MetricRecord) -> Any:
        return sorted(record.model_metrics or [], key=repr)

    return models(row) == models(stored) and all(getattr(row, n) == getattr(stored, n) for n in _SAID)
