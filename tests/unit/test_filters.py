"""Listings, the arithmetic of pages, and patterns that match literally."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agnodb.config import TableNames
from agnodb.errors import InvalidValueError
from agnodb.filters import LISTINGS, MAX_OFFSET, Listing, Page, present
from agnodb.sql.dialects.base import LIKE_ESCAPE, like_pattern

LISTING = Listing(key="id", sorts=("created_at", "name"), default_sort="created_at", default_order="asc")

# -- listings ---------------------------------------------------------------------------------------------------


def test_every_table_has_a_listing() -> None:
    assert set(LISTINGS) == {field.name for field in fields(TableNames)}


@pytest.mark.parametrize("concept", LISTINGS)
def test_a_listing_is_sound(concept: str) -> None:
    listing = LISTINGS[concept]
    assert listing.default_sort in listing.sorts
    assert listing.default_order in ("asc", "desc")
    for names in (listing.filters, listing.ranges, listing.sorts, listing.searches):
        assert len(names) == len(set(names))
    assert Page().checked(listing) == Page(None, None, listing.default_sort, listing.default_order)


# -- pages ------------------------------------------------------------------------------------------------------


@given(limit=st.integers(1, 50), rows=st.integers(0, 300))
def test_pages_hold_every_row_once_and_in_order(limit: int, rows: int) -> None:
    listed = range(rows)
    pages = [Page(limit, number).checked(LISTING) for number in range(1, rows // limit + 3)]
    found = [row for page in pages for row in listed[page.offset : page.offset + limit]]
    assert found == list(listed)
    assert not listed[pages[-1].offset :]


@given(limit=st.none() | st.integers(0, MAX_OFFSET))
def test_without_a_page_it_is_the_first(limit: int | None) -> None:
    assert Page(limit).checked(LISTING).offset == 0
    if limit is not None:
        assert Page(limit, 1).checked(LISTING).offset == 0


@given(limit=st.integers(0, MAX_OFFSET), page=st.integers(1, MAX_OFFSET))
def test_an_offset_is_exact_or_refused(limit: int, page: int) -> None:
    if (page - 1) * limit > MAX_OFFSET:
        with pytest.raises(InvalidValueError):
            Page(limit, page).checked(LISTING)
    else:
        assert Page(limit, page).checked(LISTING).offset == (page - 1) * limit


@given(
    st.integers(0, 1000), st.integers(1, 1000), st.sampled_from([None, "name"]), st.sampled_from([None, "asc", "desc"])
)
def test_checking_twice_changes_nothing(limit: int, page: int, sort_by: str | None, order: str | None) -> None:
    checked = Page(limit, page, sort_by, order).checked(LISTING)
    assert checked.checked(LISTING) == checked
    assert (checked.limit, checked.page) == (limit, page)


def test_the_order_that_is_left_open() -> None:
    newest_first = Listing(key="id", sorts=("created_at", "name"), default_order="desc")
    assert Page().checked(LISTING).sort_order == "asc"
    assert Page().checked(newest_first).sort_order == "desc"
    assert Page(sort_by="name").checked(LISTING).sort_order == "desc"  # as in agno
    assert Page(sort_order="desc").checked(LISTING) == Page(None, None, "created_at", "desc")


WRONG: list[dict[str, Any]] = [
    {"limit": -1},
    {"limit": 2**63},
    {"limit": 1.0},
    {"limit": "10"},
    {"limit": True},
    {"limit": 10, "page": 0},
    {"limit": 10, "page": -1},
    {"limit": 10, "page": 1.5},
    {"limit": 10, "page": True},
    {"limit": 10, "page": 2**70},
    {"page": 2},
    {"limit": 2, "page": 2**62 + 2},
    {"sort_by": "password"},
    {"sort_by": "created_at; DROP TABLE agno_sessions"},
    {"sort_order": "ASC"},
    {"sort_order": "random()"},
    {"sort_order": ""},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_page_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Page(**wrong).checked(LISTING)
    for value in wrong.values():
        assert "DROP" not in str(caught.value)
        assert not isinstance(value, str) or value in ("", "10") or value not in str(caught.value)


def test_an_unknown_sort_names_the_known_ones() -> None:
    with pytest.raises(InvalidValueError, match="created_at, name"):
        Page(sort_by="nmae").checked(LISTING)


def test_only_none_is_any() -> None:
    filters: dict[str, Any] = {"a": None, "b": 0, "c": "", "d": False, "e": []}
    assert present(**filters) == {"b": 0, "c": "", "d": False, "e": []}


# -- patterns ---------------------------------------------------------------------------------------------------

letters = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
texts = st.text(st.sampled_from("%_\\aA*?[]'\"") | letters, max_size=8)


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


def folded(text: str) -> str:
    """SQLite's LIKE takes ASCII letters, and no others, for alike in both cases."""
    return "".join(character.lower() if character.isascii() else character for character in text)


@given(before=texts, wanted=texts, after=texts)
@example("", "%", "")
@example("", "_", "")
@example("", "\\", "%")
@example("\\", "%\\_", "\\")
def test_a_pattern_finds_its_text_anywhere(sqlite: sqlite3.Connection, before: str, wanted: str, after: str) -> None:
    assert matches(sqlite, before + wanted + after, wanted)


@given(value=texts, wanted=texts)
@example("abc", "%")
@example("abc", "a_c")
@example("a", "\\a")
@example("a\\", "%\\")
@example("ÄA", "äa")
def test_a_pattern_finds_nothing_else(sqlite: sqlite3.Connection, value: str, wanted: str) -> None:
    assert matches(sqlite, value, wanted) == (folded(wanted) in folded(value))


def matches(sqlite: sqlite3.Connection, value: str, wanted: str) -> bool:
    ((found,),) = sqlite.execute("SELECT ? LIKE ? ESCAPE ?", (value, like_pattern(wanted), LIKE_ESCAPE))
    return bool(found)
