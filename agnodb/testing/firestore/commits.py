"""Writes of a commit: preconditions, update masks and transforms, on one document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.cloud.firestore_v1.types import Document, Value

from agnodb.testing.firestore.values import field, number, path_of, put, sort_key

DOCUMENT_BYTES = 1_048_576
"""Of one document at most, as the service counts them: its name, its fields, and some more."""
_LONGEST = 2**63 - 1

DOCUMENT, VALUE = Document.pb(), Value.pb()


class Refusal(Exception):
    """What the service answers instead."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def check(precondition: Any, before: Any, name: str) -> None:
    """Raises Refusal where a document is not as a write asks for."""
    asked = precondition.WhichOneof("condition_type")
    if asked == "exists" and precondition.exists and before is None:
        raise Refusal(grpc.StatusCode.NOT_FOUND, f"No document to update: {name}")
    if asked == "exists" and not precondition.exists and before is not None:
        raise Refusal(grpc.StatusCode.ALREADY_EXISTS, f"Document already exists: {name}")
    if asked == "update_time" and (before is None or before.update_time != precondition.update_time):
        message = "the stored version does not match the required base version"
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, message)


def name_of(write: Any) -> str:
    """The document that a write is about."""
    of = write.WhichOneof("operation")
    name: str = {"update": write.update.name, "delete": write.delete, "transform": write.transform.document}[of]
    return name


def written(write: Any, before: Any, now: Any) -> tuple[Any, list[Any]]:
    """The document after a write of it, None where it is gone; and the results of its transforms."""
    name = name_of(write)
    check(write.current_document, before, name)
    if write.WhichOneof("operation") == "delete":
        return None, []
    made = DOCUMENT(name=name)
    if before is not None:
        made.create_time.CopyFrom(before.create_time)
    else:
        made.create_time.CopyFrom(now)
    masked = write.HasField("update_mask") or write.WhichOneof("operation") == "transform"
    if masked and before is not None:
        made.MergeFrom(DOCUMENT(fields=before.fields))
    if not masked:
        made.MergeFrom(DOCUMENT(fields=write.update.fields))
    for text in write.update_mask.field_paths:
        put(made.fields, path_of(text), field(write.update.fields, path_of(text)))
    results = [
        _transform(made.fields, one, now) for one in (*write.update_transforms, *write.transform.field_transforms)
    ]
    unchanged = before is not None and before.fields == made.fields
    made.update_time.CopyFrom(before.update_time if unchanged else now)
    if made.ByteSize() > DOCUMENT_BYTES:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"Document size exceeds {DOCUMENT_BYTES} bytes")
    return made, results


def _transform(fields: Any, transform: Any, now: Any) -> Any:
    """Change one field, and what is told of it."""
    path, of = path_of(transform.field_path), transform.WhichOneof("transform_type")
    before = field(fields, path)
    if of == "set_to_server_value":
        made = told = VALUE(timestamp_value=now)
    elif of == "append_missing_elements":
        made, told = _array([*_elements(before), *_missing(before, transform.append_missing_elements.values)]), _NULL
    elif of == "remove_all_from_array":
        gone = {sort_key(value) for value in transform.remove_all_from_array.values}
        made, told = _array(value for value in _elements(before) if sort_key(value) not in gone), _NULL
    else:
        made = told = _calculated(of, before, getattr(transform, of))
    put(fields, path, made)
    return told


_NULL = VALUE(null_value=0)


def _elements(value: Any) -> list[Any]:
    return [] if value is None else list(value.array_value.values)


def _missing(before: Any, values: Iterable[Any]) -> list[Any]:
    there, found = {sort_key(value) for value in _elements(before)}, []
    for value in values:
        if sort_key(value) not in there:
            there.add(sort_key(value))
            found.append(value)
    return found


def _array(values: Iterable[Any]) -> Any:
    made = VALUE()
    made.array_value.SetInParent()
    made.array_value.values.extend(values)
    return made


def _calculated(of: str, before: Any, operand: Any) -> Any:
    """What is left of two numbers. A field that is none counts as absent."""
    there = None if before is None else number(before)
    if there is None:
        return operand
    if of == "increment":
        total = there + (number(operand) or 0)
        if isinstance(total, float):
            return VALUE(double_value=total)
        return VALUE(integer_value=max(min(total, _LONGEST), -_LONGEST - 1))
    if sort_key(before) == sort_key(operand):
        return before
    return max(before, operand, key=sort_key) if of == "maximum" else min(before, operand, key=sort_key)
