"""The lists of the tests' own Firestore find what looking at every document finds."""

from __future__ import annotations

import math
import random
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client, FieldFilter
from google.cloud.firestore_v1._helpers import encode_dict
from google.cloud.firestore_v1.types import Document

from agnodb.testing.firestore import queries
from agnodb.testing.firestore.lists import Asked, Documents

VALUES: list[Any] = [None, False, True, -3, 0, 1, 1.5, 2, math.nan, "", "a", "b", "é", b"x", [1], {"k": 1}]


def a_document(name: str, chance: random.Random) -> Any:
    data = {field: chance.choice(VALUES) for field in "abc" if chance.random() < 0.9}
    return Document(name=f"projects/p/databases/d/documents/c/{name}", fields=encode_dict(data))._pb


def a_query(client: Client, chance: random.Random) -> Any:
    query: Any = client.collection("c")
    sort, down = chance.choice("bc"), chance.choice(("ASCENDING", "DESCENDING"))
    if chance.random() < 0.6:
        query = query.where(filter=FieldFilter("a", "==", chance.choice(VALUES[1:])))
    elif chance.random() < 0.5:
        query = query.where(filter=FieldFilter("a", "in", chance.sample([-3, 0, 1, 2, "a", "b", "é"], 3)))
    for operator in chance.sample((">", ">=", "<", "<="), chance.choice((0, 0, 1, 2))):
        query = query.where(filter=FieldFilter(sort, operator, chance.choice((-3, 0, 1.5, 2, "a", "é"))))
    query = query.order_by(sort, direction=down)
    if chance.random() < 0.5:
        query = query.order_by("c" if sort == "b" else "b", direction=down)
    keys = {one.field.field_path: chance.choice(VALUES[3:12]) for one in query._orders}
    for cursor in ("start_at", "start_after", "end_at", "end_before"):
        if chance.random() < 0.2:
            query = getattr(query, cursor)(keys)
    query = query.offset(chance.randrange(4)) if chance.random() < 0.4 else query
    query = query.limit(chance.randrange(1, 9)) if chance.random() < 0.6 else query
    query = query.select(["b"]) if chance.random() < 0.1 else query
    return query._to_protobuf()._pb


def test_lists_are_kept_by_every_write() -> None:
    chance, documents = random.Random(4), Documents()
    client = Client(project="p", credentials=AnonymousCredentials())
    listed = some = 0
    for _ in range(1_500):
        name = f"d{chance.randrange(60)}"
        documents.put(
            f"projects/p/databases/d/documents/c/{name}",
            None if chance.random() < 0.2 else a_document(name, chance),
        )
        query = a_query(client, chance)
        found = documents.found(query)
        assert found == queries.found(query, documents.values())
        listed += Asked.of(query) is not None
        some += bool(found)
    assert listed > 1_300  # else something is compared with NaN, which is another kind of filter
    assert some > 500
