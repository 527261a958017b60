"""The collections of one database: their names, and how records become documents."""

from __future__ import annotations

from typing import Any, TypeVar

from agnodb.models.base import Tables
from agnodb.mongo.documents import FieldMap
from agnodb.policies import Policies
from agnodb.records.base import Record

R = TypeVar("R", bound=Record)

VERSIONS, METRIC_DAYS = "agnodb_version", "agnodb_metric_days"
"""Collections of our own: which step each set is at, and what was seen of the days of its metrics."""
_OWN = {"versions": VERSIONS, "metric_days": METRIC_DAYS}


class Collections:
    """The collections of one database: their names, and how records become documents.

    `place` is the same for every object on the same database, and another for another; `key` is that of the set of
    names (see `agnodb.config.Layout`).
    """

    def __init__(self, tables: Tables, policies: Policies, place: str | None, key: str) -> None:
        self.tables, self.policies, self.place, self.key = tables, policies, place, key
        self._fields: dict[Any, FieldMap[Any]] = {}

    def fields(self, record: type[R], concept: str) -> FieldMap[R]:
        """The field map of `record`."""
        found = self._fields.get(record)
        if found is None:
            found = self._fields[record] = FieldMap(record, getattr(self.tables, concept))
        return found

    def name(self, concept: str) -> str:
        """The name of a collection."""
        return _OWN.get(concept) or str(getattr(self.tables, concept).name)
