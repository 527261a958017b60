"""The wheel alone: installed in a fresh venv without agno, away from the checkout, it migrates and stores."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from agnodb import __version__
from agnodb.migrations.head import HEAD

REPOSITORY = Path(__file__).parents[2]

PROGRAM = '''
import asyncio
import importlib.util
import sys

import agnodb
from agnodb.errors import NotFoundError, OwnershipError
from agnodb.filters import Page
from agnodb.records.runs import RunRecord
from agnodb.records.sessions import SessionRecord

url = sys.argv[1]
assert importlib.util.find_spec("agno") is None
assert "site-packages" in agnodb.__file__, agnodb.__file__


def database():
    if url.startswith("postgresql"):
        return agnodb.AsyncPostgresDb(db_url=url)
    return agnodb.AsyncSqliteDb(db_url=url)


def a_session(session_id, **fields):
    return SessionRecord(session_id=session_id, **{"session_type": "agent", "user_id": "alice", **fields})


def a_run(run_id, session_id="s", **fields):
    given = {"run_type": "agent", "user_id": "alice", "status": "COMPLETED", "run_data": {"run_id": run_id}, **fields}
    return RunRecord(run_id=run_id, session_id=session_id, **given)


async def on_repositories(db):
    stored = await db.sessions.upsert(a_session("s", session_data={"session_name": "Lisbon", "nan": float("nan")}))
    assert stored.created_at and await db.sessions.get("s") is not None
    assert [(await db.runs.upsert(a_run(run_id))).run_index for run_id in ("r0", "r1")] == [0, 1]
    assert await db.runs.of_session("s") == [{"run_id": "r0"}, {"run_id": "r1"}]
    (found,), total = await db.sessions.page(Page(limit=10, page=1), name="isb")
    assert (found.session_id, total) == ("s", 1)
    try:
        await db.sessions.upsert(a_session("s", user_id="bob"))
    except OwnershipError:
        pass
    else:
        raise AssertionError("bob wrote to the session of alice")


async def in_a_transaction(db):
    async with db.transaction() as tx:
        await tx.sessions.upsert(a_session("both"))
        await tx.runs.upsert(a_run("of both", "both"))
    try:
        async with db.transaction() as tx:
            await tx.sessions.upsert(a_session("neither"))
            await tx.runs.upsert(a_run("r", "no such session"))
    except NotFoundError:
        pass
    else:
        raise AssertionError("a run without a session was stored")
    assert await db.sessions.get("neither") is None
    assert await db.runs.of_session("both") == [{"run_id": "of both"}]


async def on_flat_methods(db):
    """agno's methods; what they take and give is records."""
    saved = await db.upsert_session(a_session("flat", session_data={"session_name": "Porto"}))
    assert isinstance(saved, SessionRecord) and saved.session_id == "flat"
    await db.upsert_run(a_run("r2"), session_id="flat", user_id="alice")
    read = await db.get_session("flat", user_id="alice")
    assert read.session_data == {"session_name": "Porto"}
    assert (await db.get_session("flat", deserialize=False))["runs"] == [{"run_id": "r2"}]
    assert isinstance(await db.get_run("r2"), RunRecord)
    assert await db.get_session("flat", user_id="bob") is None
    sessions, total = await db.get_sessions(session_name="port", deserialize=False)
    assert (sessions[0]["session_id"], total) == ("flat", 1)
    assert (await db.rename_session("flat", "agent", "Faro")).session_data == {"session_name": "Faro"}
    assert await db.update_run_in_session("flat", "r2", {"content": "hi"}) == "updated"
    assert (await db.get_run("r2")).run_data["content"] == "hi"
    memory = {"memory_id": "m", "memory": "likes tea", "user_id": "alice", "topics": ["tea"]}
    assert (await db.upsert_user_memory(memory)).memory == "likes tea"
    assert await db.get_all_memory_topics() == ["tea"]
    assert await db.delete_session("flat", user_id="alice") is True
    assert await db.get_run("r2") is None


async def main():
    async with database() as db:
        await on_repositories(db)
        await in_a_transaction(db)
        await on_flat_methods(db)
    # The tables were there: a server at head needs no Alembic.
    loaded = {"agno", "alembic"} & set(sys.modules)
    assert not loaded, loaded


asyncio.run(main())
print("stored")
'''


@dataclass(frozen=True)
class Installed:
    """The wheel, and a venv that has it."""

    wheel: Path
    folder: Path

    def run(self, command: str, *arguments: str, cwd: Path, code: int = 0) -> str:
        """The output of a command of the venv, which must exit with `code`."""
        # Settings of whoever runs the tests, and anything that could lead to the checkout, stay outside.
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AGNODB_", "PYTHON", "VIRTUAL_ENV"))}
        done = subprocess.run(
            [str(_scripts(self.folder) / command), *arguments],
            cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, f"{command} {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}"
        return done.stdout


def _scripts(folder: Path) -> Path:
    return folder / ("Scripts" if sys.platform == "win32" else "bin")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The checkout as a wheel, in a venv that has that and what it depends on, and nothing else."""
    place = tmp_path_factory.mktemp("wheel")
    venv.create(place / "venv", with_pip=True)
    pip = Installed(place, place / "venv")
    quiet = ("--quiet", "--disable-pip-version-check")
    pip.run("pip", "wheel", *quiet, "--no-deps", "--wheel-dir", str(place), str(REPOSITORY), cwd=place)
    (wheel,) = place.glob("agnodb-*.whl")
    pip.run("pip", "install", *quiet, f"{wheel}[postgres]", cwd=place)
    return Installed(wheel, place / "venv")


def test_the_wheel_has_the_package_and_its_migrations_and_nothing_else(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = wheel.namelist()
    dist_info = f"agnodb-{__version__}.dist-info/"
    assert {name.partition("/")[0] for name in names} == {"agnodb", dist_info.rstrip("/")}
    assert len(names) == len(set(names))
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".db", ".sqlite"))]
    revisions = {f"agnodb/_alembic/versions/{path.name}" for path in (REPOSITORY / "alembic/versions").glob("*.py")}
    alembic = {"agnodb/_alembic/env.py", "agnodb/_alembic/script.py.mako", *revisions}
    assert alembic | {"agnodb/py.typed", f"{dist_info}licenses/LICENSE"} <= set(names)
    modules = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "agnodb").rglob("*.py")}
    in_wheel = {name for name in names if name.endswith(".py") and not name.startswith("agnodb/_alembic/")}
    assert in_wheel == modules
    assert not [name for name in names if name.partition("/")[2].startswith(("tests/", "benchmarks/", "docs/"))]


def test_what_it_needs_is_installed_with_it_and_agno_is_not(installed: Installed, tmp_path: Path) -> None:
    code = "import sys, importlib.util as u; print(*(n for n in sys.argv[1:] if u.find_spec(n) is None))"
    needed = ("sqlalchemy", "alembic", "aiosqlite", "orjson", "typer", "rich", "asyncpg", "psycopg")
    absent = installed.run("python", "-c", code, *needed, "agno", "pytest", cwd=tmp_path)
    assert absent.split() == ["agno", "pytest"]
    installed.run("pip", "--disable-pip-version-check", "check", cwd=tmp_path)
    assert installed.run("agnodb", "--version", cwd=tmp_path).strip() == f"agnodb {__version__}"


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_it_migrates_and_stores(
    installed: Installed, backend: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    url = request.getfixturevalue("postgres_url") if backend == "postgresql" else "sqlite:///x.db"
    installed.run("agnodb", "check", "--url", url, cwd=folder, code=1)
    assert f"{HEAD} (head)" in installed.run("agnodb", "upgrade", "--url", url, cwd=folder)
    assert "nothing differs" in installed.run("agnodb", "check", "--url", url, cwd=folder)
    assert (folder / "x.db").exists() == (backend == "sqlite")
    (folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    assert "stored" in installed.run("python", "program.py", url, cwd=folder)
    # What the program did left the schema as it was.
    assert "nothing differs" in installed.run("agnodb", "check", "--url", url, cwd=folder)
    installed.run("agnodb", "downgrade", "base", "--url", url, cwd=folder)
    assert installed.run("agnodb", "current", "--url", url, cwd=folder).strip() == "none"


def test_the_first_boot_of_a_program_makes_the_tables_too(installed: Installed, tmp_path: Path) -> None:
    code = (
        "import asyncio; from agnodb import AsyncSqliteDb\n"
        "async def main():\n"
        "    async with AsyncSqliteDb(db_file='data/new.db') as db:\n"
        "        assert await db.sessions.get('s') is None\n"
        "asyncio.run(main())"
    )
    installed.run("python", "-c", code, cwd=tmp_path)
    assert "nothing differs" in installed.run("agnodb", "check", "--url", "sqlite:///data/new.db", cwd=tmp_path)


def test_the_wheel_says_that_the_demo_needs_more(installed: Installed, tmp_path: Path) -> None:
    output = installed.run("agnodb", "demo", cwd=tmp_path, code=2)
    assert "pip install 'agnodb[demo]'" in output
    assert "Traceback" not in output


def test_a_database_has_its_id_and_can_be_rebuilt(installed: Installed, tmp_path: Path) -> None:
    code = (
        "from agnodb import AsyncSqliteDb as Db\n"
        "db, replica, named = Db(db_file='x.db'), Db(db_file='x.db'), Db(id='mine', db_file='x.db')\n"
        "assert db.id == replica.id and named.id == 'mine' and db.id in repr(db)\n"
        "assert Db.from_dict(db.to_dict()).to_dict() == db.to_dict()"
    )
    installed.run("python", "-c", code, cwd=tmp_path)


def test_a_flat_method_leaves_the_record_it_is_given_as_it_is(installed: Installed, tmp_path: Path) -> None:
    code = (
        "import asyncio; from dataclasses import replace; from agnodb import AsyncSqliteDb\n"
        "from agnodb.records.runs import RunRecord; from agnodb.records.sessions import SessionRecord\n"
        "async def main():\n"
        "    async with AsyncSqliteDb(db_file='x.db') as db:\n"
        "        await db.upsert_session(SessionRecord(session_id='s', session_type='agent', user_id='alice'))\n"
        "        run = RunRecord(run_id='r', session_id='s', run_type='agent', user_id='alice', run_data={})\n"
        "        before = replace(run)\n"
        "        await db.upsert_run(run, session_id='s')\n"
        "        assert run == before, run\n"
        "        assert (await db.get_run('r')).user_id == 'alice'\n"
        "asyncio.run(main())"
    )
    installed.run("python", "-c", code, cwd=tmp_path)


def test_a_missing_driver_names_its_extra(installed: Installed, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "import importlib.util; real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'asyncpg' else real(name, *rest)\n"
        "from agnodb import AsyncPostgresDb, MissingDriverError\n"
        "try: AsyncPostgresDb(db_url='postgresql://u:p@localhost/x')\n"
        "except MissingDriverError as error: print(error)"
    )
    assert "pip install 'agnodb[postgres]'" in installed.run("python", "-c", code, cwd=tmp_path)
