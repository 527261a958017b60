"""What the cache of runs keeps, shares, bounds and forgets."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnodb.executors.run_cache import RunCache
from agnodb.records.runs import MOST_RECENT, RECENT, TOTAL_PART, KnownRuns, StoredRun, known_runs, stored_size

MEGABYTE = 1024 * 1024


def loaded(load: Callable[[], Any]) -> Any:
    return load()


def stored(token: str, size: int = 10, *, known: bool = False) -> StoredRun:
    return StoredRun(token) if known else StoredRun(token, size, lambda: {"token": token})


def read(cache: RunCache, session: str, *runs: StoredRun, make: Callable[[Any], Any] = loaded) -> list[Any]:
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
    assert read(cache, "s", stored("a"), make=lambda _load: None) == []
    assert read(cache, "s", stored("a", known=True), make=lambda _load: pytest.fail("made again")) == []


def test_a_reader_goes_on_with_what_it_held() -> None:
    """Another one has read in between, and found the run gone."""
    cache = RunCache(1)
    read(cache, "s", stored("a"))
    held = cache.held("s")
    read(cache, "s")
    assert cache.objects("s", held, [stored("a", known=True)], loaded) == [{"token": "a"}]


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


def test_all_but_the_last_runs_are_told_by_number_and_digest() -> None:
    tokens = [1 << number for number in range(RECENT + 3)]
    known = known_runs(tokens, [*range(RECENT + 3)])
    assert known == KnownRuns(last=2, before=(1, 2, 4), recent=tuple(tokens[3:]))
    assert (known.count, known.digest, known.total) == (3, 0b111, 7)
    assert KnownRuns(before=(TOTAL_PART + 1, 2)).total == 3


def test_few_runs_are_all_told_by_their_tokens() -> None:
    assert known_runs(["a", "b"], [None, None]) == KnownRuns(recent=("a", "b"))
    assert RunCache(1).held("s").known() is None


def test_runs_at_one_place_are_told_together() -> None:
    known = known_runs([*range(20)], [0, 1, *[2] * 17, 3])
    assert known is not None
    assert (known.last, known.count, known.recent) == (2, 19, (19,))


def test_runs_without_a_place_are_told_by_their_tokens_while_they_are_few() -> None:
    known = known_runs([*range(30)], [0, *[None] * 29])
    assert known is not None
    assert (known.last, known.count, len(known.recent)) == (0, 1, 29)
    assert known_runs([*range(100)], [*range(99 - MOST_RECENT), *[None] * (MOST_RECENT + 1)]) is None
    known = known_runs([*range(30)], [0, 1, None, *range(3, 30)])
    assert known is not None
    assert (known.last, known.count, len(known.recent)) == (1, 2, 28)


def test_runs_behind_those_that_are_known_follow_them() -> None:
    cache = RunCache(1)
    runs = [StoredRun(number, 10, lambda: {"n": 0}, number) for number in range(12)]
    first = cache.objects("s", cache.held("s"), runs, loaded)
    held = cache.held("s")
    known = held.known()
    assert known is not None
    recent = [*(StoredRun(number, place=number) for number in known.recent[1:]), StoredRun(50, 10, dict, 50)]
    second = cache.changed("s", held, known, recent, loaded)
    assert [id(run) for run in second[:-1]] == [id(run) for n, run in enumerate(first) if n != known.count]
    assert [*cache.held("s").runs] == [*range(known.count), *known.recent[1:], 50]
    assert cache.size == 120


def test_a_child_begins_with_an_empty_cache_whatever_a_thread_of_its_parent_was_doing() -> None:
    cache = RunCache(1)
    read(cache, "s", stored("a"))
    with cache._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            found = not cache.held("s").runs and read(cache, "s", stored("a")) == [{"token": "a"}] and cache.size == 10
            os._exit(0 if found else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert [*cache.held("s").runs] == ["a"]


@pytest.mark.parametrize(("text", "size"), [("tea", 3), ("th\u00e9", 4), ("\u8336", 3), ("\ud800", 3)])
def test_the_size_of_a_text_is_its_bytes(text: str, size: int) -> None:
    assert stored_size(text) == size
