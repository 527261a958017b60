"""What the cache of runs keeps, shares, bounds and forgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnodb.executors.run_cache import RunCache
from agnodb.records.runs import StoredRun

MEGABYTE = 1024 * 1024


def stored(token: str, size: int = 10, *, known: bool = False) -> StoredRun:
    return StoredRun(token) if known else StoredRun(token, size, lambda: {"token": token})


def read(cache: RunCache, session: str, *runs: StoredRun, make: Callable[[Any], Any] = dict) -> list[Any]:
    return cache.objects(session, cache.held(session), runs, make)


def test_what_is_known_is_the_same_object() -> None:
    cache = RunCache(1)
    first = read(cache, "s", stored("a"), stored("b"))
    second = read(cache, "s", stored("a", known=True), stored("c"))
    assert second[0] is first[0]
    assert second == [{"token": "a"}, {"token": "c"}]
    assert [*cache.held("s").runs] == ["a", "c"]
    assert cache.size == 20


def test_a_database_that_sends_what_is_known_makes_no_second_object() -> None:
    cache = RunCache(1)
    first = read(cache, "s", stored("a"))
    assert read(cache, "s", stored("a"))[0] is first[0]


def test_an_order_that_changed_is_the_new_one() -> None:
    cache = RunCache(1)
    read(cache, "s", stored("a"), stored("b"))
    assert read(cache, "s", stored("b", known=True), stored("a", known=True)) == [{"token": "b"}, {"token": "a"}]


def test_a_run_that_no_session_shows_is_left_out_and_known() -> None:
    cache = RunCache(1)
    assert read(cache, "s", stored("a"), make=lambda _document: None) == []
    assert read(cache, "s", stored("a", known=True), make=lambda _document: pytest.fail("made again")) == []


def test_a_reader_goes_on_with_what_it_held() -> None:
    """Another one has read in between, and found the run gone."""
    cache = RunCache(1)
    read(cache, "s", stored("a"))
    held = cache.held("s")
    read(cache, "s")
    assert cache.objects("s", held, [stored("a", known=True)], dict) == [{"token": "a"}]


def test_a_repository_that_leaves_out_what_is_not_known_is_an_error() -> None:
    with pytest.raises(LookupError):
        read(RunCache(1), "s", stored("a", known=True))


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2 * MEGABYTE)), max_size=40))
def test_it_keeps_no_more_than_it_may(reads: list[tuple[str, int]]) -> None:
    cache = RunCache(2)
    for number, (session, size) in enumerate(reads):
        read(cache, session, stored(f"{number}", size))
        assert cache.size == sum(cache.held(name).size for name in "abcdef") <= 2 * MEGABYTE
        assert cache.held(session).size == size
