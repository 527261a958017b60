"""One thing that was found, how bad it is, and what mends it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.dialects import registry

from agnodb.config import Layout


class Severity(StrEnum):
    """From what is well to what fails already."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    WARNING = "warning"
    """It works, and will not for ever."""
    ERROR = "error"
    """agnodb does not work like this, or not all of it."""


@dataclass(frozen=True)
class Finding:
    """`check` is the same word every time, for programs; `mend` is a command, or a sentence that starts with one."""

    check: str
    severity: Severity
    message: str
    mend: str | None = None

    @property
    def needs_action(self) -> bool:
        """Whether a pipeline should stop here."""
        return self.severity in (Severity.WARNING, Severity.ERROR)


@dataclass(frozen=True)
class Commands:
    """agnodb's own commands for one database, as its operator would write them."""

    layout: Layout
    url: str | None = None
    """The URL without its password; None where the commands find it as this one did, in the environment."""
    direct: str | None = None
    """The same past a pooler, where it is known."""
    options: str = ""
    """Further options, which name the database where the layout does not."""

    def agnodb(self, command: str, *, pooled: bool = False) -> str:
        """E.g. ``agnodb upgrade --url sqlite:///x.db --table session_table=chats``.

        `pooled`: there is a pooler that the command must go past.
        """
        url = (self.direct or "THE-SERVER-ITSELF") if pooled else self.url
        place = f"--url {shlex.quote(url)}" if url else ""
        return " ".join(word for word in ("agnodb", command, place, self.options, self.layout.options()) if word)

    def sql(self, *statements: str) -> str:
        """Statements to run as a role that may."""
        return " ".join(f"{statement};" for statement in statements)

    def name(self, table: str) -> str:
        """A table as SQL writes it."""
        return f"{quoted(self.layout.schema)}.{quoted(table)}" if self.layout.schema else quoted(table)


def quoted(name: str) -> str:
    """`name` as an SQL identifier, in quotes only where it needs them."""
    return str(registry.load("postgresql")().identifier_preparer.quote(name))
