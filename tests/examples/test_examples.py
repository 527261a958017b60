"""Every example runs as docs/examples.md has it, on SQLite and on PostgreSQL, and says what it says there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
SAYS = dict(
    re.findall(
        r"^\| \[(\w+)\.py\].*\| `(.+?)(?: ?\.\.\.)?` \|$", (REPOSITORY / "docs" / "examples.md").read_text(), re.M
    )
)
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "place")


def test_the_docs_tell_of_every_example() -> None:
    assert sorted(SAYS) == PROGRAMS
    assert len(PROGRAMS) == 6


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_it_runs_and_says_what_the_docs_say(
    program: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url")
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{program}.py")],
        cwd=tmp_path,
        env={**os.environ, "AGNODB_URL": url, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert SAYS[program] in done.stdout
