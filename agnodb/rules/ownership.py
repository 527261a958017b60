"""Who may write a record, where that is decided in the client."""

from __future__ import annotations


def may_write(owner: str | None, user_id: str | None) -> bool:
    """Whether the writer `user_id` may change what `owner` owns: nobody's and theirs; everything if there is no
    writer."""
    return user_id is None or owner in (None, user_id)
