"""The tests' own Firestore does what the service's documentation says, asked by Google's clients."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from google.api_core.exceptions import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from google.cloud import firestore
from google.cloud.firestore import FieldFilter

from agnodb.testing.firestore.server import VARIABLE, FirestoreServer


@pytest.fixture
def client(firestore_server: str | None) -> firestore.Client:
    if firestore_server is not None:
        pytest.skip("a real service is documented by others")
    return firestore.Client(project="p", database=f"d-{uuid.uuid4().hex[:8]}")


def ids(query: Any) -> list[str]:
    return [one.id for one in query.get()]


def test_values_come_back_as_they_were(client: firestore.Client) -> None:
    data = {
        "text": "é😀\0",
        "whole": 2**63 - 1,
        "float": 0.1,
        "no": False,
        "null": None,
        "empty": {},
        "raw": b"\0",
        "list": [1],
    }
    client.document("c/d").set(data)
    assert client.document("c/d").get().to_dict() == data
    assert not client.document("c/none").get().exists


def test_masks_set_what_they_name_and_delete_what_is_not_there(client: firestore.Client) -> None:
    at = client.document("c/d")
    at.set({"a": {"b": 1, "c": {"d": 2}}, "x": 1})
    at.update({"a.c.e": 3, "a.b": firestore.DELETE_FIELD, "`odd.name`": 4})
    assert at.get().to_dict() == {"a": {"c": {"d": 2, "e": 3}}, "x": 1, "odd.name": 4}
    at.set({"a": {"f": 5}}, merge=True)
    assert at.get().to_dict()["a"] == {"c": {"d": 2, "e": 3}, "f": 5}
    assert at.get(["a.c.e", "x"]).to_dict() == {"a": {"c": {"e": 3}}, "x": 1}


def test_transforms(client: firestore.Client) -> None:
    at = client.document("c/d")
    at.set({"n": 1, "m": 5, "list": [1, 2]})
    at.update({"n": firestore.Increment(2), "f": firestore.Increment(0.5), "m": firestore.Maximum(3)})
    at.update({"m": firestore.Minimum(2), "list": firestore.ArrayUnion([2, 3]), "new": firestore.ArrayUnion([1, 1])})
    at.update({"list": firestore.ArrayRemove([1]), "at": firestore.SERVER_TIMESTAMP})
    found = at.get()
    assert {**found.to_dict(), "at": 0} == {"n": 3, "f": 0.5, "m": 2, "list": [2, 3], "new": [1], "at": 0}
    assert found.get("at") == found.update_time


def test_preconditions_and_a_commit_is_done_whole_or_not_at_all(client: firestore.Client) -> None:
    at, other = client.document("c/d"), client.document("c/other")
    first = at.create({"n": 1}).update_time
    with pytest.raises(AlreadyExists):
        at.create({"n": 2})
    with pytest.raises(NotFound):
        other.update({"n": 1})
    at.set({"n": 2})
    batch = client.batch()
    batch.set(other, {"n": 1})
    batch.update(at, {"n": 3}, client.write_option(last_update_time=first))
    with pytest.raises(FailedPrecondition):
        batch.commit()
    assert not other.get().exists
    assert at.get().get("n") == 2
    at.delete(client.write_option(last_update_time=at.get().update_time))
    assert not at.get().exists
    at.delete()
    batch = client.batch()
    batch.create(at, {})
    batch.delete(at)
    batch.commit()
    assert not at.get().exists


def test_what_is_too_large_is_refused(client: firestore.Client) -> None:
    with pytest.raises(InvalidArgument):
        client.document("c/d").set({"text": "x" * 1_048_577})
    batch = client.batch()
    for number in range(501):
        batch.set(client.document(f"c/{number}"), {})
    with pytest.raises(InvalidArgument):
        batch.commit()


def test_queries(client: firestore.Client) -> None:
    c = client.collection("c")
    for number, name in enumerate("abcde"):
        c.document(name).set({"n": number, "even": number % 2 == 0, "tags": [name, "all"], "m": {"n": number}})
    c.document("z").set({"n": "text"})
    client.document("c/a/c/below").set({"n": 7})
    assert ids(c.where(filter=FieldFilter("n", ">=", 2))) == ["c", "d", "e"]
    assert ids(c.where(filter=FieldFilter("even", "==", True)).order_by("n", direction="DESCENDING")) == ["e", "c", "a"]
    assert ids(c.order_by("n").start_after({"n": 1}).limit(2)) == ["c", "d"]
    assert ids(c.order_by("n").start_at({"n": 1}).end_before({"n": 3})) == ["b", "c"]
    assert ids(c.order_by("n").offset(4)) == ["e", "z"]  # a text is behind all numbers
    assert ids(c.order_by("n").limit_to_last(2)) == ["e", "z"]
    assert ids(c.where(filter=FieldFilter("n", "in", [1, 4]))) == ["b", "e"]
    assert ids(c.where(filter=FieldFilter("n", "not-in", [1, 4, "text"]))) == ["a", "c", "d"]
    assert ids(c.where(filter=FieldFilter("n", "!=", 1))) == ["a", "c", "d", "e", "z"]
    assert ids(c.where(filter=FieldFilter("tags", "array_contains", "b"))) == ["b"]
    assert ids(c.where(filter=FieldFilter("tags", "array_contains_any", ["b", "c"]))) == ["b", "c"]
    assert ids(c.where(filter=firestore.Or([FieldFilter("n", "==", 0), FieldFilter("m.n", "==", 3)]))) == ["a", "d"]
    assert [one.to_dict() for one in c.select(["m.n"]).limit(1).get()] == [{"m": {"n": 0}}]
    assert ids(client.collection_group("c").where(filter=FieldFilter("n", "==", 7))) == ["below"]
    query = c.where(filter=FieldFilter("n", ">=", 1))
    assert query.count("k").get()[0][0].value == 4
    assert query.sum("n", "k").get()[0][0].value == 10
    assert query.avg("n", "k").get()[0][0].value == 2.5


def test_lists(client: firestore.Client) -> None:
    for name in ("a", "b", "c"):
        client.document(f"c/{name}").set({})
    client.document("c/a/below/x").set({})
    client.document("other/x").set({})
    assert [one.id for one in client.collection("c").list_documents(page_size=2)] == ["a", "b", "c"]
    assert [one.id for one in client.collections()] == ["c", "other"]
    assert [one.id for one in client.document("c/a").collections()] == ["below"]
    assert [one.id for one in client.get_all([client.document("c/a"), client.document("c/x")]) if one.exists] == ["a"]


def test_transactions_that_meet_lose_nothing(client: firestore.Client) -> None:
    at = client.document("c/d")
    at.set({"n": 0})

    @firestore.transactional
    def add(transaction: Any) -> None:
        transaction.update(at, {"n": at.get(transaction=transaction).get("n") + 1})

    def several() -> None:
        for _ in range(5):
            add(client.transaction(max_attempts=50))

    threads = [threading.Thread(target=several) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert at.get().get("n") == 20


@pytest.mark.parametrize("reads", ["a document", "nothing", "a query"])
def test_a_transaction_sees_one_moment_and_is_aborted(client: firestore.Client, reads: str) -> None:
    at, missing, c = client.document("c/d"), client.document("c/e"), client.collection("c")
    at.set({"n": 0})
    transaction = client.transaction()
    transaction._begin()

    def seen() -> Any:
        if reads == "a query":
            return len(c.get(transaction=transaction))
        return (at if reads == "a document" else missing).get(transaction=transaction).to_dict()

    before = seen()
    (at if reads == "a document" else missing).set({"n": 1})
    assert seen() == before
    transaction.set(client.document("c/other"), {})
    with pytest.raises(Aborted):
        transaction._commit()
    assert not client.document("c/other").get().exists


def test_a_query_without_its_index_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = [{"fieldPath": "a", "order": "ASCENDING"}, {"fieldPath": "n", "order": "DESCENDING"}]
    with FirestoreServer.start({"indexes": [{"collectionGroup": "c", "fields": fields}]}) as server:
        monkeypatch.setenv(VARIABLE, server.host)
        c = firestore.Client(project="p").collection("c")
        query = c.where(filter=FieldFilter("a", "==", 1))
        assert ids(query) == ids(c.order_by("n")) == ids(query.order_by("n", direction="DESCENDING")) == []
        for refused in (
            query.order_by("n"),
            query.order_by("m", direction="DESCENDING"),
            c.order_by("a").order_by("n"),
        ):
            with pytest.raises(FailedPrecondition, match="requires an index"):
                refused.get()
