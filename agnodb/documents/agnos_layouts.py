"""What agno's own JsonDb, RedisDb and FirestoreDb have stored, as rows: concept -> dictionaries as agno wrote them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agnodb.config import TableNames
from agnodb.documents.stores import firestore_clients
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
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise StorageError("A file of agno's cannot be read.", detail=f"{file}: {error}") from None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise StorageError("A file of agno's is not a list of records.", detail=str(file))
    return found


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
