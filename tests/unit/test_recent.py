"""What was seen lately is kept as far as it fits."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from agnodb.documents.store import Document
from agnodb.documents.stores.recent import REMEMBERED, Recent, remembered


def test_what_was_noted_longest_ago_goes_first() -> None:
    kept: Recent[str, str] = Recent(10, len)
    for key in "abc":
        kept.note(key, "xxxx")
    assert (kept.of("a"), kept.of("b"), kept.size) == (None, "xxxx", 8)
    kept.note("b", "xx")
    assert (kept.of("b"), kept.size) == ("xx", 6)
    kept.note("d", "xxxxx")
    assert [key for key in "abcd" if kept.of(key) is not None] == ["b", "d"]
    kept.note("b", "x" * 11)  # more than there is room for: it takes nothing else's place
    assert [key for key in "abcd" if kept.of(key) is not None] == ["d"]
    kept.forget("d")
    kept.forget("d")
    assert (kept.of("d"), kept.size) == (None, 0)


def test_threads_agree_on_the_size() -> None:
    kept: Recent[int, str] = Recent(500, len)

    def work(writer: int) -> None:
        for number in range(2_000):
            kept.note(number * writer % 97, "x" * (number % 23))
            kept.forget(number % 89)

    with ThreadPoolExecutor(8) as threads:
        [*threads.map(work, range(8))]
    assert kept.size == sum(len(kept.of(key) or "") for key in range(97)) <= 500


def test_a_forked_child_begins_with_nothing() -> None:
    kept: Recent[str, str] = Recent(10, len)
    kept.note("a", "x")
    kept._lock.acquire()  # as by another thread of the parent
    child = os.fork()
    if child == 0:
        fresh = kept.of("a") is None
        kept.forget("a")
        os._exit(0 if fresh and kept.note("a", "y") == kept.of("a") else 1)
    assert os.waitpid(child, 0)[1] == 0
    kept._lock.release()
    assert kept.of("a") == "x"


def test_documents_are_kept_by_the_bytes_of_their_texts() -> None:
    kept = remembered()
    for number in range(40):
        kept.note(("runs", f"r{number}"), Document(f"r{number}", "x" * 1_000_000, {}, "v"))
    assert kept.of(("runs", "r39")) is not None
    assert kept.of(("runs", "r0")) is None
    assert 0 < kept.size <= REMEMBERED
