"""Who may write a document, as a filter. The rules are those of `agnodb.sql.ownership`, in MongoDB's words."""

from __future__ import annotations

from typing import Any


def may_write(user_id: Any) -> dict[str, Any]:
    """Matches what the writer `user_id` may change: nobody's and theirs; everything where there is no writer."""
    return {} if user_id is None else claimable(user_id)


def claimable(user_id: Any) -> dict[str, Any]:
    """Matches what has no owner, or the writer, who is somebody."""
    return {"user_id": {"$in": [None] if user_id is None else [None, user_id]}}
