"""AgentOS on MariaDB without an event loop: the tests of the other databases, on one more."""

from __future__ import annotations

import pytest
from sync_places import SyncPlace
from test_agentos_sync import *  # noqa: F403


@pytest.fixture
def place(mysql_place: SyncPlace) -> SyncPlace:
    return mysql_place
