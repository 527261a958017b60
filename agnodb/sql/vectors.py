"""Chunks in PostgreSQL: they are stored, found, and deleted. See `agnodb.vector.PgVector`.

All chunks of one content (its hash and its owner) are changed under one lock and in one transaction, so several
writers of it never mix, and a reader sees the old ones or the new ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from sqlalchemy import column, text
from sqlalchemy.sql.selectable import TextualSelect

from agnodb import clock, codec
from agnodb.errors import InvalidValueError
from agnodb.models.vectors import VectorPlace, quoted
from agnodb.records.vectors import BY_DEFAULT, Chunk, Found, Owner, SearchBy
from agnodb.rules.bm25 import COUNTED_UP_TO, FRESH_SECONDS, SAMPLE_PAGES
from agnodb.rules.vectors import (
    NO_METADATA,
    check_limit,
    embedding_text,
    farthest,
    row_id,
    rows_at_once,
    similarity,
)
from agnodb.sql import vector_search
from agnodb.sql.executor import Executor, Row, Shape
from agnodb.sql.vector_filters import Condition, condition_of
from agnodb.sql.vector_search import table_of

T = TypeVar("T")

_SHAPES = 512


class VectorRepository:
    """The chunks of one table. `place()` gives the table once it is there."""

    def __init__(self, executor: Executor, place: Callable[[], Awaitable[VectorPlace]]) -> None:
        self._executor, self._place = executor, place
        self._shapes: dict[Any, Shape] = {}
        self._documents: tuple[int, dict[str, Any]] | None = None

    def inside(self, executor: Executor) -> VectorRepository:
        """The same chunks inside a transaction."""
        return VectorRepository(executor, self._place)

    # -- storing ----------------------------------------------------------------------------------------------

    async def replace(
        self, owner: Owner, chunks: Sequence[Chunk], filters: Mapping[str, Any] | None = None, *, batch: int = 100
    ) -> int:
        """The number of rows that `owner` has now: `chunks`, and nothing that was stored before. See `add`."""
        return await self._store(owner, chunks, filters, batch, replace=True)

    async def add(
        self, owner: Owner, chunks: Sequence[Chunk], filters: Mapping[str, Any] | None = None, *, batch: int = 100
    ) -> int:
        """The number of rows stored for `owner`; one that is there already is overwritten. They are sent `batch` at a
        time, long vectors fewer.

        `filters` are added to each chunk's metadata. All or nothing. Raises InvalidValueError for an embedding that no
        search could find again, and for a value that JSON cannot hold.
        """
        return await self._store(owner, chunks, filters, batch, replace=False)

    async def _store(self, owner: Owner, chunks: Sequence[Chunk], filters: Any, batch: int, *, replace: bool) -> int:
        place = await self._place()
        at_once = rows_at_once(place.dimensions, batch)
        lock = self._shape("lock", lambda: _locked(), idempotent=True)
        clear = self._shape(("clear", owner.user_id is None), lambda: _cleared(place, owner), idempotent=True)
        insert = self._shape("insert", lambda: _inserted(place), idempotent=True)
        of_owner = {"content_hash": owner.content_hash, **({} if owner.user_id is None else {"user_id": owner.user_id})}

        async def work(executor: Executor) -> int:
            await executor.execute(lock, {"name": f"{table_of(place)} {owner.content_hash} {owner.user_id or ''}"})
            if replace:
                await executor.execute(clear, of_owner)
            done = 0
            for start in range(0, len(chunks), at_once):  # made batch by batch: the loop is never held for long
                rows = _rows(place, owner, chunks[start : start + at_once], filters)
                await executor.execute(insert, _as_arrays(rows))
                done += len(rows)
            return done

        stored = await self._executor.repeatable(work)
        self._forget_few()
        return stored

    def _forget_few(self) -> None:
        """What was counted of a small table is not true any more; a large one has hardly changed."""
        if self._documents is not None and not self._documents[1]["estimated"]:
            self._documents = None

    # -- looking and deleting ---------------------------------------------------------------------------------

    async def exists(self, name: str, value: str) -> bool:
        """Whether there is a row whose column `name` is `value`."""
        place = await self._place()
        condition = f"{quoted(name)} = CAST(:value AS text)"
        made = self._shape(("exists", name), lambda: _any(place, condition), idempotent=True)
        return bool(await self._executor.execute(made, {"value": value}))

    async def holds(self, owner: Owner) -> bool:
        """Whether rows of `owner` are stored; without a user, shared ones."""
        place = await self._place()
        condition, parameters = _owned(owner)
        made = self._shape(("holds", owner.user_id is None), lambda: _any(place, condition), idempotent=True)
        return bool(await self._executor.execute(made, parameters))

    async def count(self) -> int:
        """The number of rows."""
        place = await self._place()
        statement = f"SELECT count(*) FROM {table_of(place)}"
        made = self._shape("count", lambda: _select(statement, "rows"), idempotent=True)
        (row,) = await self._executor.execute(made, {})
        return int(row[0])

    async def delete(self, **columns: str | None) -> int:
        """The number of rows deleted: those whose columns are as given, None for those that are not asked for."""
        given = {name: value for name, value in columns.items() if value is not None}
        condition = " AND ".join(f"{quoted(name)} = CAST(:{name} AS text)" for name in given) or "true"
        return await self._delete(("delete", *given), condition, given)

    async def delete_by_metadata(self, metadata: Mapping[str, Any]) -> int:
        """The number of rows deleted: those whose metadata contain `metadata`. Raises InvalidValueError for none."""
        if not metadata:
            raise InvalidValueError(NO_METADATA)
        condition = condition_of(metadata, None)
        return await self._delete("delete by metadata", condition.sql, condition.parameters)

    async def _delete(self, key: Any, condition: str, parameters: Mapping[str, Any]) -> int:
        place = await self._place()
        made = self._shape(
            key,
            lambda: _select(
                f"WITH gone AS (DELETE FROM {table_of(place)} AS d WHERE {condition} RETURNING 1)"
                " SELECT count(*) FROM gone",
                "rows",
            ),
        )
        (row,) = await self._executor.execute(made, parameters)
        self._forget_few()
        return int(row[0])

    async def update_metadata(self, content_id: str, metadata: Mapping[str, Any]) -> int:
        """The number of chunks of a content whose metadata now have `metadata` too, and it alone as filters."""
        place = await self._place()
        statement = (
            f"WITH changed AS (UPDATE {table_of(place)} SET updated_at = now(), filters = CAST(:metadata AS jsonb),"
            " meta_data = COALESCE(meta_data, '{}') || CAST(:metadata AS jsonb)"
            " WHERE content_id = CAST(:content_id AS text) RETURNING 1) SELECT count(*) FROM changed"
        )
        made = self._shape("update metadata", lambda: _select(statement, "rows"), idempotent=True)
        given = {"content_id": content_id, "metadata": codec.encode(metadata)}
        (row,) = await self._executor.execute(made, given)
        return int(row[0])

    # -- searching --------------------------------------------------------------------------------------------

    async def nearest(
        self, embedding: Sequence[float], limit: int, filters: Any = None, user_id: str | None = None,
        by: SearchBy = BY_DEFAULT,
    ) -> list[Found]:  # fmt: skip
        """The nearest rows, nearest first: `limit` of them where so many fulfil the filters and are near enough."""
        place = await self._place()
        condition = _condition(limit, filters, user_id)
        made = self._shape(
            ("nearest", limit, condition.sql),
            lambda: vector_search.vector_search(place, limit, condition.sql),
            idempotent=True,
        )
        rows = await self._executor.execute(made, {**condition.parameters, **_near(place, embedding, by)})
        return [_found(row, similarity(row[7], place.metric)) for row in rows]

    async def best(
        self, query: str, limit: int, filters: Any = None, user_id: str | None = None, by: SearchBy = BY_DEFAULT
    ) -> list[Found]:
        """The best rows by BM25 (see `agnodb.rules.bm25`), best first. None where no word of `query` is found."""
        place = await self._place()
        condition = _condition(limit, filters, user_id)
        made = self._shape(
            ("best", limit, condition.sql, by.prefix),
            lambda: vector_search.keyword_search(place, limit, condition.sql, prefix=by.prefix),
            idempotent=True,
        )
        parameters = {**condition.parameters, **await self._statistics(), "query": _words(query)}
        return [_found(row, float(row[8])) for row in await self._executor.execute(made, parameters)]

    async def hybrid(
        self, query: str, embedding: Sequence[float], limit: int, filters: Any = None, user_id: str | None = None,
        by: SearchBy = BY_DEFAULT,
    ) -> list[Found]:  # fmt: skip
        """The best rows by words and vectors fused, best first. The threshold is one for the vectors' side."""
        place = await self._place()
        condition = _condition(limit, filters, user_id)
        made = self._shape(
            ("hybrid", limit, condition.sql, by.by_rank, by.prefix),
            lambda: vector_search.hybrid_search(place, limit, condition.sql, by_rank=by.by_rank, prefix=by.prefix),
            idempotent=True,
        )
        further = {"query": _words(query), "vector_weight": float(by.vector_weight)}
        parameters = {**condition.parameters, **_near(place, embedding, by), **await self._statistics(), **further}
        return [_found(row, float(row[8])) for row in await self._executor.execute(made, parameters)]

    async def _statistics(self) -> dict[str, Any]:
        """How many documents there are, how long they are, and whether that is estimated; kept for a minute.

        An extension counts for itself.
        """
        place = await self._place()
        if place.bm25 is not None:
            return {}
        if self._documents is not None and clock.now() - self._documents[0] < FRESH_SECONDS:
            return self._documents[1]
        size = self._shape("size", lambda: vector_search.size(place, COUNTED_UP_TO), idempotent=True)
        ((documents, estimated, pages),) = await self._executor.execute(size, {})
        share = round(100 * SAMPLE_PAGES / pages, 2) if pages > SAMPLE_PAGES else None
        mean = Shape("vectors.statistics", vector_search.statistics(place, share=share), idempotent=True)
        if share is not None:  # one of few, so that statements can be kept prepared
            mean = self._shape(("mean", share), lambda: vector_search.statistics(place, share=share), idempotent=True)
        ((average,),) = await self._executor.execute(mean, {})
        found = {"documents": float(documents), "average": float(average or 1.0) or 1.0, "estimated": bool(estimated)}
        self._documents = clock.now(), found
        return found

    def _shape(self, key: Any, make: Callable[[], Any], *, idempotent: bool = False) -> Shape:
        made = self._shapes.get(key)
        if made is None:
            if len(self._shapes) >= _SHAPES:
                self._shapes.pop(next(iter(self._shapes)))
            name = key if isinstance(key, str) else key[0]
            made = self._shapes[key] = Shape(f"vectors.{name}", make(), idempotent)
        return made


# -- rows ---------------------------------------------------------------------------------------------------------

_COLUMNS = ("id", "name", "meta_data", "content", "embedding", "usage", "content_id")


def _rows(
    place: VectorPlace, owner: Owner, chunks: Sequence[Chunk], filters: Mapping[str, Any] | None
) -> list[tuple[Any, ...]]:
    """One row for each key: of two chunks with one, the later."""
    known: dict[str, tuple[Any, ...]] = {}
    for chunk in chunks:
        content = chunk.content.replace("\0", "\ufffd")
        key = row_id(chunk.id, content, owner.content_hash, owner.user_id)
        known[key] = (
            key, chunk.name, codec.encode({**(chunk.meta_data or {}), **(filters or {})}), content,
            embedding_text(chunk.embedding, place.dimensions, place.metric),
            None if chunk.usage is None else codec.encode(chunk.usage), chunk.content_id,
            owner.content_hash, owner.user_id, None if filters is None else codec.encode(filters),
        )  # fmt: skip
    return list(known.values())


def _as_arrays(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    *arrays, hashes, owners, filters = zip(*rows, strict=True)
    return {
        **{name: list(values) for name, values in zip(_COLUMNS, arrays, strict=True)},
        "content_hash": hashes[0],
        "user_id": owners[0],
        "filters": filters[0],
    }


def _inserted(place: VectorPlace) -> Any:
    arrays = ", ".join(f"CAST(:{name} AS text[])" for name in _COLUMNS)
    vector = f"{quoted(place.extension)}.vector"
    names = (*_COLUMNS, "content_hash", "user_id", "filters")
    kept = ", ".join(f"{name} = EXCLUDED.{name}" for name in names[1:])
    return text(
        f"INSERT INTO {table_of(place)} ({', '.join(names)}, created_at)"
        f" SELECT u.id, u.name, u.meta_data::jsonb, u.content, u.embedding::{vector}, u.usage::jsonb,"
        f" u.content_id, CAST(:content_hash AS text), CAST(:user_id AS text),"
        f" CAST(:filters AS jsonb), now() FROM unnest({arrays}) AS u({', '.join(_COLUMNS)})"
        f" ON CONFLICT (id) DO UPDATE SET {kept}, updated_at = now()"
    )


def _locked() -> Any:
    return text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:name AS text), 0))")


def _owned(owner: Owner) -> tuple[str, dict[str, Any]]:
    if owner.user_id is None:
        return "content_hash = CAST(:content_hash AS text) AND user_id IS NULL", {"content_hash": owner.content_hash}
    condition = "content_hash = CAST(:content_hash AS text) AND user_id = CAST(:user_id AS text)"
    return condition, {"content_hash": owner.content_hash, "user_id": owner.user_id}


def _cleared(place: VectorPlace, owner: Owner) -> Any:
    return text(f"DELETE FROM {table_of(place)} WHERE {_owned(owner)[0]}")


def _any(place: VectorPlace, condition: str) -> TextualSelect:
    return _select(f"SELECT 1 FROM {table_of(place)} WHERE {condition} LIMIT 1", "one")


def _select(statement: str, *columns: str) -> TextualSelect:
    return text(statement).columns(*(column(name) for name in columns))


# -- searches -----------------------------------------------------------------------------------------------------


def _condition(limit: int, filters: Any, user_id: str | None) -> Condition:
    check_limit(limit)
    return condition_of(filters, user_id)


def _near(place: VectorPlace, embedding: Sequence[float], by: SearchBy) -> dict[str, Any]:
    written = embedding_text(embedding, place.dimensions, place.metric)
    return {"embedding": written, "farthest": farthest(by.threshold, place.metric)}


def _words(query: str) -> str:
    return query.replace("\0", " ")


def _found(row: Row, score: float) -> Found:
    key, name, meta_data, content, embedding, usage, changed = row[:7]
    return Found(
        id=key,
        name=name,
        meta_data=codec.decode(meta_data) if meta_data else {},
        content=content,
        embedding=orjson.loads(embedding) if embedding else None,
        usage=codec.decode(usage) if usage else None,
        changed=changed,
        score=score,
    )
