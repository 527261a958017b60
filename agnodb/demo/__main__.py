"""`python -m agnodb.demo [--url URL | --file PATH] [--keep]`."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

NEEDED = (
    "agno",
    "croniter",
    "fastapi",
    "httpx",
    "openinference.instrumentation.agno",
    "opentelemetry.sdk",
    "python_multipart",
    "pytz",
    "uvicorn",
)


def main() -> int:
    """Play the demo; the exit code is 0 when every step did what it says."""
    arguments = _arguments()
    missing = [name for name in NEEDED if not _installed(name)]
    if missing:
        print(f"The demo needs {', '.join(missing)}: pip install 'agnodb[demo]'", file=sys.stderr)
        return 2
    if arguments.url is not None:
        return _performed(arguments.url)
    if arguments.file is not None:
        return _performed_on(arguments.file)
    folder = Path(tempfile.mkdtemp(prefix="agnodb-demo-"))
    try:
        return _performed_on(folder / "agno.db", say_where=arguments.keep)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="agnodb demo", description="Real agents keep what they do in a real database; no network is used."
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--url", help="the database, e.g. postgresql://user@localhost/agno; nothing in it is removed")
    place.add_argument("--file", type=Path, help="the SQLite file (by default one in a temporary folder)")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder, and say where it is")
    return parser.parse_args()


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _performed_on(file: Path, *, say_where: bool = True) -> int:
    file.resolve().parent.mkdir(parents=True, exist_ok=True)
    code = _performed(f"sqlite:///{file.resolve().as_posix()}")
    if say_where:
        print(f"The database is kept: {file}")
    return code


def _performed(url: str) -> int:
    from agnodb.demo.stage import DemoError, narrator
    from agnodb.demo.story import perform
    from agnodb.errors import AgnoDbError

    try:
        asyncio.run(perform(url, narrator()))
    except DemoError as error:
        print(f"The demo failed. {error}", file=sys.stderr)
        return 1
    except AgnoDbError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
