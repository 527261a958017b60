"""The chain of revisions itself: no database is needed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from migration_tools import REPOSITORY

from agnodb.migrations.head import HEAD, REVISIONS
from agnodb.migrations.runner import chain

VERSIONS = REPOSITORY / "alembic" / "versions"


def test_one_head_and_it_is_known_without_alembic() -> None:
    script = chain()
    in_order = [revision.revision for revision in script.walk_revisions()][::-1]
    assert tuple(in_order) == REVISIONS
    assert script.get_heads() == [HEAD]
    assert script.get_bases() == [REVISIONS[0]]


def test_notes_tell_of_each_revision_newest_first() -> None:
    notes = (REPOSITORY / "alembic" / "NOTES.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^## (\w+):", notes, re.MULTILINE)) == REVISIONS[::-1]


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.stem)
def test_a_revision_imports_no_model_and_no_global_of_alembic(path) -> None:
    imported = re.findall(r"^(?:from|import) (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(imported) <= {"__future__", "sqlalchemy", "agnodb.migrations.operations"}
    assert re.fullmatch(r"\d{4}_[a-z0-9_]+", path.stem)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_server_loads_no_alembic() -> None:
    assert "alembic" not in loaded_by("import agnodb.migrations.boot")


def test_the_command_line_starts_light() -> None:
    modules = loaded_by("import agnodb.cli")
    assert not modules & {"alembic", "sqlalchemy", "agno", "agnodb.databases", "asyncpg"}


def test_migrations_never_load_agno() -> None:
    modules = loaded_by("import agnodb.migrations.runner, agnodb.migrations.environment, agnodb.cli")
    assert not modules & {"agno", "agnodb.databases", "agnodb.agno"}
