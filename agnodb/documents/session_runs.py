"""The runs of a session in a document store, read in order, and again only as far as they have changed."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from agnodb.documents.histories import History
from agnodb.documents.indexes import HISTORIES, RUNS_CHANGED, RUNS_IN_ORDER, RUNS_OF_STATUS
from agnodb.documents.repository import DocumentRepository
from agnodb.documents.store import Document, Index, Query, Scalar
from agnodb.filters import Page
from agnodb.records.runs import HISTORY_SKIP_STATUSES, RunRecord, StoredRun
from agnodb.rules.values import text_in


class _Token(NamedTuple):
    """What tells the content of a run from any other, and where it stands."""

    key: str
    version: str
    change: int
    """The number of the write, of all of its session's runs."""
    place: int


class SessionRuns(DocumentRepository[RunRecord]):
    """The part of `agnodb.contracts.runs.RunRepository` that reads the runs of sessions."""

    concept = "runs"
    record = RunRecord

    async def of_session(self, session_id: str) -> list[Any]:
        return [run.run_data for run in await self.all_of(self.chosen(session_id=session_id))]

    async def stored(self, session_id: str, known: Collection[Hashable] = ()) -> list[StoredRun]:
        histories = self.address(session_id, HISTORIES)
        (document,) = await self._executor.get([histories]) if known else (None,)
        return await self.since(History.of(histories, document), session_id, known)

    async def since(self, history: History, session_id: str, known: Collection[Any]) -> list[StoredRun]:
        """As `stored`, where `history` was read already: one request, or none where nothing is new.

        What was written after everything known is read. If that and what is known besides are as many as there are,
        none of them was deleted; else all are read.
        """
        last = max([token.change for token in known], default=0)
        if known and last <= history.changes:
            changed: list[Document] = []
            if last < history.changes:
                since = replace(self._query(RUNS_CHANGED, text_in(session_id)), low=last + 1)
                changed = await self._executor.find(since)
            rewritten = {document.key for document in changed}
            same = [StoredRun(token) for token in known if token.key not in rewritten]
            if len(same) + len(changed) == history.runs:
                return sorted([*same, *map(self._stored, changed)], key=_place)
        return [self._stored(document) for document in await self._executor.find(self.in_order(session_id))]

    def _stored(self, document: Document) -> StoredRun:
        fields: Mapping[str, Any] = document.fields
        token = _Token(document.key, document.version, fields.get("change", 0), fields.get("run_index", 0))
        return StoredRun(token, len(document.body), partial(self._document_of, document))

    def _document_of(self, document: Document) -> Any:
        return self.read(document).run_data

    async def history(self, session_id: str, limit: int) -> list[Any]:
        limit = Page(limit).checked(self.listing).limit or 0
        query = replace(self.in_order(session_id), descending=True)
        latest: list[Any] = []
        after: Document | None = None
        while len(latest) < limit:
            found = await self._executor.find(query, after=after, limit=limit)
            runs = [run for run in map(self.read, found) if _is_told(run)]
            latest += [run.run_data for run in runs]
            if len(found) < limit:
                break
            after = found[-1]
        return latest[:limit][::-1]

    async def of_sessions(self, session_ids: Iterable[str]) -> dict[str, list[Any]]:
        asked = [*dict.fromkeys(session_ids)]
        found = await self._executor.find_each(
            self._query(RUNS_IN_ORDER), [text_in(session_id) for session_id in asked]
        )
        return {
            session_id: [self._document_of(document) for document in documents]
            for session_id, documents in zip(asked, found, strict=True)
            if documents
        }

    async def count_of_status(self, session_id: str, status: str) -> int:
        """The number of runs of a session that have that status."""
        return await self._executor.count(self._query(RUNS_OF_STATUS, text_in(session_id), text_in(status)))

    def in_order(self, session_id: str) -> Query:
        """Finds the runs of a session."""
        return self._query(RUNS_IN_ORDER, text_in(session_id))

    def _query(self, index: Index, *values: Scalar) -> Query:
        return Query(self.collections.name("runs"), index, values)


def _place(run: StoredRun) -> tuple[int, str]:
    token: Any = run.token
    return token.place, token.key


def _is_told(run: RunRecord) -> bool:
    return run.parent_run_id is None and run.status not in HISTORY_SKIP_STATUSES
