"""Environments for the recipes: a venv with everything that the tests have, except this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
RECIPES = REPOSITORY / "docs" / "recipes"
TOOLS = {"pip": "pip", "alembic": "alembic.config", "uvicorn": "uvicorn", "gunicorn": "gunicorn"}


@dataclass(frozen=True)
class Environment:
    """A venv, and settings that its programs get."""

    folder: Path
    settings: Mapping[str, str]

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """The variables of a program: nothing that leads to the checkout, or is set for the tests."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AGNODB_", "PYTHON", "VIRTUAL_ENV"))}
        path = f"{self.folder / 'bin'}{os.pathsep}{kept['PATH']}"
        return {**kept, "PYTHONUNBUFFERED": "1", **self.settings, **given, "PATH": path}

    def run(self, *command: str, cwd: Path, **given: str) -> subprocess.CompletedProcess[str]:
        """A command's result."""
        program = str(self.folder / "bin" / command[0]) if (self.folder / "bin" / command[0]).exists() else command[0]
        return subprocess.run(
            [program, *command[1:]], cwd=cwd, env=self.variables(given), capture_output=True, text=True, timeout=100
        )

    def done(self, *command: str, cwd: Path, **given: str) -> str:
        """The output of a command that must succeed."""
        result = self.run(*command, cwd=cwd, **given)
        assert result.returncode == 0, f"{command}: exit {result.returncode}\n{result.stdout}{result.stderr}"
        return result.stdout + result.stderr


def make(folder: Path, settings: Mapping[str, str], *, without: tuple[str, ...] = ()) -> Environment:
    """An environment that links to the packages of this one, but for agnodb and those that begin with `without`."""
    venv.create(folder, with_pip=False)
    target = next(folder.glob("lib/python*/site-packages"))
    source = Path(str(distribution("sqlalchemy").locate_file("")))
    hidden = tuple(name.lower() for name in without)
    for entry in source.iterdir():
        if "agnodb" not in entry.name.lower() and not entry.name.lower().startswith(hidden or ("\0",)):
            (target / entry.name).symlink_to(entry)
    for name, module in TOOLS.items():
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m {module} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return Environment(folder, settings)


def build_wheel(folder: Path) -> Path:
    """The checkout as a wheel in `folder`."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*command, str(REPOSITORY)], cwd=folder, check=True, capture_output=True, timeout=100)
    (wheel,) = folder.glob("agnodb-*.whl")
    return wheel
