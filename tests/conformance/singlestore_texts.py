"""What goes to SingleStore, as its own dialect of SQLAlchemy compiles it and sqlglot reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlglot
from sqlalchemy import SelectBase, UpdateBase
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy_singlestoredb.base import SingleStoreDBDialect
from sqlglot import exp

from agnodb.mysql_drivers import is_singlestore


@contextmanager
def texts_for_singlestore() -> Iterator[Callable[[], set[str]]]:
    """A function that gives the text of each statement that was compiled for SingleStore while the block runs: whatever
    is sent is compiled once, on the driver too."""
    compiled: list[Any] = []
    made = SQLCompiler.__init__

    def noted(self: Any, dialect: Any, statement: Any, *further: Any, **named: Any) -> None:
        if is_singlestore(dialect) and isinstance(statement, (SelectBase, UpdateBase)):
            compiled.append(statement)
        made(self, dialect, statement, *further, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SQLCompiler, "__init__", noted)
        yield lambda: {_text(statement) for statement in compiled}


def _text(statement: Any) -> str:
    return str(statement.compile(dialect=SingleStoreDBDialect(paramstyle="named")))


def refused(text: str) -> bool:
    """Whether sqlglot cannot read it, or it says what SingleStore does not know."""
    plain = re.sub(r"(?<![:\w]):(\w)", r":p_\1", text.replace("%%", "%"))  # a bind may be called FROM
    plain = plain.replace("__[POSTCOMPILE_", ":p_").replace("]", "")
    parsed = sqlglot.parse_one(plain, dialect="singlestore")
    values = parsed.find(exp.Values) if isinstance(parsed, exp.Insert) else None
    computed = values is not None and values.find(exp.Select, exp.Func) is not None
    return isinstance(parsed, exp.Command) or computed or "SKIP LOCKED" in text or "ESCAPE" in text
