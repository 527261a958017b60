"""What our connections of aiomysql write for a text is what the driver writes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from aiomysql import Connection
from pymysql.constants import SERVER_STATUS

from agnodb.executors.aiomysql_reading import ReadingConnection

TEXTS = ["", "tea", "'", "\\", "\\'", '"', "\0\n\r\x1a\t", "ä'\\\U0001f375", "%s %(a)s"]


@pytest.mark.parametrize("status", [0, SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES])
async def test_a_text_is_escaped_as_the_driver_does(status: int) -> None:
    chosen = random.Random(11)
    texts = [*TEXTS, *("".join(chosen.choices("".join(TEXTS), k=40)) for _ in range(200))]
    ours: Any = ReadingConnection()
    theirs: Any = Connection()
    ours.server_status = theirs.server_status = status
    for text in texts:
        assert ours.escape(text) == theirs.escape(text)
