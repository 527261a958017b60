"""Spans, as every family stores them: many at once, and what cannot be stored does not keep the others from it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from agnodb.errors import InvalidValueError
from agnodb.records.spans import SpanRecord
from agnodb.rules.keyed import Keyed
from agnodb.rules.times import time_now


class Spans(Keyed[SpanRecord]):
    """What `agnodb.contracts.spans.SpanRepository` has for spans by their ids."""

    concept = "spans"
    record = SpanRecord

    async def get(self, span_id: str) -> SpanRecord | None:
        return await self.one(span_id)

    async def create_many(self, spans: Iterable[SpanRecord]) -> int:
        made: dict[str, Any] = {}
        refused: list[InvalidValueError] = []
        now = time_now()
        for span in spans:
            try:
                row = self._made(span, now)
            except InvalidValueError as error:
                refused.append(error)
            else:
                made.setdefault(span.span_id, row)
        stored = await self._store(list(made.values()), now) if made else 0
        if refused:
            detail = f"{refused[0]} {refused[0].detail or ''}"
            message = "Some spans cannot be stored; the others are."
            raise InvalidValueError(message, detail=detail, refused=len(refused)) from refused[0]
        return stored

    @abstractmethod
    def _made(self, span: SpanRecord, now: str) -> Any:
        """A span as it is to be stored. Raises InvalidValueError for one that cannot be."""

    @abstractmethod
    async def _store(self, made: list[Any], now: str) -> int:
        """Store those that are not there, no two of one id, and placeholders for their traces; their number."""
