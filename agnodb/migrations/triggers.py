"""The triggers that note which rows of a table were written or deleted: their SQL, for each database.

They run in whoever writes, agno included, so they do as little as can be: one insert into a table without further
indexes. On PostgreSQL they do it as the role that made them, and do nothing once that table was dropped by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agnodb.config import TRIGGER_EVENTS, object_name
from agnodb.migrations.quoting import literal

_PRESENT = {"insert": ("NEW",), "update": ("OLD", "NEW"), "delete": ("OLD",)}


@dataclass(frozen=True)
class Notes:
    """Rows of `table` that are noted in `into`, by `prefix` and their `key`; all names are quoted for SQL.

    An update counts only when it changes one of the columns `only` or the key; without `only` always. `names` are
    those of the triggers, for inserts, updates and deletes, and `truncated` that of the trigger for TRUNCATE.
    """

    table: str
    key: str
    into: str
    prefix: str
    only: Sequence[str]
    names: Sequence[str]
    quote: Callable[[str], str]
    qualified: Callable[[str], str]
    """`quote`, with the schema."""

    def made(self, dialect: str) -> list[str]:
        """The statements that make them; each may be run where they are there already."""
        return {"postgresql": self._postgresql, "sqlite": self._sqlite}[dialect]()

    def dropped(self, dialect: str) -> list[str]:
        """The statements that drop them; each may be run where they are gone already."""
        if dialect == "postgresql":
            names = [*self.names, self._truncate]
            triggers = [f"DROP TRIGGER IF EXISTS {self.quote(name)} ON {self.table}" for name in names]
            return [*triggers, f"DROP FUNCTION IF EXISTS {self.qualified(self.names[0])}()"]
        return [f"DROP TRIGGER IF EXISTS {self.qualified(name)}" for name in self.names]

    @property
    def _truncate(self) -> str:
        return object_name(f"{self.names[0]}_truncate")

    def _postgresql(self) -> list[str]:
        # Whoever may write to the table need not have rights on ours: the function has its owner's, and a search path
        # of its own, so that nobody's operators run with them. No WHEN: a column in one cannot be altered.
        insert = f"INSERT INTO {self.into} (row_key) VALUES"
        old, new = (f"{insert} ({literal(self.prefix)} || {row}.{self.key});" for row in ("OLD", "NEW"))
        same = f"IF TG_OP = 'UPDATE' AND NOT ({self._changed('IS DISTINCT FROM')}) THEN RETURN NULL; END IF; "
        body = (
            f"BEGIN {same if self.only else ''}"
            f"IF to_regclass({literal(self.into)}) IS NULL THEN RETURN NULL; END IF; "
            f"IF TG_OP = 'TRUNCATE' THEN {insert} ('all'); RETURN NULL; END IF; "
            f"IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND OLD.{self.key} <> NEW.{self.key}) THEN {old} END IF; "
            f"IF TG_OP <> 'DELETE' THEN {new} END IF; "
            "RETURN NULL; END"
        )
        function = self.qualified(self.names[0])
        made = [
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            f" SET search_path = pg_catalog, pg_temp AS {literal(body)}"
        ]
        for event, name in zip(TRIGGER_EVENTS, self.names, strict=True):
            made.append(
                f"CREATE OR REPLACE TRIGGER {self.quote(name)} AFTER {event.upper()} ON {self.table}"
                f" FOR EACH ROW EXECUTE FUNCTION {function}()"
            )
        made.append(
            f"CREATE OR REPLACE TRIGGER {self.quote(self._truncate)} AFTER TRUNCATE ON {self.table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
        return made

    def _sqlite(self) -> list[str]:
        made = []
        for event, name in zip(TRIGGER_EVENTS, self.names, strict=True):
            when = f" WHEN {self._changed('IS NOT')}" if event == "update" and self.only else ""
            keys = " UNION ".join(f"SELECT {literal(self.prefix)} || {row}.{self.key}" for row in _PRESENT[event])
            made.append(
                f"CREATE TRIGGER IF NOT EXISTS {self.quote(name)} AFTER {event.upper()} ON {self.table}{when}"
                f" BEGIN INSERT INTO {self.into} (row_key) {keys}; END"
            )
        return made

    def _changed(self, differs: str) -> str:
        return " OR ".join(f"OLD.{column} {differs} NEW.{column}" for column in (self.key, *self.only))
