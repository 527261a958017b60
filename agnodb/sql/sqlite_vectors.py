"""Chunks in SQLite: they are stored, found, and deleted. See `agnodb.vector.SqliteVector`.

A file has one writer at a time, so all chunks of a content change in one transaction. A search by vectors is a first
pass over the signatures of the rows that the filters leave, a second one over the vectors of the most promising of
them (`agnodb.rules.signatures`), and a read of the rows that are found.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import column, text

from agnodb import clock, codec
from agnodb.errors import InvalidValueError
from agnodb.models.sqlite_vectors import SqliteVectorPlace
from agnodb.models.vectors import quoted
from agnodb.records.vectors import BY_DEFAULT, Chunk, Found, Owner, SearchBy
from agnodb.rules import signatures
from agnodb.rules.vectors import (
    NO_METADATA,
    check_limit,
    embedding_floats,
    farthest,
    fused,
    leg_limit,
    row_id,
    rows_at_once,
    similarity,
)
from agnodb.sql.executor import Executor, Shape
from agnodb.sql.sqlite_vector_filters import SqliteMetadata
from agnodb.sql.vector_filters import Condition, condition_of

_SHAPES = 512
_NO_TEXT = "A chunk holds a text that no column can hold."
_METADATA = SqliteMetadata()
_KEPT = ("id", "name", "meta_data", "content", "usage", "content_id", "length")
_READ = ("number", "id", "name", "meta_data", "content", "embedding", "usage", "changed")
_BETWEEN_WORDS = re.compile(r"[\s!-/:-@\[-`{-~\x00]+")


class SqliteVectorRepository:
    """The chunks of one table. `place()` gives the table once it is there. See `agnodb.contracts.vectors`."""

    def __init__(self, executor: Executor, place: Callable[[], Awaitable[SqliteVectorPlace]]) -> None:
        self._executor, self._place = executor, place
        self._shapes: dict[Any, Shape] = {}

    def inside(self, executor: Executor) -> SqliteVectorRepository:
        return SqliteVectorRepository(executor, self._place)

    # -- storing ----------------------------------------------------------------------------------------------

    async def replace(
        self, owner: Owner, chunks: Sequence[Chunk], filters: Mapping[str, Any] | None = None, *, batch: int = 100
    ) -> int:
        return await self._store(owner, chunks, filters, batch, replace=True)

    async def add(
        self, owner: Owner, chunks: Sequence[Chunk], filters: Mapping[str, Any] | None = None, *, batch: int = 100
    ) -> int:
        return await self._store(owner, chunks, filters, batch, replace=False)

    async def _store(self, owner: Owner, chunks: Sequence[Chunk], filters: Any, batch: int, *, replace: bool) -> int:
        place = await self._place()
        at_once = rows_at_once(place.dimensions, batch)
        condition, of_owner = _owned(owner)
        clear = self._shape(("clear", condition), f"DELETE FROM {place.table} WHERE {condition}", idempotent=True)
        insert = self._shape("insert", _inserted(place), idempotent=True)

        async def work(executor: Executor) -> int:
            if replace:
                await executor.execute(clear, of_owner)
            done = 0
            for start in range(0, len(chunks), at_once):  # made batch by batch: the loop is never held for long
                made = _rows(place, owner, chunks[start : start + at_once], filters)
                await executor.execute(insert, made)
                done += made["count"]
            return done

        return await self._executor.repeatable(work)

    # -- looking and deleting ---------------------------------------------------------------------------------

    async def exists(self, name: str, value: str) -> bool:
        return await self._any(f"{quoted(name)} = :value", {"value": value})

    async def holds(self, owner: Owner) -> bool:
        return await self._any(*_owned(owner))

    async def _any(self, condition: str, parameters: Mapping[str, Any]) -> bool:
        place = await self._place()
        statement = f"SELECT 1 FROM {place.table} WHERE {condition} LIMIT 1"
        return bool(
            await self._executor.execute(self._shape(("any", condition), statement, "one", idempotent=True), parameters)
        )

    async def count(self) -> int:
        place = await self._place()
        made = self._shape("count", f"SELECT count(*) FROM {place.table}", "rows", idempotent=True)
        ((count,),) = await self._executor.execute(made, {})
        return int(count)

    async def delete(self, **columns: str | None) -> int:
        given = {name: value for name, value in columns.items() if value is not None}
        return await self._delete(" AND ".join(f"{quoted(name)} = :{name}" for name in given) or "true", given)

    async def delete_by_metadata(self, metadata: Mapping[str, Any]) -> int:
        if not metadata:
            raise InvalidValueError(NO_METADATA)
        condition = condition_of(metadata, None, _METADATA)
        return await self._delete(condition.sql, condition.parameters)

    async def _delete(self, condition: str, parameters: Mapping[str, Any]) -> int:
        place = await self._place()
        statement = f"DELETE FROM {place.table} AS d WHERE {condition} RETURNING number"
        return len(await self._executor.execute(self._shape(("delete", condition), statement, "number"), parameters))

    async def update_metadata(self, content_id: str, metadata: Mapping[str, Any]) -> int:
        place = await self._place()
        added = codec.encode(metadata)
        read = self._shape(
            "metadata", f"SELECT number, meta_data FROM {place.table} WHERE content_id = :content_id", "number", "kept"
        )
        write = self._shape(
            "update metadata",
            f"UPDATE {place.table} SET updated_at = :now, filters = :filters, meta_data = :meta_data"
            " WHERE number = :number",
        )

        async def work(executor: Executor) -> int:
            rows = await executor.execute(read, {"content_id": content_id})
            for number, kept in rows:
                changed = {**codec.tree(kept), **codec.tree(added)}
                given = {"now": _now(), "filters": added, "meta_data": json.dumps(changed, ensure_ascii=False)}
                await executor.execute(write, {**given, "number": number})
            return len(rows)

        return await self._executor.repeatable(work)

    # -- searching --------------------------------------------------------------------------------------------

    async def nearest(
        self, embedding: Sequence[float], limit: int, filters: Any = None, user_id: str | None = None,
        by: SearchBy = BY_DEFAULT,
    ) -> list[Found]:  # fmt: skip
        place, condition = await self._place(), _condition(limit, filters, user_id)
        near = await self._near(place, embedding, limit, condition, by)
        return await self._found(place, {number: similarity(away, place.metric) for number, away in near})

    async def best(
        self, query: str, limit: int, filters: Any = None, user_id: str | None = None, by: SearchBy = BY_DEFAULT
    ) -> list[Found]:
        place, condition = await self._place(), _condition(limit, filters, user_id)
        return await self._found(place, dict(await self._best(place, query, limit, condition, by)))

    async def hybrid(
        self, query: str, embedding: Sequence[float], limit: int, filters: Any = None, user_id: str | None = None,
        by: SearchBy = BY_DEFAULT,
    ) -> list[Found]:  # fmt: skip
        place, condition = await self._place(), _condition(limit, filters, user_id)
        each = leg_limit(limit)
        near = await self._near(place, embedding, each, condition, by)
        best = await self._best(place, query, each, condition, by)
        sides = [number for number, _away in near], [number for number, _score in best]
        return await self._found(place, dict(fused(*sides, by.vector_weight, limit)))

    async def _near(
        self, place: SqliteVectorPlace, embedding: Sequence[float], limit: int, condition: Condition, by: SearchBy
    ) -> list[tuple[int, float]]:
        """The nearest rows' numbers and distances."""
        asked = embedding_floats(embedding, place.dimensions, place.metric)
        where = f" WHERE {condition.sql}" if condition.sql else ""
        # One row: ten thousand would take the driver three times as long.
        first = (
            "SELECT json_group_array(number), group_concat(hex(signature), ''), json_group_array(length)"
            f" FROM {place.table} AS d{where}"
        )
        columns = ("numbers", "signatures", "lengths")
        ((numbers, bits, lengths),) = await self._run(
            ("signatures", condition.sql), first, condition.parameters, *columns
        )
        signed = signatures.Signed(orjson.loads(numbers), bits or "", orjson.loads(lengths))
        chosen = signatures.promising(signed, asked, place.metric, limit)
        second = f"SELECT number, embedding, length FROM {place.table} WHERE {_AMONG}"
        vectors = await self._run("vectors", second, _numbers(chosen), "number", "embedding", "length")
        farthest_away = farthest(by.threshold, place.metric)
        found = signatures.nearest([(row[0], row[1], row[2]) for row in vectors], asked, place.metric, limit)
        return [one for one in found if one[1] <= farthest_away]

    async def _best(
        self, place: SqliteVectorPlace, query: str, limit: int, condition: Condition, by: SearchBy
    ) -> list[tuple[int, float]]:
        """The best rows' numbers and scores."""
        words = _any_word(query, prefix=by.prefix)
        if not words:
            return []
        where = f" AND {condition.sql}" if condition.sql else ""
        statement = (
            f"SELECT d.number, -bm25({place.words}) AS score FROM {place.words}"
            f" JOIN {place.table} AS d ON d.number = {place.words}.rowid"
            f" WHERE {place.words} MATCH :words{where} ORDER BY score DESC, d.id LIMIT :most"
        )
        given = {**condition.parameters, "words": words, "most": limit}
        rows = await self._run(("words", condition.sql), statement, given, "number", "score")
        return [(row[0], row[1]) for row in rows]

    async def _found(self, place: SqliteVectorPlace, scores: Mapping[int, float]) -> list[Found]:
        """The rows of those numbers, in their order; one that was deleted meanwhile is left out."""
        statement = (
            "SELECT number, id, name, meta_data, content, embedding, usage, COALESCE(updated_at, created_at)"
            f" FROM {place.table} WHERE {_AMONG}"
        )
        rows = await self._run("rows", statement, _numbers(scores), *_READ)
        read = {row[0]: _read(row, scores[row[0]]) for row in rows}
        return [read[number] for number in scores if number in read]

    async def _run(self, key: Any, statement: str, parameters: Mapping[str, Any], *columns: str) -> Sequence[Any]:
        return await self._executor.execute(self._shape(key, statement, *columns, idempotent=True), parameters)

    def _shape(self, key: Any, statement: str, *columns: str, idempotent: bool = False) -> Shape:
        made = self._shapes.get(key)
        if made is None:
            if len(self._shapes) >= _SHAPES:
                self._shapes.pop(next(iter(self._shapes)))
            name = key if isinstance(key, str) else key[0]
            built: Any = text(statement)
            built = built.columns(*(column(one) for one in columns)) if columns else built
            made = self._shapes[key] = Shape(f"vectors.{name}", built, idempotent)
        return made


# -- rows -------------------------------------------------------------------------------------------------------------

_AMONG = "number IN (SELECT value FROM json_each(:numbers))"


def _numbers(numbers: Any) -> dict[str, str]:
    return {"numbers": orjson.dumps(list(numbers)).decode()}


def _rows(
    place: SqliteVectorPlace, owner: Owner, chunks: Sequence[Chunk], filters: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Parameters with one row for each key: of two chunks with one, the later."""
    known: dict[str, tuple[Any, ...]] = {}
    for chunk in chunks:
        content = chunk.content.replace("\0", "\ufffd")
        if "\0" in f"{chunk.name}{chunk.content_id}":  # as on PostgreSQL; SQLite would cut it off
            raise InvalidValueError(_NO_TEXT)
        vector = embedding_floats(chunk.embedding, place.dimensions, place.metric)
        key = row_id(chunk.id, content, owner.content_hash, owner.user_id)
        row = (
            key, chunk.name, codec.encode({**(chunk.meta_data or {}), **(filters or {})}), content,
            None if chunk.usage is None else codec.encode(chunk.usage), chunk.content_id, signatures.length(vector),
        )  # fmt: skip
        known[key] = (row, vector.tobytes(), signatures.signature(vector))
    try:
        written = orjson.dumps([row for row, _vector, _bits in known.values()]).decode()
    except TypeError as error:
        raise InvalidValueError(_NO_TEXT, detail=str(error)) from None
    return {
        "rows": written,
        "vectors": b"".join(vector for _row, vector, _bits in known.values()),
        "signatures": b"".join(bits for _row, _vector, bits in known.values()),
        "content_hash": owner.content_hash,
        "user_id": owner.user_id,
        "filters": None if filters is None else codec.encode(filters),
        "now": _now(),
        "count": len(known),
    }


def _inserted(place: SqliteVectorPlace) -> str:
    """All rows of a batch in one statement: texts in one JSON array, vectors end to end."""
    names = (*_KEPT, "embedding", "signature", "content_hash", "user_id", "filters")
    bits = (place.dimensions + 7) // 8
    kept = ", ".join(f"json_extract(j.value, '$[{number}]')" for number in range(len(_KEPT)))
    parts = ", ".join(
        f"substr(:{what}, 1 + j.key * {width}, {width})"
        for what, width in (("vectors", place.width), ("signatures", bits))
    )
    changed = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    return (
        f"INSERT INTO {place.table} ({', '.join(names)}, created_at)"
        f" SELECT {kept}, {parts}, :content_hash, :user_id, :filters, :now FROM json_each(:rows) AS j"
        f" WHERE j.key < :count ON CONFLICT (id) DO UPDATE SET {changed}, updated_at = excluded.created_at"
    )


def _owned(owner: Owner) -> tuple[str, dict[str, Any]]:
    if owner.user_id is None:
        return "content_hash = :content_hash AND user_id IS NULL", {"content_hash": owner.content_hash}
    condition = "content_hash = :content_hash AND user_id = :user_id"
    return condition, {"content_hash": owner.content_hash, "user_id": owner.user_id}


def _condition(limit: int, filters: Any, user_id: str | None) -> Condition:
    check_limit(limit)
    return condition_of(filters, user_id, _METADATA)


def _any_word(query: str, *, prefix: bool) -> str:
    """A query of FTS5 that any of the words fulfils; nothing in it is an operator."""
    words = [word for word in _BETWEEN_WORDS.split(query) if any(map(str.isalnum, word))]
    return " OR ".join(f'"{word}"{" *" if prefix else ""}' for word in words)


def _now() -> str:
    return clock.iso_utc(datetime.now(UTC))


def _read(row: Sequence[Any], score: float) -> Found:
    _number, key, name, meta_data, content, embedding, usage, changed = row
    return Found(
        id=key,
        name=name,
        meta_data=codec.decode(meta_data),
        content=content,
        embedding=signatures.floats(embedding).tolist(),
        usage=codec.decode(usage) if usage else None,
        changed=changed,
        score=score,
    )
