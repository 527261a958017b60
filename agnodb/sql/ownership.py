"""Who may write a row, as SQL.

A different user's row is never changed. `user_id=None` is agno's "unscoped" and may write any row, but for a session
that has an owner and was not read by its holder; a row without an owner may be claimed by the first user who writes to
it; nobody clears or changes a stored owner.

Where a write by another user would seem to be done, because agno's method answers nothing or what it was given, it
raises OwnershipError. Where agno has an answer for absence (None, False, 0), that is the answer: to another user the
row is not there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, exists, func, or_


def may_write(stored: FromClause, user_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the writer `user_id` may change a row of `stored`."""
    owner = stored.c.user_id
    return or_(owner.is_(None), user_id.is_(None), owner == user_id)


def claimable(stored: FromClause, user_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a row of `stored` has no owner, or the writer `user_id`, who is somebody."""
    return or_(stored.c.user_id.is_(None), stored.c.user_id == user_id)


def keep_owner(stored: FromClause, user_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The owner after a write: the stored one, else the writer."""
    return func.coalesce(stored.c.user_id, user_id)


def of_writable(
    sessions: FromClause, session_id: ColumnElement[Any], user_id: ColumnElement[Any]
) -> ColumnElement[bool]:
    """Whether the writer `user_id` may change what belongs to a session: a run may have no owner of its own."""
    return exists().where(sessions.c.session_id == session_id, may_write(sessions, user_id))
