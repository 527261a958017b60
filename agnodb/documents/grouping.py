"""Pages of groups that were made in the client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from agnodb.filters import Page

G = TypeVar("G")


def page_of(groups: Sequence[G], page: Page) -> tuple[list[G], int]:
    """One page of ordered `groups`, and the number of all."""
    end = None if page.limit is None else page.offset + page.limit
    return list(groups[page.offset : end]), len(groups)
