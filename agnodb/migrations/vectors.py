"""Tables of vectors: made, extended while they are in use, and indexed.

They have no revision: a table is what its columns and indexes are, and each step makes only what is missing, so it is
safe to run twice, and in several processes at once (one works, the others wait). A table that agno's PgVector made
gets its words in a plain column that a trigger keeps: a generated one would be computed for all rows under an
exclusive lock. The rows that are there follow in batches, and indexes are built concurrently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.schema import CreateIndex, CreateTable

from agnodb.config import Layout, TableNames, object_name
from agnodb.errors import ConfigurationError, SchemaOutdatedError
from agnodb.migrations.building import told
from agnodb.migrations.locks import migrating
from agnodb.models.bm25 import index_name
from agnodb.models.vectors import LEXEMES, VectorPlace, lexemes_of, literal, quoted, vector_table
from agnodb.sql.vector_search import indexed

Show = Callable[[str], None]

_BATCH = 2_000
_COLUMNS = {"id", "name", "meta_data", "filters", "content", "embedding", "usage", "created_at", "updated_at"} | {
    "content_hash", "content_id", "user_id",
}  # fmt: skip
_OPCLASSES = {"cosine": "cosine", "l2": "l2", "max_inner_product": "ip"}


@dataclass(frozen=True)
class _State:
    """What is there."""

    extension: str | None
    """The schema of pgvector."""
    bm25_schema: str | None
    """The schema of the extension that ranks words."""
    columns: dict[str, str]
    """Name -> type; none where there is no table."""
    language: str | None
    indexes: dict[str, bool]
    """Name -> whether it is valid."""
    kinds: dict[str, str]
    """Name -> its method and class of operators, see `_kind`."""
    options: dict[str, set[str]]
    """Name -> what it was told."""
    words: bool
    """Whether something keeps the column of words: it is generated, or has our trigger."""
    unfilled: bool
    """Whether there are rows whose words have not been read yet."""

    def complete(self, place: VectorPlace) -> bool:
        """Whether nothing is missing. The index of the vectors is not: without it they are compared one by one."""
        wanted = {str(index.name) for index in vector_table(place).indexes}
        return (
            self.extension is not None
            and (place.bm25 is None or self.bm25_schema is not None)
            and self.columns.keys() >= _COLUMNS
            and all(self.indexes.get(name, False) for name in wanted)
            and (not place.lexemes or (self.words and not self.unfilled))
        )


async def ensure_vectors(
    engine: Any, place: VectorPlace, *, create: bool = True, show: Show = lambda _: None
) -> VectorPlace:
    """`place` as it is found, once its table has all that it needs.

    What is missing is made, unless `create` is False: then SchemaOutdatedError, with the command. Raises
    ConfigurationError for a table of another number of dimensions or language, or where pgvector cannot be had.
    """
    async with engine.connect() as connection:
        state = await _look(connection, place)
        await connection.rollback()
    if not state.complete(place):
        if not create:
            raise SchemaOutdatedError(command=place.upgrade)
        async with migrating(engine, _layout(place)) as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            state = await _complete(engine, connection, place, await _look(connection, place), show)
            await connection.rollback()
    _check(place, state)
    return place.extended_by(str(state.extension), state.bm25_schema)


async def index_vectors(
    engine: Any,
    place: VectorPlace,
    options: Sequence[tuple[str, int]],
    *,
    again: bool = False,
    show: Show = lambda _: None,
    warn: Show = lambda _: None,
) -> None:
    """Build the index of the vectors while the table is in use, if it is missing or `again`.

    `options` are those of the method. Phases and percents are shown every second; that `maintenance_work_mem` is too
    small is warned of, before it begins.
    """
    async with migrating(engine, _layout(place)) as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        state = await _look(connection, place)
        if state.extension is None or not state.columns:
            raise SchemaOutdatedError(command=place.upgrade)
        name = _index_name(place, state)
        if state.indexes.get(name, False) and not again:
            return
        if name in state.indexes:
            await _run(connection, f"DROP INDEX CONCURRENTLY {quoted(place.schema)}.{quoted(name)}")
        there = place.extended_by(state.extension, state.bm25_schema)
        rows = await connection.scalar(text(f"SELECT count(*) FROM {_table(place)}"))
        await _warn_of_memory(connection, place, rows, warn)
        show(f"index {name}: {rows} rows")
        chosen = dict(options)
        if place.method == "ivfflat" and "lists" not in chosen:
            chosen["lists"] = max(1, rows // 1000)
        how = ", ".join(f"{option} = {value}" for option, value in chosen.items())
        async with told(engine, connection, name, show):
            await _run(
                connection,
                f"CREATE INDEX CONCURRENTLY {quoted(name)} ON {_table(place)} USING {place.method}"
                f" (({indexed(there, 'embedding')}) {_opclass(there)}){f' WITH ({how})' if how else ''}",
            )
        # New words wait in a list that every search would read, so the planner thinks little of their index.
        await _run(connection, f"VACUUM (ANALYZE) {_table(place)}")
        show(f"index {name} is built")


async def drop_vectors(engine: Any, place: VectorPlace) -> None:
    """Drop the table, if it is there."""
    async with migrating(engine, _layout(place)) as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await _run(connection, f"DROP TABLE IF EXISTS {_table(place)}")
        await _run(connection, f"DROP FUNCTION IF EXISTS {_function(place)}()")


def _index_name(place: VectorPlace, state: _State) -> str:
    """The name of the index of the vectors: of one that is there, whoever made it; or agno's, where that is free.

    agno has one name for the indexes of all metrics.
    """
    for name, kind in state.kinds.items():
        if kind == _kind(place):
            return name
    quantization = "" if place.quantization is None else f"_{place.quantization}"
    plain = object_name(f"{place.name}_{place.method}{quantization}_index")
    return plain if plain not in state.kinds else object_name(f"{place.name}_{place.method}_{_operators(place)}_index")


# -- looking --------------------------------------------------------------------------------------------------------


async def _look(connection: Any, place: VectorPlace) -> _State:
    extension = await connection.scalar(text(_LOOK_EXTENSION), {"name": "vector"})
    bm25_schema = await connection.scalar(text(_LOOK_EXTENSION), {"name": place.bm25})
    named = {"schema": place.schema, "name": place.name}
    columns = await connection.execute(text(_LOOK_COLUMNS), named)
    found = {name: (kind, comment) for name, kind, comment in columns.fetchall()}
    indexes = (await connection.execute(text(_LOOK_INDEXES), named)).fetchall()
    kind, comment = found.get(LEXEMES, (None, None))
    words = bool(await connection.scalar(text(_LOOK_WORDS), {**named, "trigger": _trigger(place)}))
    unfilled = False
    if kind is not None and place.lexemes:
        unfilled = await connection.scalar(
            text(f"SELECT EXISTS (SELECT 1 FROM {_table(place)} WHERE {LEXEMES} IS NULL AND content IS NOT NULL)")
        )
    return _State(
        extension=extension,
        bm25_schema=bm25_schema,
        columns={name: kind for name, (kind, _comment) in found.items()},
        language=comment,
        indexes={name: valid for name, valid, _, _ in indexes},
        kinds={name: kind for name, _, kind, _ in indexes},
        options={name: set(told or ()) for name, _, _, told in indexes},
        words=words,
        unfilled=unfilled,
    )


_LOOK_EXTENSION = (
    "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = CAST(:name AS text)"
)
_LOOK_COLUMNS = (
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relname = :name AND a.attnum > 0 AND NOT a.attisdropped"
)
_LOOK_INDEXES = (
    "SELECT i.relname, x.indisvalid, a.amname || ' ' || o.opcname, i.reloptions"
    " FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid"
    " JOIN pg_am a ON a.oid = i.relam JOIN pg_opclass o ON o.oid = x.indclass[0]"
    " JOIN pg_class c ON c.oid = x.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relname = :name"
)

_LOOK_WORDS = (
    "SELECT a.attgenerated = 's' OR EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = :trigger)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    f" WHERE n.nspname = :schema AND c.relname = :name AND a.attname = '{LEXEMES}' AND NOT a.attisdropped"
)


def _check(place: VectorPlace, state: _State) -> None:
    kind = state.columns.get("embedding", "")
    if not kind.endswith(f"vector({place.dimensions})"):
        raise ConfigurationError(
            f"The table's embeddings are {kind or 'missing'}, and the embedder makes {place.dimensions} dimensions."
        )
    ours = not place.lexemes or state.language in (None, _comment(place))
    told = state.options.get(index_name(place.name), set())
    if not ours or not told >= {f"{name}={value}" for name, value in place.bm25_options.items()}:
        raise ConfigurationError("The table's words were read in another language than content_language says.")


# -- making ---------------------------------------------------------------------------------------------------------


async def _complete(engine: Any, connection: Any, place: VectorPlace, state: _State, show: Show) -> _State:
    if state.extension is None:
        await _extend(connection, "vector")
    if place.bm25 is not None and state.bm25_schema is None:
        await _extend(connection, place.bm25)
    if not state.columns:
        await _create(connection, place, await _look(connection, place))
        show(f"table {place.name} made")
        return await _look(connection, place)
    for name in sorted(_COLUMNS - state.columns.keys()):
        kind = {"user_id": "varchar", "meta_data": "jsonb DEFAULT '{}'", "filters": "jsonb", "usage": "jsonb"}.get(name)
        stamped = "timestamptz" if name.endswith("_at") else "varchar"
        if name in ("id", "embedding", "content"):
            raise ConfigurationError(f"The table {place.name} has no column {name}: it holds no vectors of agno's.")
        await _run(connection, f"ALTER TABLE {_table(place)} ADD COLUMN IF NOT EXISTS {name} {kind or stamped}")
    if place.lexemes:
        if not state.words:
            await _add_words(connection, place)
        await _fill(connection, place, show)
    await _index(engine, connection, place, state, show)
    return await _look(connection, place)


async def _extend(connection: Any, name: str) -> None:
    offered = text("SELECT count(*) FROM pg_available_extensions WHERE name = :name")
    if not await connection.scalar(offered, {"name": name}):
        raise ConfigurationError(f"The server has no extension {name}: install it, or ask whoever runs the server.")
    await _run(connection, f"CREATE EXTENSION IF NOT EXISTS {name}")


async def _create(connection: Any, place: VectorPlace, state: _State) -> None:
    """All of the table in one transaction."""
    table = vector_table(place)
    dialect = connection.dialect if hasattr(connection, "dialect") else connection.sync_connection.dialect
    made = [str(CreateTable(table, if_not_exists=True).compile(dialect=dialect))]
    made += [str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect)) for index in table.indexes]
    if place.lexemes:
        made.append(f"COMMENT ON COLUMN {_table(place)}.{LEXEMES} IS {literal(_comment(place))}")
    await _run(connection, f"CREATE SCHEMA IF NOT EXISTS {quoted(place.schema)}")
    await _run(connection, "BEGIN")
    try:
        path = f"{quoted(place.schema)}, {quoted(str(state.extension))}"  # where the type is found
        for statement in (f"SET LOCAL search_path = {path}", *made, "COMMIT"):
            await _run(connection, statement)
    except BaseException:
        await connection.invalidate()
        raise


async def _add_words(connection: Any, place: VectorPlace) -> None:
    function, body = _function(place), lexemes_of(place, "NEW.content")
    for statement in (
        "SET lock_timeout = '5s'",
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $words$ BEGIN"
        f" NEW.{LEXEMES} := {body}; RETURN NEW; END $words$",
        f"ALTER TABLE {_table(place)} ADD COLUMN IF NOT EXISTS {LEXEMES} tsvector",
        f"COMMENT ON COLUMN {_table(place)}.{LEXEMES} IS {literal(_comment(place))}",
        f"CREATE OR REPLACE TRIGGER {quoted(_trigger(place))} BEFORE INSERT OR UPDATE OF content"
        f" ON {_table(place)} FOR EACH ROW EXECUTE FUNCTION {function}()",
        "SET lock_timeout = 0",
    ):
        await _run(connection, statement)


async def _fill(connection: Any, place: VectorPlace, show: Show) -> None:
    """Read the words of the rows that have none yet, some at a time: a row is locked for as long as its batch runs."""
    table, done = _table(place), 0
    statement = text(
        f"WITH batch AS (SELECT id FROM {table} WHERE id > :last AND {LEXEMES} IS NULL AND content IS NOT NULL"
        f" ORDER BY id LIMIT {_BATCH}), filled AS (UPDATE {table} AS d SET {LEXEMES} = {lexemes_of(place, 'd.content')}"
        " FROM batch WHERE d.id = batch.id RETURNING d.id) SELECT count(*), max(id) FROM filled"
    )
    last = ""
    while True:
        ((count, highest),) = (await connection.execute(statement, {"last": last})).fetchall()
        if not count:
            return
        last, done = highest, done + count
        show(f"words of {done} rows read")


async def _index(engine: Any, connection: Any, place: VectorPlace, state: _State, show: Show) -> None:
    dialect = connection.sync_connection.dialect
    for index in sorted(vector_table(place).indexes, key=lambda i: str(i.name)):
        name = str(index.name)
        if state.indexes.get(name, False):
            continue
        if name in state.indexes:  # a build that was interrupted left it invalid
            await _run(connection, f"DROP INDEX CONCURRENTLY {quoted(place.schema)}.{quoted(name)}")
        show(f"index {name}")
        made = str(CreateIndex(index).compile(dialect=dialect))
        async with told(engine, connection, name, show):
            await _run(connection, made.replace("CREATE INDEX ", "CREATE INDEX CONCURRENTLY ", 1))


async def _warn_of_memory(connection: Any, place: VectorPlace, rows: int, warn: Show) -> None:
    """HNSW is built in memory for as long as it has room, then several times slower."""
    if place.method != "hnsw":
        return
    width = {"halfvec": 2.0, "binary": 0.125}.get(place.quantization or "", 4.0) * place.dimensions
    needed = int(rows * (width + 300) / 1024)
    allowed = await connection.scalar(
        text("SELECT setting::bigint FROM pg_settings WHERE name = 'maintenance_work_mem'")
    )
    if needed > allowed:
        warn(f"maintenance_work_mem is {allowed // 1024} MB; with {needed // 1024 + 1} MB this is about twice as fast")


async def _run(connection: Any, statement: str) -> None:
    await connection.exec_driver_sql(statement)


def _opclass(place: VectorPlace) -> str:
    return f"{quoted(place.extension)}.{_operators(place)}"


def _operators(place: VectorPlace) -> str:
    """The class of operators of the index, as pgvector names it."""
    if place.quantization == "binary":
        return "bit_hamming_ops"
    return f"{place.quantization or 'vector'}_{_OPCLASSES[place.metric]}_ops"


def _kind(place: VectorPlace) -> str:
    return f"{place.method} {_operators(place)}"


def _table(place: VectorPlace) -> str:
    return f"{quoted(place.schema)}.{quoted(place.name)}"


def _trigger(place: VectorPlace) -> str:
    return object_name(f"{place.name}_{LEXEMES}")


def _function(place: VectorPlace) -> str:
    return f"{quoted(place.schema)}.{quoted(_trigger(place))}"


def _comment(place: VectorPlace) -> str:
    return f"words in {place.language}"


def _layout(place: VectorPlace) -> Layout:
    return Layout(schema=place.schema, names=TableNames())
