"""A table of embedded chunks in SQLite, and the index of their words."""

from __future__ import annotations

from dataclasses import dataclass

from agnodb.errors import ConfigurationError
from agnodb.models.vectors import literal, quoted
from agnodb.rules.vectors import Metric

_TOKENIZERS = {"english": "porter unicode61", "simple": "unicode61"}


@dataclass(frozen=True)
class SqliteVectorPlace:
    """Which table, and what is in it."""

    name: str
    dimensions: int
    metric: Metric = "cosine"
    language: str = "english"
    """Whether words are stemmed as in English, or are as they stand ("simple")."""
    schema: None = None

    def __post_init__(self) -> None:
        if not self.name or "\0" in self.name or ":" in self.name:
            raise ConfigurationError("A table of vectors needs a name, without colons.")
        if not 0 < self.dimensions <= 16_000:
            raise ConfigurationError("A vector has from 1 to 16,000 dimensions.")
        if self.language not in _TOKENIZERS:
            raise ConfigurationError('content_language is "english" or "simple": FTS5 has no other stemmer.')

    @property
    def upgrade(self) -> str:
        """What makes the table."""
        return "await store.async_create()"

    @property
    def table(self) -> str:
        """The table's name in a statement."""
        return quoted(self.name)

    @property
    def words(self) -> str:
        """The name of the index of words in a statement."""
        return quoted(self.words_name)

    @property
    def words_name(self) -> str:
        """The name of the index of words."""
        return f"{self.name}_words"

    @property
    def tokenizer(self) -> str:
        """FTS5's, as it is in the index's definition."""
        return f"tokenize={literal(_TOKENIZERS[self.language])}"

    @property
    def width(self) -> int:
        """The bytes of a vector."""
        return 4 * self.dimensions

    @property
    def check(self) -> str:
        """What the table's definition says of a vector."""
        return f"CHECK (length(embedding) = {self.width})"


def definitions(place: SqliteVectorPlace) -> list[str]:
    """The statements that make what is missing of the table, its indexes and its triggers.

    The index of signatures holds all that a first pass and its filters read. The index of words reads its texts from
    the table, and triggers keep it, so whoever writes the table writes both.
    """
    table, words = place.table, place.words
    indexed = {"name": "name", "content_hash": "content_hash, user_id", "content_id": "content_id"}
    new, old = (f"INSERT INTO {words} ({{}}rowid, content) VALUES ({{}}{row}.number, {row}.content)" for row in
                ("NEW", "OLD"))  # fmt: skip
    add, remove = new.format("", ""), old.format(f"{words}, ", "'delete', ")
    return [
        f"CREATE TABLE IF NOT EXISTS {table} (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT,"
        " content_hash TEXT, content_id TEXT, user_id TEXT, created_at TEXT, updated_at TEXT,"
        " length REAL NOT NULL, signature BLOB NOT NULL, meta_data TEXT NOT NULL DEFAULT '{}', filters TEXT,"
        f" usage TEXT, embedding BLOB NOT NULL {place.check}, content TEXT NOT NULL)",
        *(
            f"CREATE INDEX IF NOT EXISTS {quoted(f'idx_{place.name}_{column}')} ON {table} ({what})"
            for column, what in indexed.items()
        ),
        f"CREATE INDEX IF NOT EXISTS {quoted(f'idx_{place.name}_signature')} ON {table}"
        " (user_id, signature, length, meta_data)",
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {words} USING fts5(content, content={literal(place.name)},"
        f" content_rowid='number', {place.tokenizer})",
        f"CREATE TRIGGER IF NOT EXISTS {quoted(f'{place.name}_added')} AFTER INSERT ON {table} BEGIN {add}; END",
        f"CREATE TRIGGER IF NOT EXISTS {quoted(f'{place.name}_removed')} AFTER DELETE ON {table} BEGIN {remove}; END",
        f"CREATE TRIGGER IF NOT EXISTS {quoted(f'{place.name}_changed')} AFTER UPDATE OF content ON {table}"
        f" BEGIN {remove}; {add}; END",
    ]
