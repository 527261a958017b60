"""Structured queries over the documents of a collection, and the indexes that the service wants for them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import grpc
from google.cloud.firestore_v1.types import StructuredQuery

from agnodb.testing.firestore.commits import DOCUMENT, VALUE, Refusal
from agnodb.testing.firestore.values import field, kind, number, path_of, put, sort_key

OPERATORS = StructuredQuery.FieldFilter.Operator
_UNARY = StructuredQuery.UnaryFilter.Operator
EQUALITIES = (OPERATORS.EQUAL, OPERATORS.IN)
"""One of several values is looked for as each by itself."""
NAME = "__name__"
Part = tuple[str, str]
"""A field of an index, and its direction."""

RANGES: dict[int, Callable[[Any, Any], bool]] = {
    OPERATORS.LESS_THAN: lambda a, b: bool(a < b),
    OPERATORS.LESS_THAN_OR_EQUAL: lambda a, b: bool(a <= b),
    OPERATORS.GREATER_THAN: lambda a, b: bool(a > b),
    OPERATORS.GREATER_THAN_OR_EQUAL: lambda a, b: bool(a >= b),
}


def value_of(document: Any, path: str) -> Any:
    """What a query sees at a path; None where the document has nothing."""
    return VALUE(reference_value=document.name) if path == NAME else field(document.fields, path_of(path))


def found(query: Any, documents: Iterable[Any]) -> list[Any]:
    """The documents that `query` returns of those of its collections."""
    orders = orders_of(query)
    kept = [one for one in documents if _fits(query.where, one)]
    kept = [one for one in kept if all(value_of(one, path) is not None for path, _ in orders)]
    for path, down in reversed(orders):
        kept.sort(key=lambda one, path=path: sort_key(value_of(one, path)), reverse=down)  # type: ignore[misc]
    if query.HasField("start_at"):
        kept = [one for one in kept if not _is_before(one, query.start_at, orders, itself=not query.start_at.before)]
    if query.HasField("end_at"):
        kept = [one for one in kept if _is_before(one, query.end_at, orders, itself=not query.end_at.before)]
    kept = kept[query.offset :]
    kept = kept[: query.limit.value] if query.HasField("limit") else kept
    return selected(query, kept)


def selected(query: Any, documents: list[Any]) -> list[Any]:
    """Of the documents that `query` finds, the fields that it asks for."""
    if not query.HasField("select"):
        return documents
    return [masked(one, [each.field_path for each in query.select.fields]) for one in documents]


def has_or(where: Any) -> bool:
    """Whether one of several filters is enough somewhere."""
    if where.WhichOneof("filter_type") != "composite_filter":
        return False
    composite = where.composite_filter
    return composite.op != StructuredQuery.CompositeFilter.Operator.AND or any(map(has_or, composite.filters))


def masked(document: Any, paths: Sequence[str]) -> Any:
    """A document with these fields only."""
    made = DOCUMENT(name=document.name, create_time=document.create_time, update_time=document.update_time)
    for path in paths:
        value = None if path == NAME else field(document.fields, path_of(path))
        if value is not None:
            put(made.fields, path_of(path), value)
    return made


def filters(where: Any) -> list[Any]:
    """The filters that are not made of others."""
    if where.WhichOneof("filter_type") == "composite_filter":
        return list(itertools.chain.from_iterable(map(filters, where.composite_filter.filters)))
    return [where] if where.WhichOneof("filter_type") else []


def _unequal(where: Any) -> list[str]:
    """The fields that are compared otherwise than by equality, which sort first where nothing else is said."""
    ranges = (*RANGES, OPERATORS.NOT_EQUAL, OPERATORS.NOT_IN)
    of_fields = [one.field_filter for one in filters(where) if one.WhichOneof("filter_type") == "field_filter"]
    return list(dict.fromkeys(one.field.field_path for one in of_fields if one.op in ranges))


def orders_of(query: Any) -> list[tuple[str, bool]]:
    """Fields, and whether they are sorted downwards; names are the last."""
    down = StructuredQuery.Direction.DESCENDING
    orders = [(one.field.field_path, one.direction == down) for one in query.order_by]
    last = orders[-1][1] if orders else False
    named = {path for path, _ in orders}
    orders += [(path, last) for path in sorted(_unequal(query.where)) if path not in named]
    return orders if NAME in {path for path, _ in orders} else [*orders, (NAME, last)]


def _is_before(document: Any, cursor: Any, orders: Sequence[tuple[str, bool]], *, itself: bool) -> bool:
    """Whether a document comes before a cursor, or is at it where `itself` counts."""
    for value, (path, down) in zip(cursor.values, orders, strict=False):
        mine, other = sort_key(value_of(document, path)), sort_key(value)
        if mine != other:
            return bool(mine < other) != down
    return itself


def _fits(where: Any, document: Any) -> bool:
    of = where.WhichOneof("filter_type")
    if of is None:
        return True
    if of == "composite_filter":
        every = where.composite_filter.op == StructuredQuery.CompositeFilter.Operator.AND
        return (all if every else any)(_fits(one, document) for one in where.composite_filter.filters)
    if of == "unary_filter":
        return _fits_unary(where.unary_filter, value_of(document, where.unary_filter.field.field_path))
    value = value_of(document, where.field_filter.field.field_path)
    return value is not None and _fits_field(where.field_filter, value)


def _fits_unary(asked: Any, value: Any) -> bool:
    if value is None:
        return False
    is_nan = number(value) is not None and number(value) != number(value)
    is_null = kind(value) == "null_value"
    answers = {
        _UNARY.IS_NAN: is_nan,
        _UNARY.IS_NULL: is_null,
        _UNARY.IS_NOT_NAN: not is_nan,
        _UNARY.IS_NOT_NULL: not is_null,
    }
    return answers[asked.op]


def _fits_field(asked: Any, value: Any) -> bool:
    mine, other = sort_key(value), sort_key(asked.value)
    if asked.op in RANGES:  # values of one type only
        return mine[0] == other[0] and RANGES[asked.op](mine, other)
    given = {sort_key(one) for one in asked.value.array_value.values}
    own = {sort_key(one) for one in value.array_value.values} if kind(value) == "array_value" else set()
    is_null = kind(value) == "null_value"
    answers: dict[int, Callable[[], bool]] = {
        OPERATORS.EQUAL: lambda: mine == other,
        OPERATORS.NOT_EQUAL: lambda: mine != other and not is_null,
        OPERATORS.IN: lambda: mine in given,
        OPERATORS.NOT_IN: lambda: mine not in given and not is_null,
        OPERATORS.ARRAY_CONTAINS: lambda: other in own,
        OPERATORS.ARRAY_CONTAINS_ANY: lambda: bool(own & given),
    }
    return answers[asked.op]()


def aggregated(aggregation: Any, documents: Sequence[Any]) -> Any:
    """What one aggregation makes of what its query returns."""
    of = aggregation.WhichOneof("operator")
    if of == "count":
        most = aggregation.count.up_to.value if aggregation.count.HasField("up_to") else len(documents)
        return VALUE(integer_value=min(len(documents), most))
    values = [value_of(one, getattr(aggregation, of).field.field_path) for one in documents]
    numbers = [found for found in (number(value) for value in values if value is not None) if found is not None]
    if of == "avg":
        return VALUE(double_value=sum(numbers) / len(numbers)) if numbers else VALUE(null_value=0)
    total = sum(numbers)
    return VALUE(double_value=total) if isinstance(total, float) else VALUE(integer_value=total)


def check_index(query: Any, indexes: Mapping[str, Sequence[Sequence[Part]]]) -> None:
    """Raises Refusal where no index of the collection serves `query`: one over its equal fields in any order and
    direction, then over what it sorts by, in that order and direction; or several that are over a part of its equal
    fields each, which are merged. One field alone is always indexed."""
    equal = {
        one.field_filter.field.field_path
        for one in filters(query.where)
        if one.WhichOneof("filter_type") == "field_filter" and one.field_filter.op in EQUALITIES
    }
    sorts = [(path, "DESCENDING" if down else "ASCENDING") for path, down in orders_of(query)]
    if sorts[-1][0] == NAME and (len(sorts) == 1 or sorts[-1][1] == sorts[-2][1]):
        del sorts[-1]
    sorts = [one for one in sorts if one[0] not in equal]
    if not sorts or (len(sorts) == 1 and not equal):
        return
    served: set[str] = set()
    for index in indexes.get(query.from_[0].collection_id, ()):
        first, rest = {path for path, _ in index[: -len(sorts)]}, [*index[-len(sorts) :]]
        if rest == sorts and first <= equal:
            served |= first
    if served == equal and equal:
        return
    raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "The query requires an index.")
