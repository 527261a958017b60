"""What agno's own classes for stores of documents have stored, as rows: concept -> dictionaries as agno wrote them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agnodb.config import TableNames
from agnodb.documents.stores import dynamodb_clients, firestore_clients, gcs_clients
from agnodb.documents.stores.redis_clients import translate
from agnodb.errors import StorageError

Rows = Mapping[str, Sequence[dict[str, Any]]]

CONCEPTS = ("sessions", "runs", "memories", "eval_runs", "knowledge", "traces", "spans")
"""What is taken over. Metrics are computed anew from it."""
ASIDE = "before-adoption"
"""The folder that agno's files are moved to."""

_TYPES = {"eval_runs": "evals"}
"""Where agno's RedisDb has another name."""

_DATA = ("agent_data", "team_data", "workflow_data", "session_data", "metadata", "summary", "runs")
_AS_TEXT = {"sessions": _DATA, "spans": ("attributes",)}
"""What agno's FirestoreDb keeps, or has kept, as JSON text."""


def in_json_files(folder: Path, names: TableNames) -> Rows:
    """The rows of one file for each table. Raises StorageError for a file that is no JSON list of them."""
    return {concept: _rows(_file(folder, names, concept)) for concept in CONCEPTS}


def put_aside(folder: Path, names: TableNames) -> list[str]:
    """Move agno's files, metrics and versions too, to a folder beside ours; their names."""
    files = [_file(folder, names, concept) for concept in names.as_dict()]
    moved = [file for file in files if file.is_file()]
    (folder / ASIDE).mkdir(exist_ok=True)
    for file in moved:
        file.rename(folder / ASIDE / file.name)
    return [file.name for file in moved]


def _file(folder: Path, names: TableNames, concept: str) -> Path:
    return folder / f"{names.as_dict()[concept]}.json"


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        return _listed(file.read_bytes(), str(file))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError("A file of agno's cannot be read.", detail=f"{file}: {error}") from None


def _listed(text: bytes, name: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise StorageError("A file of agno's cannot be read.", detail=f"{name}: {error}") from None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise StorageError("A file of agno's is not a list of records.", detail=name)
    return found


def in_bucket(bucket: Any, prefix: str, names: TableNames) -> Rows:
    """The rows of one object for each table. Raises StorageError."""
    try:
        blobs = {concept: bucket.get_blob(f"{prefix}{names.as_dict()[concept]}.json") for concept in CONCEPTS}
        return {
            concept: [] if blob is None else _listed(blob.download_as_bytes(), blob.name)
            for concept, blob in blobs.items()
        }
    except Exception as error:
        raise gcs_clients.translate(error) from error


def in_redis(client: Any, prefix: str) -> Rows:
    """The rows of one key each, found by going through all keys of the server. Raises StorageError."""
    try:
        return {concept: _of_type(client, f"{prefix}:{_TYPES.get(concept, concept)}:") for concept in CONCEPTS}
    except Exception as error:
        raise translate(error) from error


def _of_type(client: Any, start: str) -> list[dict[str, Any]]:
    pattern = re.sub(r"([][*?\\])", r"\\\1", start) + "*"
    found = []
    for name in client.scan_iter(match=pattern, count=1000):
        key = name.decode() if isinstance(name, bytes) else name
        if key.startswith((f"{start}index:", f"{start}by_session:")):
            continue
        text = client.get(key)
        try:
            row = json.loads(text) if text is not None else None
        except ValueError as error:
            raise StorageError("A record of agno's is no JSON.", detail=f"{key}: {error}") from None
        if isinstance(row, dict):
            found.append(row)
    return found


def in_dynamodb(client: Any, names: TableNames) -> Rows:
    """The rows of one item each, in a table for each concept. Raises StorageError."""
    try:
        return {concept: _of_table(client, names.as_dict()[concept]) for concept in CONCEPTS}
    except Exception as error:
        raise dynamodb_clients.translate(error) from error


def _of_table(client: Any, table: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    try:
        return [_row(item) for page in pages for item in page["Items"]]
    except client.exceptions.ResourceNotFoundException:
        return []  # agno makes each of them with the first record


def _row(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: _value(attribute) for name, attribute in attributes.items()}


def _value(attribute: Mapping[str, Any]) -> Any:
    """A value as agno reads it: documents and lists are JSON texts, other texts are themselves."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return json.loads(value)
    if kind == "S":
        try:
            decoded = json.loads(value)
        except ValueError:
            return value
        return decoded if isinstance(decoded, dict | list) else value
    if kind == "M":
        return _row(value)
    return [_value(held) for held in value] if kind == "L" else value


def in_firestore(client: Any, names: TableNames) -> Rows:
    """The rows of one document each. Raises StorageError, and what a database that is not there has."""
    try:
        return {concept: _of_collection(client, names.as_dict()[concept], concept) for concept in CONCEPTS}
    except Exception as error:
        raise firestore_clients.translate(error) from error


def _of_collection(client: Any, collection: str, concept: str) -> list[dict[str, Any]]:
    found = []
    for document in client.collection(collection).stream():
        row: dict[str, Any] = document.to_dict()
        for name in _AS_TEXT.get(concept, ()):
            if isinstance(row.get(name), str):
                try:
                    row[name] = json.loads(row[name])
                except ValueError as error:
                    detail = f"{document.reference.path}: {error}"
                    raise StorageError("A record of agno's is no JSON.", detail=detail) from None
        found.append(row)
    return found
