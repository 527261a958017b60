"""The stages that tell what is seen of days of metrics (see `agnodb.rules.metric_days`), and what counts on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agnodb import codec
from agnodb.mongo.documents import decoded
from agnodb.mongo.repository import Document
from agnodb.rules.metric_days import Seen, Span
from agnodb.rules.metrics import DAY, FIRST, LAST, Counted, of_run, of_session
from agnodb.text import decode_text

SOURCES = ("sessions", "runs")
EVERY_DAY = (FIRST, LAST)

_WRITTEN = {"$ifNull": ["$updated_at", "$created_at"]}
_DAY = {"$floor": {"$divide": ["$created_at", DAY]}}
_TAG = {"$getField": {"field": {"$literal": codec.TAG}, "input": "$run_data"}}
_SHOWN: Mapping[str, Document] = {
    "sessions": {"_id": 0, "session_type": 1, "user_id": 1, "created_at": 1},
    "runs": {
        "_id": 0, "run_type": 1, "user_id": 1, "created_at": 1,
        "used": "$run_data.metrics", "model": "$run_data.model", "provider": "$run_data.model_provider",
        "tag": {"$cond": [{"$eq": [{"$type": "$run_data"}, "object"]}, _TAG, None]},
    },
}  # fmt: skip


def between(days: Iterable[Span]) -> Document:
    """A filter for what was created on one of the `days`, each a first and a last one."""
    return {"$or": [{"created_at": {"$gte": first * DAY, "$lt": (last + 1) * DAY}} for first, last in days]}


def seen_stages(days: Iterable[Span]) -> list[Document]:
    """The stages that say of each day what `seen` takes."""
    sums = {"writes": {"$sum": "$agnodb_row_version"}, "sum": {"$sum": _WRITTEN}, "last": {"$max": _WRITTEN}}
    return [{"$match": between(days)}, {"$group": {"_id": _DAY, "number": {"$sum": 1}, **sums}}]


def seen(rows: Mapping[str, Iterable[Document]]) -> dict[int, Seen]:
    """Day -> what was seen of it, from the answers for each source."""
    days: dict[int, Seen] = {}
    for place, source in enumerate(SOURCES):
        for row in rows[source]:
            day = days.setdefault(int(row["_id"]), Seen())
            told = (row["number"], row["sum"], row["writes"])
            day.seen = (*day.seen[: place * 3], *told, *day.seen[place * 3 + 3 :])
            day.number, day.written = day.number + row["number"], max(day.written, row["last"])
    return days


def counted_stages(source: str, days: Iterable[Span]) -> list[Document]:
    """The stages that give what `counted` takes: no document as a whole."""
    return [{"$match": between(days)}, {"$project": _SHOWN[source]}]


def counted(source: str, row: Document) -> Counted | None:
    """What a session or a run counts for."""
    user_id, created_at = decode_text(row.get("user_id") or ""), row["created_at"]
    if source == "sessions":
        return of_session(row.get("session_type") or "", user_id, created_at)
    # A document that is nested deeper than BSON may be is a text.
    document = decoded({codec.TAG: row["tag"]}) if row.get("tag") is not None else None
    if not isinstance(document, dict):
        document = {"metrics": decoded(row.get("used")), "model": row.get("model"), "provider": row.get("provider")}
    else:
        document = {**document, "provider": document.get("model_provider")}
    model, provider = (_name(document.get(name)) for name in ("model", "provider"))
    return of_run(row.get("run_type") or "", user_id, created_at, document.get("metrics"), model, provider)


def _name(value: Any) -> str | None:
    return decode_text(value) if isinstance(value, str) else None
