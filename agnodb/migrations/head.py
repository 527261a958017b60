"""The chain's revisions, oldest first. A server at head compares with these and never loads Alembic.

A test holds them equal to the files in `alembic/versions`.
"""

from __future__ import annotations

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")

HEAD = REVISIONS[-1]
