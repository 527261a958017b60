"""The store of docs/write-a-store.md, as it stands there: its code is run, and its tests are these."""

from __future__ import annotations

import importlib
import re
import sys
import tempfile
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "write-a-store.md"

_folder = tempfile.TemporaryDirectory(prefix="agnodb-written-")
_code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE))
Path(_folder.name, "written_store.py").write_text(_code)
sys.path.append(_folder.name)
written_store = importlib.import_module("written_store")


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the processes that a test starts, too."""
    monkeypatch.setenv("PYTHONPATH", _folder.name)


class TestKeyValue(written_store.TestKeyValue):  # type: ignore[misc,name-defined]
    pass


class TestKeyValueWithoutLoop(written_store.TestKeyValueWithoutLoop):  # type: ignore[misc,name-defined]
    pass
