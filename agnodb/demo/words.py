"""A vector database without vectors, for agno's Knowledge: it finds documents by the words they share with a query.

It keeps its documents in memory: what the demo shows is agno's table of contents, which is in the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agno.knowledge.document import Document
from agno.vectordb.base import VectorDb


class WordIndex(VectorDb):
    """Documents in memory."""

    def __init__(self) -> None:
        super().__init__(name="words")
        self._documents: list[tuple[str, Document]] = []

    def create(self) -> None: ...

    async def async_create(self) -> None: ...

    def insert(
        self, content_hash: str, documents: list[Document], filters: Any = None, user_id: str | None = None
    ) -> None:
        self._documents += [(content_hash, document) for document in documents]

    async def async_insert(
        self, content_hash: str, documents: list[Document], filters: Any = None, user_id: str | None = None
    ) -> None:
        self.insert(content_hash, documents)

    def upsert(
        self, content_hash: str, documents: list[Document], filters: Any = None, user_id: str | None = None
    ) -> None:
        self._keep(lambda hash, _document: hash != content_hash)
        self.insert(content_hash, documents)

    async def async_upsert(
        self, content_hash: str, documents: list[Document], filters: Any = None, user_id: str | None = None
    ) -> None:
        self.upsert(content_hash, documents)

    def upsert_available(self) -> bool:
        return True

    def search(self, query: str, limit: int = 5, filters: Any = None, user_id: str | None = None) -> list[Document]:
        wanted = _words(query)
        found = [document for _, document in self._documents if wanted & _words(document.content)]
        return sorted(found, key=lambda document: -len(wanted & _words(document.content)))[:limit]

    async def async_search(
        self, query: str, limit: int = 5, filters: Any = None, user_id: str | None = None
    ) -> list[Document]:
        return self.search(query, limit)

    def name_exists(self, name: str) -> bool:
        return any(document.name == name for _, document in self._documents)

    async def async_name_exists(self, name: str) -> bool:  # type: ignore[override]
        return self.name_exists(name)

    def id_exists(self, id: str) -> bool:
        return any(document.id == id for _, document in self._documents)

    def content_hash_exists(self, content_hash: str, user_id: str | None = None) -> bool:
        return any(hash == content_hash for hash, _ in self._documents)

    def exists(self) -> bool:
        return True

    async def async_exists(self) -> bool:
        return True

    def drop(self) -> None:
        self.delete()

    async def async_drop(self) -> None:
        self.delete()

    def delete(self) -> bool:
        return self._keep(lambda _hash, _document: False)

    def delete_by_id(self, id: str) -> bool:
        return self._keep(lambda _hash, document: document.id != id)

    def delete_by_name(self, name: str) -> bool:
        return self._keep(lambda _hash, document: document.name != name)

    def delete_by_metadata(self, metadata: dict[str, Any]) -> bool:
        return self._keep(lambda _hash, document: not metadata.items() <= (document.meta_data or {}).items())

    def delete_by_content_id(self, content_id: str, user_id: str | None = None) -> bool:
        return self._keep(lambda _hash, document: document.content_id != content_id)

    def update_metadata(self, content_id: str, metadata: dict[str, Any]) -> None:
        for _, document in self._documents:
            if document.content_id == content_id:
                document.meta_data = {**(document.meta_data or {}), **metadata}

    def get_supported_search_types(self) -> list[str]:
        return ["keyword"]

    def _keep(self, wanted: Callable[[str, Document], bool]) -> bool:
        """Forget the others; whether there were any."""
        before = len(self._documents)
        self._documents = [(hash, document) for hash, document in self._documents if wanted(hash, document)]
        return len(self._documents) < before


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
