"""What importing agnodb loads, what its public names are, and that each of them says what it is."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import agnodb
from agnodb import errors

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "agnodb"

DRIVERS = frozenset(
    {
        "aiobotocore",
        "aiomysql",
        "aiosqlite",
        "asyncpg",
        "boto3",
        "botocore",
        "google",
        "psycopg",
        "pymysql",
        "redis",
        "sqlite3",
    }
)
DATABASES = (
    "Dynamo",
    "Firestore",
    "GCSJson",
    "GcsJson",
    "InMemory",
    "Json",
    "Mongo",
    "MySQL",
    "Postgres",
    "Redis",
    "SingleStore",
    "Sqlite",
)
HEAVY = frozenset({"sqlalchemy", "alembic", "agno", "orjson", "pydantic", "typer", "rich"})

# -- what is loaded ---------------------------------------------------------------------------------------------


def python(code: str, cwd: Path = REPOSITORY) -> set[str]:
    """Runs `code` in a new process; the modules that it has loaded at its end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AGNODB_")}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_agnodb_loads_nothing_else() -> None:
    loaded = python("import agnodb")
    assert not loaded & (DRIVERS | HEAVY)
    assert {name for name in loaded if name.partition(".")[0] == "agnodb"} == {"agnodb"}


def test_an_error_can_be_caught_without_a_database() -> None:
    assert not python("from agnodb import UnavailableError, MissingDriverError") & (DRIVERS | HEAVY)


def test_the_command_line_loads_no_database() -> None:
    loaded = python("import agnodb.cli")
    assert not loaded & (DRIVERS | {"sqlalchemy", "alembic", "agno", "agnodb.databases", "agnodb.agno", "agnodb.demo"})


def test_a_database_loads_its_driver_when_it_connects() -> None:
    imported = python("from agnodb import AsyncPostgresDb")
    assert not imported & {"asyncpg", "alembic", "agnodb.migrations.runner"}
    made = python("from agnodb import AsyncPostgresDb\nAsyncPostgresDb(db_url='postgresql://u:p@localhost/x')")
    assert not made & {"asyncpg", "alembic", "agnodb.migrations.runner"}
    assert not python("from agnodb import AsyncSqliteDb\nAsyncSqliteDb(db_file='x.db')") & {"aiosqlite", "alembic"}


def test_a_server_whose_schema_is_at_head_never_loads_alembic(tmp_path: Path) -> None:
    call = (
        "import asyncio\n"
        "from agnodb import AsyncSqliteDb\n"
        "async def main():\n"
        "    async with AsyncSqliteDb(db_file='x.db') as db:\n"
        "        await db.create_tables()\n"
        "        assert await db.sessions.get('s') is None\n"
        "        async with db.transaction() as tx:\n"
        "            assert await tx.memories.get('m') is None\n"
        "asyncio.run(main())"
    )
    assert "alembic" in python(call, tmp_path)
    assert not python(call, tmp_path) & {"alembic", "mako", "agnodb.migrations.runner"}


# -- the public names -------------------------------------------------------------------------------------------


def for_type_checkers() -> set[str]:
    """The names that `agnodb/__init__.py` imports for type checkers."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_all_is_exactly_the_public_names() -> None:
    public = {name for name, value in vars(errors).items() if isinstance(value, type) and not name.startswith("_")}
    public -= {"Any", "ClassVar"}
    public |= {f"{way}{name}Db" for way in ("", "Async") for name in DATABASES}
    public |= {"WriteFailure", "__version__"}
    assert list(agnodb.__all__) == sorted(public)
    assert for_type_checkers() == public - {"__version__"}
    assert dir(agnodb) == sorted(public)


@pytest.mark.parametrize("name", agnodb.__all__)
def test_a_public_name_can_be_imported(name: str) -> None:
    value = getattr(agnodb, name)
    if isinstance(value, type):
        assert value.__qualname__ == name.replace("GCS", "Gcs")
        assert getattr(importlib.import_module(value.__module__), name) is value
    assert vars(agnodb)[name] is value  # the second time, no import is looked up


def test_any_other_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_that"):
        _ = agnodb.nothing_like_that
    with pytest.raises(ImportError):
        exec("from agnodb import nothing_like_that")
    namespace: dict[str, Any] = {}
    exec("from agnodb import *", namespace)
    assert set(agnodb.__all__) <= set(namespace)


def test_the_version_is_the_one_of_the_distribution() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\nversion = "{agnodb.__version__}"\n' in project
    assert (PACKAGE / "py.typed").exists()


# -- docstrings -------------------------------------------------------------------------------------------------

MODULES = sorted(PACKAGE.rglob("*.py"))


@dataclass(frozen=True)
class Definition:
    """A public class, function or method without a docstring."""

    module: str
    owners: tuple[ast.ClassDef, ...]
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

    @property
    def path(self) -> str:
        return ".".join([self.module, *(owner.name for owner in self.owners), self.node.name])


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def undocumented(body: list[ast.stmt], module: str, owners: tuple[ast.ClassDef, ...] = ()) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, ast.If):  # `if TYPE_CHECKING: ... else: ...`
            yield from undocumented([*node.body, *node.orelse], module, owners)
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield Definition(module, owners, node)
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, module, (*owners, node))


def is_told_elsewhere(missing: Definition) -> bool:
    """Whether a reader knows where to look: see each case."""
    if not missing.owners and missing.node.name.startswith("pytest_"):
        return True  # pytest's documentation says what a hook of that name is
    if not missing.owners:
        # A module of agnodb.models is one table, and its docstring says which.
        return missing.module.startswith("agnodb.models.") and isinstance(missing.node, ast.ClassDef)
    if "`agnodb." in (ast.get_docstring(missing.owners[-1]) or ""):
        return True  # "See `agnodb.contracts.sessions.SessionRepository`."
    if missing.node.name.startswith("test_"):
        return True  # the name of a test of the conformance suite is its sentence
    if any(isinstance(decorator, ast.Name) and decorator.id == "property" for decorator in missing.node.decorator_list):
        return True  # an attribute, which its name and its type may tell
    return overrides_a_documented_one(missing)


@cache
def classes() -> list[type]:
    """Every class of agnodb that is loaded with the databases and the suites."""
    for module in ("agnodb.databases.postgres", "agnodb.databases.sqlite", "agnodb.testing.conformance"):
        importlib.import_module(module)
    modules = [module for name, module in sys.modules.items() if name.startswith("agnodb.")]
    return [value for module in modules for value in vars(module).values() if isinstance(value, type)]


def overrides_a_documented_one(missing: Definition) -> bool:
    """Whether a base of the class, or of a class that it is mixed into, documents the method or is not ours."""
    name = missing.node.name
    owner = getattr(importlib.import_module(missing.module), missing.owners[0].name)
    mixed = [owner, *(kind for kind in classes() if owner in kind.__mro__)]
    defining = {base for kind in mixed for base in kind.__mro__ if name in vars(base)}
    return any(vars(base)[name].__doc__ or not base.__module__.startswith("agnodb") for base in defining)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_every_module_and_public_name_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module has no docstring"
    missing = undocumented(tree.body, module_name(path))
    assert [definition.path for definition in missing if not is_told_elsewhere(definition)] == []
