"""JSON files in a folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from agnodb.databases.arguments import Caching, FirstTables, FurtherTables, Identity, Policing, as_in_agno
from agnodb.databases.documents import AsyncDocumentDatabase, DocumentDatabase, DocumentSettings
from agnodb.documents.stores.json_files import JsonFileStore

DEFAULT_FOLDER = "agno_json_db"


class JsonArguments(FirstTables, Identity, FurtherTables, Policing, Caching, total=False):
    """The arguments of `AsyncJsonDb` and `JsonDb` that do not say where the files are, in agno's order."""


def _settings(db_path: str | os.PathLike[str] | None, given: JsonArguments) -> DocumentSettings:
    folder = Path(db_path or DEFAULT_FOLDER).absolute()
    return DocumentSettings.of("json", f"json:{folder.as_posix()}", {"db_path": str(folder)}, given)


class AsyncJsonDb(AsyncDocumentDatabase):
    """Sessions, runs, memories and the rest in JSON files below the folder `db_path` (default: `agno_json_db`).

    One file for each record, which a person can read and compare; see `agnodb.documents.stores.json_files`. Processes
    on one machine may share a folder. Each reads all of it once and holds it in memory: it is for development, tests
    and small services. Calls wait in a thread of their own. `strict_owner`, `on_conflict`, `counters` and
    `on_write_failed` are the policies of `agnodb.policies.Policies`.

    Raises ConfigurationError, at the first call, for a folder that cannot be used or that has the files of agno's
    JsonDb.
    """

    @as_in_agno
    def __init__(self, db_path: str | os.PathLike[str] | None = None, **given: Unpack[JsonArguments]) -> None:
        settings = _settings(db_path, given)
        self.db_path = Path(settings.place["db_path"])
        store = JsonFileStore(self.db_path)
        super().__init__(settings, lambda: store, store.capabilities)


class JsonDb(DocumentDatabase):
    """As `AsyncJsonDb`, for code without an event loop."""

    @as_in_agno
    def __init__(self, db_path: str | os.PathLike[str] | None = None, **given: Unpack[JsonArguments]) -> None:
        settings = _settings(db_path, given)
        settings = replace(settings, policies=settings.policies.need_no_loop())
        self.db_path = Path(settings.place["db_path"])
        store = JsonFileStore(self.db_path)
        super().__init__(settings, lambda: store, store.capabilities)


# agno's MigrationManager tells databases apart by this name, and would run its own DDL on our collections.
AsyncJsonDb.__name__, JsonDb.__name__ = "AgnodbAsyncJsonDb", "AgnodbJsonDb"
