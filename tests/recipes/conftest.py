"""Fixtures of the tests of the recipes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from environments import RECIPES, REPOSITORY, Environment, build_wheel, make


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment without agnodb, where pip finds it as a package index would offer it."""
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return make(tmp_path_factory.mktemp("bare") / "venv", offline)


@pytest.fixture(scope="session")
def installed(bare: Environment, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheel, and with agno."""
    made = make(tmp_path_factory.mktemp("installed") / "venv", bare.settings)
    made.done("pip", "install", "--quiet", "--no-deps", str(wheel), cwd=wheel.parent)
    return made


@pytest.fixture(scope="session")
def without_agno(bare: Environment, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the wheel, and without agno."""
    made = make(tmp_path_factory.mktemp("without") / "venv", bare.settings, without=("agno", "openinference"))
    made.done("pip", "install", "--quiet", "--no-deps", str(wheel), cwd=wheel.parent)
    return made


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A folder with the recipes, and nothing else."""
    return Path(shutil.copytree(RECIPES, tmp_path / "app"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what is in the repository."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("agnodb", "alembic"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("alembic.ini", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder / name)
    return folder
