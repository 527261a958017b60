"""Fixtures of the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_places import place

from agnodb.config import TableNames

__all__ = ["place"]


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings from outside: not in the checkout, whose alembic.ini would be read, and without AGNODB_*."""
    monkeypatch.chdir(tmp_path)
    for name in ("url", "schema", *TableNames.arguments()):
        monkeypatch.delenv(f"AGNODB_{name.upper()}", raising=False)
