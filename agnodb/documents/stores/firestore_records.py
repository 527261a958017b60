"""What a document of agnodb's is in Firestore.

    agnodb/records/<collection>/<key>                          key, version, body or parts, fields, long
    agnodb/records/<collection>/<key>/agnodb_parts/<version>:0000   body

`fields` are those that lists go by, as Firestore has them: a list is a query over them, in the order of one and then of
the documents' names. Of what is longer than an index holds, the beginning and a digest stand there, and the whole in
`long`. The collections are below a document of ours: agno's own have the same names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agnodb.documents.store import Address, Document, Index, Query, Scalar
from agnodb.documents.stores.long_texts import cut, in_parts

ROOT = "agnodb/records"
PARTS = "agnodb_parts"
"""The collection of the parts of a record's text."""

PART_BYTES = 900_000
"""Of a text in one document, which has 1 MiB at most with all else that is in it."""
_INDEXED, _ID = 1_000, 1_400
"""Bytes: an index holds 1,500 of a text, and the name of a document has as many."""
_RESERVED = re.compile(r"|__.*__", re.DOTALL)
_ESCAPED = str.maketrans({"\1": "\1\1", ".": ".,", "/": ".-"})
"""No name has a slash, or is a dot or two; and what is reserved gets a character at its end that comes before all."""

Data = dict[str, Any]


def path(address: Address) -> str:
    """The path of a record's document."""
    collection, key = address
    return f"{ROOT}/{collection}/{_name(key)}"


def _name(key: str) -> str:
    """The name of a record's document. Names sort as their keys do, as far as they are not cut."""
    escaped = key.translate(_ESCAPED)
    return cut(f"{escaped}\1" if _RESERVED.fullmatch(escaped) else escaped, _ID)


def part_path(record: str, version: str, number: int) -> str:
    """The path of one part of the text of a version of the record at the path `record`."""
    return f"{record}/{PARTS}/{version}:{number:04}"


def parts_of(record: str, document: Document) -> Iterator[tuple[str, Data]]:
    """The paths of the parts of a text, and what is in them. No other document has the same version."""
    for number, text in enumerate(in_parts(document.body, PART_BYTES)):
        yield part_path(record, document.version, number), {"body": text}


def data_of(document: Document, parts: int) -> Data:
    """What is in the document of a record, whose text is in so many parts, or in itself (0)."""
    indexed = {name: indexed_as(value) for name, value in document.fields.items()}
    long = {name: value for name, value in document.fields.items() if repr(indexed[name]) != repr(value)}
    key = cut(document.key, _INDEXED)
    return {
        "key": key,
        "version": document.version,
        "fields": indexed,
        "long": _text([None if key == document.key else document.key, long]) if long or key != document.key else None,
        "body": None if parts else document.body,
        "parts": parts,
    }


def document_in(data: Mapping[str, Any], parts: Sequence[str] = ()) -> Document:
    """The document of such data, with the `parts` of its text."""
    key, long = json.loads(data["long"]) if data["long"] is not None else (None, {})
    body = "".join(parts) if parts else data["body"]
    return Document(data["key"] if key is None else key, body, {**data["fields"], **long}, data["version"])


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def indexed_as(value: Scalar) -> Scalar | float:
    """A value as an index holds it. A whole number of more than 64 bits is a rounded one there: all numbers are sorted
    together."""
    if isinstance(value, str):
        return cut(value, _INDEXED)
    return value if -(2**63) <= value < 2**63 else float(value)


def query_on(
    collection: Any,
    query: Query,
    field_filter: Any,
    after: Document | None,
    one_of: Sequence[Scalar] = (),
    *,
    backwards: bool = False,
) -> Any:
    """The query of Firestore's client that finds what `query` does, beyond `after`; with any of `one_of` as its last
    value, where there are some: thirty at most. In the other direction if `backwards`: it ends where it is to begin."""
    down = query.descending != backwards
    sort, direction = f"fields.{query.index.sort}", "DESCENDING" if down else "ASCENDING"
    for name, value in zip(query.index.fields, query.values, strict=not one_of):
        collection = collection.where(filter=field_filter(f"fields.{name}", "==", indexed_as(value)))
    if one_of:
        among = [*dict.fromkeys(map(indexed_as, one_of))]
        collection = collection.where(filter=field_filter(f"fields.{query.index.fields[-1]}", "in", among))
    for bound, operator in ((query.low, ">="), (query.high, "<=")):
        if bound is not None:
            collection = collection.where(filter=field_filter(sort, operator, indexed_as(bound)))
    found = collection.order_by(sort, direction=direction).order_by("__name__", direction=direction)
    if after is not None:
        place = [indexed_as(after.fields[query.index.sort]), _name(after.key)]
        found = found.end_before(place) if backwards else found.start_after(place)
    return found


def definition(collections: Mapping[str, Sequence[Index]]) -> dict[str, Any]:
    """The file of indexes for ``firebase deploy --only firestore:indexes``: what those queries need, and nothing of
    what no query is over.

    A list without a field has the index that the service makes by itself, in both directions. One over several fields
    is merged, by the service too, from those over each of them that sort alike.
    """
    indexes, without = list[Data](), list[Data]()
    for collection, of_it in collections.items():
        alone = {(*index.fields, index.sort) for index in of_it if len(index.fields) == 1}
        for index in of_it:
            if all((name, index.sort) in alone for name in index.fields) and len(index.fields) != 1:
                continue
            equal = [{"fieldPath": f"fields.{name}", "order": "ASCENDING"} for name in index.fields]
            for down in (False, True) if index.descending is None else (index.descending,):
                sort = {"fieldPath": f"fields.{index.sort}", "order": "DESCENDING" if down else "ASCENDING"}
                indexes.append({"collectionGroup": collection, "queryScope": "COLLECTION", "fields": [*equal, sort]})
        without += [_not_indexed(collection, name) for name in ("key", "body", "long", "version", "parts")]
    return {"indexes": indexes, "fieldOverrides": [*without, _not_indexed(PARTS, "body")]}


def _not_indexed(collection: str, name: str) -> Data:
    return {"collectionGroup": collection, "fieldPath": name, "indexes": []}
