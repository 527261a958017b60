"""Two changes of one document made into one: key by key, against the document that both began with.

What only one side has changed is kept, and what only one side has deleted stays away. What both have changed is
decided by the policies (`agnodb.policies`): the numbers below a counter are added up, a mapping is merged in turn,
and of anything else the one who saves last wins, or StaleVersionError is raised.

Plain functions over decoded values. None of them changes what it is given.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from agnodb.errors import StaleVersionError
from agnodb.policies import Policies


class _Marker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


UNKNOWN: Final[Any] = _Marker("UNKNOWN")
"""The base of a document that came without one. Nothing is deleted then, and the larger of two counts is kept."""
_MISSING: Final[Any] = _Marker("MISSING")


def merged(name: str, base: Any, mine: Any, theirs: Any, policies: Policies) -> Any:
    """The document `name` of a row that holds `theirs`, saved as `mine` by somebody who has begun with `base`.

    A document that is None counts as an empty one. Raises StaleVersionError, with `path`, where the policies say so.
    """
    if name == "summary":
        return _newer(base, mine, theirs)
    if not (_is_mapping_or_none(mine) and _is_mapping_or_none(theirs)):
        return _Merge(policies).value(name, base, mine, theirs)
    begun = base if base is UNKNOWN or isinstance(base, Mapping) else {}
    result = _Merge(policies).mapping(name, begun, mine or {}, theirs or {})
    return result if result or mine is not None else None


def has_counter(documents: Mapping[str, Any], policies: Policies) -> bool:
    """Whether there is anything at the path of a counter in `documents`, by name."""
    for path in policies.counters:
        value: Any = documents
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value:
            return True
    return False


class _Merge:
    def __init__(self, policies: Policies) -> None:
        self._raises = policies.on_conflict == "raise"
        self._counters = frozenset(policies.counters)

    def mapping(self, path: str, base: Any, mine: Mapping[Any, Any], theirs: Mapping[Any, Any]) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key in (*theirs, *(key for key in mine if key not in theirs)):
            value = self.value(f"{path}.{key}", _member(base, key), mine.get(key, _MISSING), theirs.get(key, _MISSING))
            if value is not _MISSING:
                result[key] = value
        return result

    def value(self, path: str, base: Any, mine: Any, theirs: Any) -> Any:
        if path in self._counters:
            return _counted(base, mine, theirs)
        if same(mine, theirs) or same(mine, base):
            return theirs
        if same(theirs, base):
            return mine
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            begun = base if base is UNKNOWN or isinstance(base, Mapping) else {}
            return self.mapping(path, begun, mine, theirs)
        if base is UNKNOWN:
            return theirs if mine is _MISSING else mine
        if self._raises:
            raise StaleVersionError(path=path)
        return mine


# -- counters ---------------------------------------------------------------------------------------------------


def _counted(base: Any, mine: Any, theirs: Any) -> Any:
    """All numbers of a value added up, wherever they are in it."""
    if same(mine, base) or (mine is _MISSING and base is UNKNOWN):
        return theirs
    if same(theirs, base):
        return mine
    sides = [side for side in (base, mine, theirs) if side not in (UNKNOWN, _MISSING, None)]
    if sides and all(isinstance(side, Mapping) for side in sides):
        return _counted_members(base, mine, theirs)
    if sides and all(_is_list_of_counts(side) for side in sides):
        counts = _counted_members(*(_by_identity(side) for side in (base, mine, theirs)))
        return counts if counts is _MISSING else list(counts.values())
    if all(_is_number(side) for side in sides):
        return _sum(base, mine, theirs)
    return theirs if mine is _MISSING or same(mine, base) else mine


def _counted_members(base: Any, mine: Any, theirs: Any) -> Any:
    result = {}
    for key in dict.fromkeys(key for side in (theirs, mine) if isinstance(side, Mapping) for key in side):
        value = _counted(*(_member(side, key) for side in (base, mine, theirs)))
        if value is not _MISSING:
            result[key] = value
    return _MISSING if not result and mine is _MISSING else result


def _sum(base: Any, mine: Any, theirs: Any) -> Any:
    if mine in (_MISSING, None) and theirs in (_MISSING, None):
        return theirs if mine is _MISSING else mine
    mine_number, theirs_number = _number(mine), _number(theirs)
    if base is UNKNOWN:
        return max(mine_number, theirs_number)
    counts = (theirs_number, mine_number, -_number(base))
    try:
        if any(isinstance(count, Decimal) for count in counts):
            total: Any = sum(Decimal(str(count)) if isinstance(count, float) else count for count in counts)
        elif any(isinstance(count, float) for count in counts):
            total = math.fsum(counts)  # rounded once
        else:
            total = sum(counts)
    except ArithmeticError:  # beyond what such numbers can be
        total = mine_number
    return _MISSING if total == 0 and mine is _MISSING else total  # agno leaves out what is zero


def _number(value: Any) -> Any:
    return value if _is_number(value) else 0


def _is_number(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list_of_counts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) and "id" in item for item in value)


def _by_identity(value: Any) -> Any:
    """agno's counts by model are a list, in which an id and a provider stand once."""
    if not isinstance(value, list):
        return value
    return {(_text(item.get("id")), _text(item.get("provider"))): item for item in value}


def _text(value: Any) -> Hashable:
    return value if isinstance(value, str) else repr(value)


# -- a summary --------------------------------------------------------------------------------------------------


def _newer(base: Any, mine: Any, theirs: Any) -> Any:
    """A summary is one text about one moment: of two, the newer is kept whole."""
    if same(mine, theirs) or same(mine, base):
        return theirs
    if base is not UNKNOWN and same(theirs, base):
        return mine
    if mine is None or theirs is None:
        return theirs if mine is None else mine
    written, stored = _moment(mine), _moment(theirs)
    return theirs if written is not None and stored is not None and stored > written else mine


def _moment(summary: Any) -> float | None:
    """When a summary was made, in epoch seconds; a time without a zone is UTC."""
    made = summary.get("updated_at") if isinstance(summary, Mapping) else None
    if isinstance(made, str):
        try:
            made = datetime.datetime.fromisoformat(made)
        except ValueError:
            return None
    if isinstance(made, datetime.datetime):
        return (made if made.tzinfo else made.replace(tzinfo=datetime.UTC)).timestamp()
    return made if isinstance(made, int | float) and _is_number(made) else None


# -- values -----------------------------------------------------------------------------------------------------


def same(one: Any, other: Any) -> bool:
    """Whether two decoded values are the same: NaN is, True and 1 are not, 1 and 1.0 are."""
    if one is other:
        return True
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return len(one) == len(other) and all(key in other and same(one[key], other[key]) for key in one)
    if _is_list(one) and _is_list(other):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return type(one) is type(other) and str(one) == str(other)
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _member(side: Any, key: Any) -> Any:
    if side is UNKNOWN:
        return UNKNOWN
    return side.get(key, _MISSING) if isinstance(side, Mapping) else _MISSING


def _is_mapping_or_none(value: Any) -> bool:
    return value is None or isinstance(value, Mapping)
