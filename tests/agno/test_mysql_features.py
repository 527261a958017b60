"""What agno's own components leave on MariaDB: the tests of the other databases, on one more."""

from __future__ import annotations

import pytest
from places import Place
from test_features import *  # noqa: F403


@pytest.fixture
def place(mysql_place: Place) -> Place:
    return mysql_place
