"""Documents in Redis or Valkey: a hash for each record, a sorted set for each list, one script for each request.

All keys of a database have one hash tag, its prefix: a write is one step, with all records of its batch and all their
places in lists, in a cluster too. There a database is in one slot, on one server. So a cluster gives it a server that
takes over, and room for many databases, but spreads no single one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agnodb.awaiting import settled
from agnodb.documents.store import Address, Capabilities, Document, Index, Query, Refused, Scalar, Write
from agnodb.documents.stores.entries import bounds, entries, list_name
from agnodb.documents.stores.redis_clients import translate
from agnodb.documents.stores.redis_scripts import COUNT, FIND, GET, WRITE, Script


class Keyspace:
    """The keys of one database, and the lists of its collections: the same for all clients of it."""

    def __init__(self, prefix: str, expire: int | None = None) -> None:
        self._tag = prefix if "{" in prefix else f"{{{prefix}}}"
        self.lives = "" if expire is None else str(expire * 1000)
        """Milliseconds until a record expires after it was last written."""
        self.indexes: dict[str, Sequence[Index]] = {}

    def head(self, collection: str) -> str:
        """What the keys of a collection begin with."""
        return f"{self._tag}:{collection}:"

    def key(self, address: Address) -> str:
        """The key of a record."""
        return f"{self.head(address[0])}doc:{address[1]}"

    def list(self, query: Query) -> str:
        """The key of the list that a query reads."""
        return f"{self.head(query.collection)}list:{list_name(query.index, query.values)}"

    def entries(self, collection: str, document: Document) -> str:
        """Where a record is in the lists: its key, and the names of lists with its members in them."""
        return _json([document.key, entries(self.indexes[collection], document)])


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class RedisStore:
    """See `agnodb.documents.store.DocumentStore`. `client` is one of redis-py's, of a server or of a cluster."""

    capabilities = Capabilities(lists=50, expires=True)

    def __init__(self, client: Any, keys: Keyspace) -> None:
        self._client, self._keys = client, keys

    async def prepare(self, collections: Mapping[str, Sequence[Index]]) -> None:
        self._keys.indexes |= collections  # on the server there is nothing to make

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        if not addresses:
            return []
        found = await self._run(GET, [self._keys.key(address) for address in addresses])
        keys = [key for _, key in addresses]
        return [None if one is None else _document(key, *one) for key, one in zip(keys, found, strict=True)]

    async def write(self, writes: Sequence[Write]) -> None:
        if not writes:
            return
        given: list[str] = [self._keys.lives]
        for write in writes:
            collection, document = write.address[0], write.document
            given += (self._keys.head(collection), write.expected or "", write.version or "")
            if document is None:
                given += ("", "", "")
            else:
                given += (document.body, _json(dict(document.fields)), self._keys.entries(collection, document))
        refused = await self._run(WRITE, [self._keys.key(write.address) for write in writes], given)
        if refused:
            raise Refused(writes[refused - 1].address)

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        (found,) = await self._found([query], after, offset, limit)
        return found

    async def find_each(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        return await self._found([replace(query, values=(*query.values, value)) for value in values])

    async def _found(
        self, queries: Sequence[Query], after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[list[Document]]:
        """What each of `queries` finds, which have one collection, order and bounds."""
        query = queries[0]
        numbers = (str(offset), str(-1 if limit is None else limit), "1" if query.descending else "0")
        given = (self._keys.head(query.collection), *_bounds(query, after), *numbers)
        found = await self._run(FIND, [*map(self._keys.list, queries)], given)
        return [[_document(*stored) for stored in of_one] for of_one in found]

    async def count(self, query: Query) -> int:
        given = (self._keys.head(query.collection), *_bounds(query))
        return int(await self._run(COUNT, [self._keys.list(query)], given))

    async def close(self) -> None:
        try:
            await settled((self._client.aclose if hasattr(self._client, "aclose") else self._client.close)())
        except Exception as error:
            raise translate(error) from error

    async def _run(self, script: Script, keys: Sequence[str], given: Sequence[str] = ()) -> Any:
        """What a script answers."""
        words = [len(keys), *(word.encode() for word in (*keys, *given))]
        try:
            try:
                return await settled(self._client.execute_command("EVALSHA", script.digest, *words))
            except Exception as error:
                if type(error).__name__ != "NoScriptError":
                    raise
                return await settled(self._client.execute_command("EVAL", script.text, *words))
        except Exception as error:
            raise translate(error) from error


def _bounds(query: Query, after: Document | None = None) -> tuple[str, str]:
    low, high = bounds(query, after)
    return f"({low}" if low else "-", f"({high}" if high else "+"


def _document(*stored: str | bytes) -> Document:
    key, version, body, fields = (text.decode() if isinstance(text, bytes) else text for text in stored)
    return Document(key, body, json.loads(fields), version)
