"""The documents behind a MongoDB database, seen and put back over a client of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient

from agnodb.filters import LISTINGS
from agnodb.mongo.collections import METRIC_DAYS
from agnodb.testing.storage import UNLIKE, Rows

_UNLIKE = {*UNLIKE, "_id", "agnodb_run_counter", "agnodb_run_placed", "agnodb_version"}
"""A counter that gave a place to a run which was then not stored leaves a gap between places, which is no harm."""


class MongoStorage:
    """As `agnodb.testing.storage.Storage`."""

    def __init__(self, db: Any) -> None:
        core = getattr(db, "_core", db)
        self._tables = core._tables
        self._client: MongoClient[dict[str, Any]] = MongoClient(core.settings.url)
        self._database = self._client[core.settings.db_name]
        self.names = [
            getattr(self._tables, concept).name for concept in ("sessions", *(LISTINGS.keys() - {"sessions"}))
        ]
        self._kept: dict[str, list[dict[str, Any]]] = {}
        self.rows: Rows = {}

    async def keep(self) -> None:
        """Remember all documents."""
        self._kept = {name: self._all(name) for name in (*self.names, METRIC_DAYS)}
        self.rows = await self.read()

    async def forget(self) -> None:
        """Leave nothing behind."""
        self._client.close()

    async def put_back(self, found: Rows) -> None:
        """Make the collections whose documents are not those that were kept as they were."""
        for name, kept in self._kept.items():
            # Those that have what is not compared.
            if name in (METRIC_DAYS, self.names[0]) or found[name] != self.rows[name]:
                self._database[name].delete_many({})
                if kept:
                    self._database[name].insert_many(kept)

    async def read(self) -> Rows:
        """All documents of all collections; but not what is known of the days of metrics."""
        return {name: sorted(map(_row, self._all(name)), key=repr) for name in self.names}

    def documents(self, name: str) -> list[dict[str, Any]]:
        """The documents of a collection, without their `_id`."""
        return [{key: value for key, value in found.items() if key != "_id"} for found in self._all(name)]

    def overwrite(self, concept: str, key: str, columns: Mapping[str, Any]) -> None:
        """Set fields of one document, and nothing else."""
        name, of_key = getattr(self._tables, concept).name, LISTINGS[concept].key
        self._database[name].update_one({of_key: key}, {"$set": dict(columns)})

    def _all(self, name: str) -> list[dict[str, Any]]:
        return list(self._database[name].find({}))


def _row(document: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(repr((key, value)) for key, value in sorted(document.items()) if key not in _UNLIKE)
