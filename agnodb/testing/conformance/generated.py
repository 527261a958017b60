"""Values as Hypothesis generates them: texts, and everything that a document may hold.

They are drawn once and stored by the dozen (`samples`): a database is asked far too slowly for one example a call.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agnodb.codec import TAG
from agnodb.testing.conformance.values import ODD_TEXT, ODD_VALUES

T = TypeVar("T")

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
tricky_text = st.sampled_from(
    [TAG, f'"{TAG}"', "$agnodb:", "\0", "\\u0000", "\\", "\\\\u0000", "\ud83d\ude00", "\ud83d\\ude00", "😀", "\x1b[0m"]
)
texts = any_text | tricky_text | st.lists(any_text | tricky_text, max_size=3).map("".join)

_moments = st.timedeltas(timedelta(hours=-23), timedelta(hours=23))
_tiny = st.timedeltas(timedelta(microseconds=-999_999), timedelta(microseconds=999_999))
offsets = st.none() | (_moments | _tiny).map(timezone)
_folds = st.sampled_from([0, 1])
ints = st.integers() | st.integers(60, 20_000).map(lambda bits: 2**bits + 1) | st.sampled_from([2**63, -(2**63)])


def _with_fold(moments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda moment, fold: moment.replace(fold=fold), moments, _folds)


def hashables(floats: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """What may be a key, or a member of a set."""
    return st.recursive(
        st.none()
        | st.booleans()
        | ints
        | floats
        | texts
        | st.decimals().filter(lambda number: not number.is_snan())
        | _with_fold(st.datetimes(timezones=offsets))
        | st.dates()
        | _with_fold(st.times(timezones=offsets))
        | st.timedeltas()
        | st.uuids()
        | st.binary(max_size=12),
        lambda inner: st.frozensets(inner, max_size=3) | st.tuples(inner) | st.tuples(inner, inner),
        max_leaves=5,
    )


tag_like = st.builds(
    lambda kind, payload: {TAG: [kind, payload]},
    st.sampled_from(["uuid", "str", "set", "map", "int", "nothing"]),
    texts,
)


def documents(floats: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    """What comes back equal. A tuple comes back as one only where it must be hashable."""
    keys = hashables(floats)
    return st.recursive(
        keys.filter(lambda value: not isinstance(value, tuple)) | st.just(Decimal("sNaN7")) | tag_like,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(texts, inner, max_size=4)
            | st.dictionaries(texts | keys, inner, max_size=4)
            | st.sets(keys, max_size=3)
        ),
        max_leaves=20,
    )


values = documents(st.floats())
"""Everything that the codec gives back equal."""
# PostgreSQL's JSONB makes 0.0 of -0.0, and an int of an integral float from 1e16 on (see `agnodb.codec`).
storable = documents(st.floats().filter(lambda x: not abs(x) >= 1e16 or abs(x) == float("inf")).map(lambda x: x or 0.0))
"""Everything that every database gives back equal."""

_plain_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _plain_text,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(_plain_text.filter(lambda key: key != TAG), inner, max_size=5)
    ),
    max_leaves=30,
)
"""What JSON carries by itself."""


def samples(strategy: st.SearchStrategy[T], number: int) -> list[T]:
    """At most `number` values of `strategy`, always the same ones."""
    drawn: list[T] = []

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: T) -> None:
        drawn.append(value)

    draw()
    return drawn


@cache
def sample_documents() -> tuple[Any, ...]:
    """Documents for the tests of every concept, the odd ones by name among them."""
    return *ODD_VALUES, *samples(storable, 150)


@cache
def sample_texts() -> tuple[str, ...]:
    """Texts for the tests of every concept, each once."""
    return tuple(dict.fromkeys((*ODD_TEXT, *samples(texts, 60))))
