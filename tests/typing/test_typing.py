"""Programs of users under `mypy --strict`: right ones pass, wrong lines are rejected, types are what is documented.

In a program, `# error: CODE` marks a line that must be rejected for that reason, and `# reveals: TYPE` follows a
`reveal_type`. No other line may get a message.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))

EXPECTATION = re.compile(r"# (?P<kind>error|reveals): (?P<what>.+)$")
MESSAGE = re.compile(r"(?P<file>[^:]+\.py):(?P<line>\d+): (?P<level>error|note): (?P<text>.*)$")
REVEALED = re.compile(r'Revealed type is "(?P<type>.+)"')

Findings = dict[int, set[str]]


def expected(program: Path) -> Findings:
    """Line number -> what mypy must say of it."""
    lines = enumerate(program.read_text(encoding="utf-8").splitlines(), start=1)
    found = {number: EXPECTATION.search(line) for number, line in lines}
    return {number: {f"{match['kind']} {match['what']}"} for number, match in found.items() if match}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Findings]:
    """Program -> line -> what mypy says of it, from one run over all programs."""
    options = ["--strict", "--config-file=", "--follow-imports=silent", "--show-error-codes", "--no-pretty"]
    cache = REPOSITORY / ".mypy_cache" / "programs"
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "--no-color-output", "--cache-dir", str(cache), *map(str, PROGRAMS)],
        cwd=tmp_path_factory.mktemp("typing"),
        env={**os.environ, "MYPYPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr  # 1: errors were found, as they must be; 2: mypy failed
    found: dict[str, Findings] = defaultdict(lambda: defaultdict(set))
    for line in done.stdout.splitlines():
        message = MESSAGE.match(line)
        if not message:
            continue
        revealed = REVEALED.match(message["text"])
        if revealed:
            said = f"reveals {revealed['type']}"
        elif message["level"] == "note":
            continue  # belongs to an error
        else:
            said = f"error {message['text'].rpartition('[')[2].rstrip(']')}"
        # Older versions of mypy write builtins with their module.
        found[Path(message["file"]).name][int(message["line"])].add(said.replace("builtins.", ""))
    return found


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_mypy_says_of_each_line_what_the_line_says(program: Path, findings: dict[str, Findings]) -> None:
    assert dict(findings[program.name]) == expected(program)


def test_wrong_programs_are_among_them() -> None:
    told = [what for program in PROGRAMS for line in expected(program).values() for what in line]
    assert sum(what.startswith("error") for what in told) > 10
    assert sum(what.startswith("reveals") for what in told) > 10
