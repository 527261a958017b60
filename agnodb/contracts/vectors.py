"""The chunks of one table of vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agnodb.records.vectors import BY_DEFAULT, Chunk, Found, Owner, SearchBy


class VectorRows(Protocol):
    """Chunks are stored, found, and deleted. All chunks of one content (its hash and its owner) change in one
    transaction, and one at a time: several writers of it never mix, and a reader sees the old ones or the new ones."""

    def inside(self, executor: Any) -> VectorRows:
        """The same chunks inside a transaction."""
        ...

    async def replace(
        self, owner: Owner, chunks: Sequence[Chunk], filters: Mapping[str, Any] | None = None, *, batch: int = 100
    ) -> int:
        """The number of rows that `owner` has now: `chunks`, and nothing that was stored before. See `add`."""
        ...

    async def add(
        self, owner: Owner, chunks: Sequence[Chunk], filters: Mapping[str, Any] | None = None, *, batch: int = 100
    ) -> int:
        """The number of rows stored for `owner`; one that is there already is overwritten. They are sent `batch` at a
        time, long vectors fewer.

        `filters` are added to each chunk's metadata. All or nothing. Raises InvalidValueError for an embedding that no
        search could find again, and for a value that JSON cannot hold.
        """
        ...

    async def exists(self, name: str, value: str) -> bool:
        """Whether there is a row whose column `name` is `value`."""
        ...

    async def holds(self, owner: Owner) -> bool:
        """Whether rows of `owner` are stored; without a user, shared ones."""
        ...

    async def count(self) -> int:
        """The number of rows."""
        ...

    async def delete(self, **columns: str | None) -> int:
        """The number of rows deleted: those whose columns are as given, None for those that are not asked for."""
        ...

    async def delete_by_metadata(self, metadata: Mapping[str, Any]) -> int:
        """The number of rows deleted: those whose metadata contain `metadata`. Raises InvalidValueError for none."""
        ...

    async def update_metadata(self, content_id: str, metadata: Mapping[str, Any]) -> int:
        """The number of chunks of a content whose metadata now have `metadata` too, and it alone as filters."""
        ...

    async def nearest(
        self, embedding: Sequence[float], limit: int, filters: Any = None, user_id: str | None = None,
        by: SearchBy = BY_DEFAULT,
    ) -> list[Found]:  # fmt: skip
        """The nearest rows, nearest first: `limit` of them where so many fulfil the filters and are near enough."""
        ...

    async def best(
        self, query: str, limit: int, filters: Any = None, user_id: str | None = None, by: SearchBy = BY_DEFAULT
    ) -> list[Found]:
        """The best rows by BM25 (see `agnodb.rules.bm25`), best first. None where no word of `query` is found."""
        ...

    async def hybrid(
        self, query: str, embedding: Sequence[float], limit: int, filters: Any = None, user_id: str | None = None,
        by: SearchBy = BY_DEFAULT,
    ) -> list[Found]:  # fmt: skip
        """The best rows by words and vectors fused, best first. The threshold is one for the vectors' side."""
        ...
