"""The lossless JSON codec: what goes into a JSON column comes back equal.

Plain JSON stays plain JSON, so agno reads it with `json.loads`. Only what JSON or the column cannot carry is
tagged, as a dict with a single key: `{"$agnodb": [kind, payload]}`.

    kind             payload
    float            "nan", "inf", "-inf"; the repr of a float that is the whole document (see `_document`)
    int              hex text: of an int too long for decimal text, or beyond 64 bits and the whole document
    decimal, uuid    text
    datetime, time   ISO 8601 text with its offset, and "[fold=1]" where that is set
    date             ISO 8601 text
    timedelta        [days, seconds, microseconds]
    bytes            base64 (of bytearray and memoryview too)
    str              a text with U+0000 or lone surrogates: those and backslashes as \\uXXXX
    set, frozenset   [member, ...] in a fixed order
    map              [[key, value], ...] of a dict with a key that is no str, is such a text, or is "$agnodb"
                     itself: so no data of a user is ever taken for a tag

Declared normalisations: tuple, namedtuple and deque become list (inside keys and sets: tuple); any Mapping
becomes dict; subclasses of the types above become those types; a named time zone becomes its offset at that
moment (a bare `time` in one loses it). PostgreSQL's JSONB does three things of its own: -0.0 becomes 0.0, an
integral float from 1e16 on becomes an int (its float() is the original), and an object's keys are reordered.

Anything else has a one-way form and never fails the row. It is the first of these that works: the value of an
Enum, `model_dump()`, `to_dict()`, the fields of a dataclass, `tolist()` (numpy), `dict()` of a Mapping,
`str()`, `repr()`, "<module.Class>". Where such a form cannot be hashed, a key becomes its text and a set
becomes a list. So they do where two would become one, as of {Colour.RED, "red"}; of two keys, the one that is
its own form keeps it, and a text that is taken too is numbered.

What contains itself, or would be nested deeper than MAX_DEPTH, is refused when it is written.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID

import orjson

from agnodb.errors import InvalidValueError
from agnodb.forms import OWN, lower, text_of
from agnodb.text import UNSTORABLE, escape, unescape

TAG = "$agnodb"
# Of brackets in the text, those of tags included. What is written must be readable everywhere, and a reader
# may need the stdlib, which takes a level from the interpreter's 1,000 frames.
MAX_DEPTH = 750

_FAST_DEPTH = 64  # deeper is rare, and this is how soon the fast path gives up on a cycle
_LONG_INT_BITS = 2000  # 602 digits: an interpreter may refuse decimal text from 640 on, by default from 4,300
_QUOTED_TAG = f'"{TAG}"'


def encode(value: Any) -> str:
    """The JSON text of any value. InvalidValueError when it contains itself or is nested too deeply."""
    try:
        return _fast(value) or _dump(_document(value))
    except RecursionError:
        raise InvalidValueError("The value is nested too deeply.") from None


def decode(text: str | float) -> Any:
    """The value of a JSON text; a tag that makes no sense stays the dict it is.

    A number is returned as it is: SQLite's JSON columns turn a text that is a number into one.
    InvalidValueError when the text is not JSON, or is nested too deeply.
    """
    if isinstance(text, int | float):
        return text
    try:
        value = _parse(text)
        return _untag(value) if "$" in text and _QUOTED_TAG in text else value
    except RecursionError:
        raise InvalidValueError("The stored value is nested too deeply.") from None


def tree(text: str) -> Any:
    """The plain JSON value of a text of `encode`, its tags as they are: for a database that stores values, not text."""
    try:
        return _parse(text)
    except RecursionError:
        raise InvalidValueError("The stored value is nested too deeply.") from None


def untagged(value: Any) -> Any:
    """The value of a `tree`, which is used up."""
    return _untag(value)


# --- writing ---

_PLAIN_ATOMS = frozenset({str, int, bool, NoneType})
_STDLIB_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))


def _fast(value: Any) -> str | None:
    """orjson's text where that is right, else None.

    It would write NaN as null, and UUID, datetime, Enum and dataclass as it likes: it gets exact types only.
    """
    if type(value) is int or type(value) is float:
        return None
    try:
        if not _all_plain((value,), _FAST_DEPTH):
            return None
        text = orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # lone surrogates, ints over 64 bits
        return None
    except RuntimeError:  # another thread changes it meanwhile: `_node` reads copies
        return None
    # One character is looked for much faster than several.
    return None if ("\\" in text and "\\u0000" in text) or ("$" in text and _QUOTED_TAG in text) else text


def _all_plain(items: Any, depth: int) -> bool:
    for item in items:
        kind = type(item)
        if kind in _PLAIN_ATOMS:
            continue
        if kind is dict:
            for key in item:
                if type(key) is not str:
                    return False
            if not depth or not _all_plain(item.values(), depth - 1):
                return False
        elif kind is list or kind is tuple:
            if not depth or not _all_plain(item, depth - 1):
                return False
        elif kind is not float or not math.isfinite(item):
            return False
    return True


def _dump(node: Any) -> str:
    try:
        return orjson.dumps(node).decode()
    except orjson.JSONEncodeError:  # ints over 64 bits, depth over 254
        return _STDLIB_ENCODER.encode(node)


def _document(value: Any) -> Any:
    """The tree of a whole document.

    A number alone is tagged unless it is an int of 64 bits: SQLite's JSON columns have NUMERIC affinity,
    which rounds longer ints, and changes the last bit of one float in 10,000.
    """
    node = _node(value, 1, set())
    if type(node) is float:
        return _tag("float", repr(node))
    if type(node) is int and not -(2**63) <= node < 2**63:
        return _tag("int", hex(node))
    return node


def _node(value: Any, depth: int, path: set[int]) -> Any:
    """The tree of `value` that JSON can carry. `path` holds the ids of what it is inside of.

    One frame a level, hence no comprehension around the recursion: on 3.11 that is a frame of its own.
    """
    if type(value) in _WRITERS:
        return _scalar(value)
    here = id(value)
    if here in path or depth > MAX_DEPTH:
        raise InvalidValueError("The value contains itself or is nested too deeply.")
    path.add(here)
    value = lower(value)
    kind = type(value)
    node: Any
    if kind is dict:
        value = value.copy()  # a form of what is inside, or another thread, may change it
        keys = _apart(value, [_key(key, depth + 4, path) for key in value])
        plain = all(type(key) is str and key != TAG for key in keys)
        inner = depth + (1 if plain else 4)  # the brackets of the tag count
        pairs: list[tuple[Any, Any]] = []
        for key, item in zip(keys, value.values(), strict=True):
            pairs.append((key, _node(item, inner, path)))
        node = dict(pairs) if plain else _tag("map", pairs)
    elif kind is list or kind is tuple:
        node = []
        for item in value:
            node.append(_node(item, depth + 1, path))
    elif kind is set or kind is frozenset:
        # By their JSON text, because that orders members of any type.
        node = sorted((_node(item, depth + 3, path) for item in value.copy()), key=_dump)
        if _make_a_set(node):
            node = _tag(kind.__name__, node)
    else:
        node = _scalar(value)
    path.discard(here)
    return node


def _key(key: Any, depth: int, path: set[int]) -> Any:
    if type(key) is str:
        return _text_node(key)
    node = _node(key, depth, path)
    return node if _make_a_set([node]) else _text_node(text_of(key))


def _form(node: Any) -> Any:
    """What `node` is read back as where it is hashed. TypeError where it cannot be."""
    if type(node) in _PLAIN_ATOMS:
        return node
    form = _freeze(decode(_dump(node)))
    hash(form)
    return form


def _make_a_set(nodes: list[Any]) -> bool:
    """Whether a set of `nodes` is read back with every one of them."""
    try:
        return len({_form(node) for node in nodes}) == len(nodes)
    except TypeError:
        return False


def _apart(keys: Iterable[Any], nodes: list[Any]) -> list[Any]:
    """`nodes`, those of `keys`, without two that are read back as one: another's is the key's text, numbered."""
    if _make_a_set(nodes):
        return nodes
    taken: set[Any] = set()
    pairs = list(enumerate(zip(keys, nodes, strict=True)))
    for place, (key, node) in sorted(pairs, key=lambda pair: type(pair[1][0]) not in OWN):  # 1 goes before Enum(1)
        form, text, number = _form(node), "", 1
        while form in taken:
            text = text or text_of(key)
            form = text if number == 1 else f"{text} ({number})"
            nodes[place] = _text_node(form)
            number += 1
        taken.add(form)
    return nodes


def _tag(kind: str, payload: Any) -> dict[str, Any]:
    return {TAG: [kind, payload]}


def _scalar(value: Any) -> Any:
    try:
        return _WRITERS[type(value)](value)
    except RecursionError:
        raise
    except Exception:  # a tzinfo is foreign code and may raise anything
        return _text_node(text_of(value))


def _text_node(value: str) -> Any:
    return _tag("str", escape(value)) if UNSTORABLE.search(value) else value


def _fold(value: datetime | time) -> str:
    return _FOLD if value.fold else ""


_FOLD = "[fold=1]"
_WRITERS: dict[type, Callable[[Any], Any]] = {
    NoneType: lambda value: value,
    bool: lambda value: value,
    str: _text_node,
    int: lambda value: value if value.bit_length() <= _LONG_INT_BITS else _tag("int", hex(value)),
    float: lambda value: value if math.isfinite(value) else _tag("float", repr(value)),
    Decimal: lambda value: _tag("decimal", str(value)),
    UUID: lambda value: _tag("uuid", str(value)),
    datetime: lambda value: _tag("datetime", value.isoformat() + _fold(value)),
    date: lambda value: _tag("date", value.isoformat()),
    time: lambda value: _tag("time", value.isoformat() + _fold(value)),
    timedelta: lambda value: _tag("timedelta", [value.days, value.seconds, value.microseconds]),
    bytes: lambda value: _tag("bytes", b64encode(value).decode()),
}


# --- reading ---

# A long int is found by the shape of the text: "-" for what may stand before a number, "0" for a digit. On
# 4 KB that takes 2 us, and a regular expression 14 to 30.
_SHAPE = bytes(
    ord("0") if byte in b"0123456789" else ord("-") if byte in b"-:,[ \t\r\n" else ord("x") for byte in range(256)
)
_LONG_INT = b"-" + b"0" * 19
# 19 digits in a row stand at three sixth bytes at least. Those are looked at first, in a third of the time.
_STEP, _STEPS = 6, b"000"


def _parse(text: str) -> Any:
    raw = b" " + text.encode(errors="surrogatepass")
    # orjson reads an int over 64 bits as a float.
    if _STEPS not in raw[::_STEP].translate(_SHAPE) or _LONG_INT not in raw.translate(_SHAPE):
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:  # also for NaN and lone surrogates, which agno writes
            pass
    try:
        return _STDLIB_DECODER.decode(text)
    except ValueError as error:
        raise InvalidValueError("The stored value is not JSON.", detail=str(error)) from error


def _parse_int(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # longer than the interpreter converts; Decimal has no such limit
        return int(Decimal(digits))


_STDLIB_DECODER = json.JSONDecoder(parse_int=_parse_int)


def _untag(value: Any) -> Any:
    """`value` with its tags replaced, in place and from the bottom up; without recursion, so at any depth."""
    root = [value]
    containers: list[Any] = [root]
    for container in containers:  # grows meanwhile: parents stand before their children
        items = container.values() if type(container) is dict else container
        containers.extend(item for item in items if type(item) is dict or type(item) is list)
    for container in reversed(containers):
        for key, item in container.items() if type(container) is dict else enumerate(container):
            if type(item) is dict and len(item) == 1 and TAG in item:
                container[key] = _revive(item)
    return root[0]


def _revive(tag: dict[str, Any]) -> Any:
    try:
        kind, payload = tag[TAG]
        expected, reader = _READERS[kind]
        if type(payload) is expected:
            return reader(payload)
    except (ValueError, TypeError, LookupError, ArithmeticError):
        pass  # somebody else's dict: a read never fails for it
    return tag


def _freeze(value: Any) -> Any:
    return tuple(map(_freeze, value)) if type(value) is list else value


def _read_map(pairs: list[Any]) -> dict[Any, Any]:
    if any(type(pair) is not list for pair in pairs):
        raise TypeError("a pair is a list")
    return {_freeze(key): value for key, value in pairs}


def _read_folded(kind: type[datetime] | type[time], text: str) -> datetime | time:
    iso = text.removesuffix(_FOLD)
    moment = kind.fromisoformat(iso)
    if under_a_second := _TINY_OFFSET.search(iso):  # which CPython reads as no offset at all
        offset = timedelta(microseconds=int(under_a_second[1] + under_a_second[2]))
        moment = moment.replace(tzinfo=timezone(offset))
    return moment.replace(fold=1) if text.endswith(_FOLD) else moment


_TINY_OFFSET = re.compile(r"([+-])00:00:00\.([0-9]{6})\Z")


_READERS: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "float": (str, float),
    "int": (str, lambda text: int(text, 16)),
    "str": (str, unescape),
    "decimal": (str, Decimal),
    "uuid": (str, UUID),
    "datetime": (str, lambda text: _read_folded(datetime, text)),
    "date": (str, date.fromisoformat),
    "time": (str, lambda text: _read_folded(time, text)),
    "timedelta": (list, lambda parts: timedelta(*parts)),
    "bytes": (str, lambda text: b64decode(text, validate=True)),
    "set": (list, lambda members: set(map(_freeze, members))),
    "frozenset": (list, lambda members: frozenset(map(_freeze, members))),
    "map": (list, _read_map),
}
