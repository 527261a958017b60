"""Processes that use one empty database for the first time, all at once: `python booting.py URL`."""

from __future__ import annotations

import json
import os
import sys
import time

from forking import ended, forked

from agnodb import PostgresDb, SqliteDb
from agnodb.testing.conformance.runs import a_run
from agnodb.testing.conformance.sessions import a_session

PROCESSES = 8


def main(url: str) -> None:
    begin = time.monotonic() + 0.3

    def process(number: int) -> None:
        time.sleep(begin - time.monotonic())
        with (PostgresDb if url.startswith("postgresql") else SqliteDb)(db_url=url) as db:
            db.sessions.insert_if_absent(a_session())
            db.runs.upsert(a_run(str(number)))

    codes = []
    for child in [forked(lambda number=number: process(number)) for number in range(PROCESSES)]:
        try:
            ended(child)
            codes.append(0)
        except AssertionError:
            codes.append(1)
    print(json.dumps({"failed": sum(codes), "parent": os.getpid()}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
