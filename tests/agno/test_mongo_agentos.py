"""AgentOS over HTTP on MongoDB: the tests of the other databases, on one more."""

from __future__ import annotations

import pytest
from places import Place
from test_agentos import *  # noqa: F403
from test_agentos_lists import *  # noqa: F403


@pytest.fixture
def place(mongo_place: Place) -> Place:
    return mongo_place
