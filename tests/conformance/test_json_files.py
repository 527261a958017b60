"""What a database promises, in JSON files, with an event loop and without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agnodb import AsyncJsonDb, JsonDb
from agnodb.testing.blocking import AsyncFacade
from agnodb.testing.conformance import DocumentConformance


class TestJsonFiles(DocumentConformance):  # type: ignore[misc,valid-type]
    @pytest_asyncio.fixture
    async def make_db(self, tmp_path: Path) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
        opened: list[AsyncJsonDb] = []

        async def make() -> AsyncJsonDb:
            opened.append(AsyncJsonDb(tmp_path / "db"))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()


class TestJsonFilesWithoutLoop(DocumentConformance):  # type: ignore[misc,valid-type]
    @pytest.fixture
    def make_db(self, tmp_path: Path) -> Callable[[], Awaitable[Any]]:
        async def make() -> AsyncFacade:
            return AsyncFacade(JsonDb(tmp_path / "db"))

        return make
