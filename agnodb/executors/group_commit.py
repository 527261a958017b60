"""Writes to a file of SQLite that wait for each other: they share one transaction, and so one flush to disk.

Each is a statement of its own all the same. One that fails is undone alone, as SQLite does, and where the transaction
cannot be committed nothing of it is stored: who finds no rows runs its statement by itself, and is told there.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from typing import Any

MOST = 32
"""Writes of one transaction: the first of them waits for the last."""


class Write:
    """A statement that waits for its turn."""

    __slots__ = ("alone", "rows", "taken", "text", "values")

    def __init__(self, text: str, values: Sequence[Any]) -> None:
        self.text, self.values = text, values
        self.rows: Sequence[Any] | None = None
        """None until it is stored."""
        self.taken = False
        """Whether a transaction with it is under way."""
        self.alone = False
        """Whether it is to be run by itself: a transaction with it, or the statement in it, has failed."""


def commit(connection: sqlite3.Connection, writes: Sequence[Write]) -> None:
    """Run `writes` in one transaction. Whatever it raises, none of them is stored."""
    connection.isolation_level = None
    connection.execute("BEGIN IMMEDIATE")
    found: list[tuple[Write, Sequence[Any]]] = []
    try:
        for write in writes:
            try:
                found.append((write, connection.execute(write.text, write.values).fetchall()))
            except Exception:
                if not connection.in_transaction:  # it took the others along
                    raise
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
        raise
    for write, rows in found:
        write.rows = rows
