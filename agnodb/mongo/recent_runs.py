"""The last runs of a session, where those before them are as they are known: see `agnodb.records.runs.KnownRuns`.

Every write of ours gives a run another version. agno's own adapter writes a run as a whole, so its runs have none: they
are found out whatever the time, and read each time until we save them. A writer who sets single fields of a run and
knows of no version is not seen.
"""

from __future__ import annotations

import secrets
from functools import partial

from agnodb import codec
from agnodb.mongo.documents import lookup, unfolded
from agnodb.mongo.repository import Document
from agnodb.records.runs import FIRST_PLACE, MOST_RECENT, TOTAL_PART, KnownRuns, StoredRun

VERSION = "agnodb_version"
"""The field of a run with its version, a token of what it holds."""
SHOWN = {"run_id": 1, "run_index": 1, VERSION: 1, "_id": 0}
ORDER = ("run_index", "created_at", "run_id")
"""Those without a place come first."""

_BITS = 62
# A second server may have added some since; whoever knows much less reads all, run by run.
_MOST = 2 * MOST_RECENT
_RECENT, _BEFORE = "agnodb_recent", "agnodb_before"


def new_version() -> int:
    """A version that no run has had."""
    return secrets.randbits(_BITS) + 1


ANY_VERSION = {"$toLong": {"$floor": {"$multiply": [{"$rand": {}}, 2**53]}}}
"""The same, as the server makes it."""


def stages(runs: str, known: KnownRuns) -> list[Document]:
    """The stages after those that find the session: its recent runs, of the collection `runs`, and what tells whether
    the others are the known ones. All of it is one document, of 16 MB at most: where that is too little, whoever
    asks reads the runs one by one."""
    versions = [token for token in known.recent if isinstance(token, int)]
    unknown = {"$cond": [{"$in": [f"${VERSION}", versions]}, "$$REMOVE", "$run_data"]}
    after = [] if known.last == FIRST_PLACE else [{"$match": {"run_index": {"$not": {"$lte": known.last}}}}]
    recent = [
        *after,
        {"$sort": dict.fromkeys(ORDER, 1)},
        {"$limit": _MOST + 1},
        {"$project": {**SHOWN, "run_data": unknown}},
    ]
    total = {"$sum": {"$mod": [f"${VERSION}", TOTAL_PART]}}
    before = [
        {"$match": {"run_index": {"$lte": known.last}}},
        {"$group": {"_id": None, "count": {"$sum": 1}, "total": total}},
    ]
    stages = [lookup(runs, "session_id", _RECENT, recent)]
    if known.count:
        stages.append(lookup(runs, "session_id", _BEFORE, before))
    return stages


def read(session: Document, known: KnownRuns) -> list[StoredRun] | None:
    """The recent runs of the document that was found; None where the others are not the known ones."""
    runs = session[_RECENT]
    told = next(((before["count"], before["total"]) for before in session.get(_BEFORE, ())), (0, 0))
    if told != (known.count, known.total) or len(runs) > _MOST:
        return None
    if known.count and runs and runs[0].get("run_index") is None:  # it comes before the known ones
        return None
    return [stored_run(run) for run in runs]


def stored_run(row: Document) -> StoredRun:
    """The run of a document; without what it holds where that was not read. One that has no version is its text."""
    version, place = row.get(VERSION), row.get("run_index")
    version = None if version is None else int(version)
    if version is not None and "run_data" not in row:
        return StoredRun(version, place=place)
    text = unfolded(row.get("run_data")) or "null"
    load = partial(codec.decode, text)
    if version is None:
        return StoredRun((row["run_id"], hash(text), len(text)), len(text), load)
    return StoredRun(version, len(text), load, place)
