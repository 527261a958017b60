"""What a document is in a table of DynamoDB: an item for its record, one for each place in a list, and more where its
text is longer than an item may be.

    pk                                           sk
    doc:agno_sessions:<key>                      record                      key, version, fields, and body or parts
    doc:agno_sessions:<key>                      part:<version>:0000         body
    list:agno_sessions:user_id>latest["alice"]   <what sorts>NUL<key>        nothing, or a key that was too long

Keys have a length: of what is longer, the beginning and a digest stand for it, so such texts sort by their beginning.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from agnodb.documents.store import Address, Document, Index, Query, Scalar
from agnodb.documents.stores import entries as lists
from agnodb.documents.stores.entries import SEPARATOR
from agnodb.documents.stores.long_texts import cut, in_parts

Item = dict[str, Any]
"""Attributes, as DynamoDB has them: each with its type."""

RECORD = "record"
_PART = "part:"

_PARTITION_BYTES, _SORT_BYTES = 2_048, 500
"""A partition key may have as many; what sorts and the key are two halves of a sort key of 1,024."""

PART_BYTES = 350_000
"""Of a text in one item, which has 400 KB at most with all else that is in it."""


def key(partition: str, sort: str) -> Item:
    """The key of an item."""
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def key_of(item: Item) -> Item:
    """The key of that item."""
    return {name: item[name] for name in ("pk", "sk")}


def home(address: Address) -> str:
    """The partition of a record and of its parts."""
    return cut(f"doc:{address[0]}:{address[1]}", _PARTITION_BYTES)


def sort_key(place: str) -> str:
    """Where a document stands in a list, as `agnodb.documents.stores.entries` tells it, in the length of a sort key."""
    sorting, _, key = place.partition(SEPARATOR)
    return cut(sorting, _SORT_BYTES) + SEPARATOR + cut(key, _SORT_BYTES)


def partition(collection: str, name: str) -> str:
    """The partition of a list."""
    return cut(f"list:{collection}:{name}", _PARTITION_BYTES)


def entries(collection: str, indexes: Sequence[Index], document: Document) -> set[tuple[str, str]]:
    """The keys of the items that say where a document stands in lists."""
    return {(partition(collection, name), sort_key(place)) for name, place in lists.entries(indexes, document)}


def entry(at: tuple[str, str], full: str) -> Item:
    """The item of a place in a list, of the document with the key `full`."""
    made = key(*at)
    if len(full.encode()) > _SORT_BYTES:
        made["key"] = {"S": full}
    return made


def key_in(entry: Item) -> str:
    """The key of the document of such an item."""
    found: str = entry["key"]["S"] if "key" in entry else lists.key_in(entry["sk"]["S"])
    return found


def start_key(query: Query, after: Document) -> Item:
    """The item of the place of `after` in the list that `query` reads."""
    return key(_list_of(query), sort_key(lists.place(after.fields[query.index.sort], after.key)))


def _list_of(query: Query) -> str:
    return partition(query.collection, lists.list_name(query.index, query.values))


def condition(query: Query) -> dict[str, Any]:
    """The arguments of a Query that finds what `query` does."""
    low, high = (cut(bound, _SORT_BYTES) for bound in lists.bounds(query))
    bound = {name: {"S": value} for name, value in ((":low", low), (":high", high)) if value}
    texts = {
        "": "",
        ":low": " AND sk >= :low",
        ":high": " AND sk <= :high",
        ":low:high": " AND sk BETWEEN :low AND :high",
    }
    return {
        "KeyConditionExpression": f"pk = :list{texts[''.join(bound)]}",
        "ExpressionAttributeValues": {":list": {"S": _list_of(query)}, **bound},
    }


def record(address: Address, document: Document, parts: int = 0) -> Item:
    """The item of a record, whose text is in so many parts, or in itself (0)."""
    text = {"parts": {"N": str(parts)}} if parts else {"body": {"S": document.body}}
    return {
        **key(home(address), RECORD),
        "key": {"S": document.key},
        "version": {"S": document.version},
        "fields": {"S": json.dumps(dict(document.fields), ensure_ascii=False, separators=(",", ":"))},
        **text,
    }


def fields_in(item: Item) -> dict[str, Scalar]:
    """The fields of the document of such an item."""
    fields: dict[str, Scalar] = json.loads(item["fields"]["S"])
    return fields


def number_of_parts(item: Item) -> int:
    """In how many parts its text is; 0 where it is in the item."""
    return int(item["parts"]["N"]) if "parts" in item else 0


def document_in(item: Item, parts: Sequence[str] = ()) -> Document:
    """The document of such an item, with the `parts` of its text."""
    body = "".join(parts) if parts else item["body"]["S"]
    return Document(item["key"]["S"], body, fields_in(item), item["version"]["S"])


def stands(query: Query, document: Document, entry: Item) -> bool:
    """Whether a document stands where an item of the list that `query` reads says so."""
    fields = document.fields
    if query.index.sort not in fields or tuple(fields.get(name) for name in query.index.fields) != query.values:
        return False
    return bool(sort_key(lists.place(fields[query.index.sort], document.key)) == entry["sk"]["S"])


def parts_of(address: Address, document: Document) -> Iterator[Item]:
    """The items with the parts of a text. Their keys have the version: no other document has the same."""
    for number, text in enumerate(in_parts(document.body, PART_BYTES)):
        yield {**part_key(home(address), document.version, number), "body": {"S": text}}


def part_key(partition: str, version: str, number: int) -> Item:
    """The key of a part."""
    return key(partition, f"{_PART}{version}:{number:04}")


def parts_condition(item: Item) -> dict[str, Any]:
    """The arguments of a Query that finds the parts of the text of a record's item, in their order."""
    return {
        "KeyConditionExpression": "pk = :record AND begins_with(sk, :parts)",
        "ExpressionAttributeValues": {":record": item["pk"], ":parts": {"S": f"{_PART}{item['version']['S']}:"}},
    }
