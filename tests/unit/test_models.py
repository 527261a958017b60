"""The models: every listing has its indexes, and the same tables can be made under any names."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ForeignKeyConstraint, Index, Table, UniqueConstraint, create_engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.elements import ClauseElement, UnaryExpression

from agnodb.config import MAX_IDENTIFIER_BYTES, Layout, TableNames
from agnodb.errors import ConfigurationError
from agnodb.filters import LISTINGS, Page
from agnodb.models import Base, Tables, concepts, tables_for
from agnodb.sql.dialects import SqliteDialect
from agnodb.sql.repository import SqlRepository, Statements

DEFAULT = tables_for(Layout())
DIALECTS: dict[str, Dialect] = {"postgresql": postgresql.dialect(), "sqlite": sqlite.dialect()}  # type: ignore[no-untyped-call]


WITHIN = {("runs", "run_index"): "session_id"}
"""Sorts that only mean something within one value of another column: their index leads with that one."""


def table(tables: Tables, concept: str) -> Table:
    found: Table = getattr(tables, concept)
    return found


def every_concept() -> tuple[str, ...]:
    return (*concepts(), *TableNames().own())


def all_tables(tables: Tables) -> list[Table]:
    return [table(tables, concept) for concept in every_concept()]


def leading(concept: str) -> set[str]:
    """The first column or expression of the primary key and of each index that has every row."""
    made = table(DEFAULT, concept)
    first = {normal(next(iter(made.primary_key.columns)))}
    for constraint in made.constraints:
        if isinstance(constraint, UniqueConstraint):
            first.add(normal(next(iter(constraint.columns))))
    for index in made.indexes:
        if index.dialect_options["postgresql"].get("where") is None:
            expression = next(iter(index.expressions))
            assert not isinstance(expression, str)
            first.add(normal(expression))
    return first


def normal(expression: ClauseElement) -> str:
    """A column or an expression as text that does not tell where its columns are from."""
    sql = str(expression.compile(dialect=DIALECTS["sqlite"])).lower().replace('"', "")
    for made in all_tables(DEFAULT):
        sql = sql.replace(f"{made.name}.", "")
    return sql.replace(" ", "")


# -- listings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concept", LISTINGS)
def test_every_field_of_a_listing_is_a_column(concept: str) -> None:
    listing, columns = LISTINGS[concept], table(DEFAULT, concept).columns
    assert {listing.key, *listing.filters, *listing.ranges, *listing.sorts} <= set(columns.keys())
    assert [column.name for column in table(DEFAULT, concept).primary_key] == [listing.key]


@pytest.mark.parametrize("concept", LISTINGS)
def test_every_filter_and_range_has_an_index_that_leads_with_it(concept: str) -> None:
    listing = LISTINGS[concept]
    wanted = {*listing.filters, *listing.ranges}
    assert wanted - leading(concept) == set()


@pytest.mark.parametrize(("concept", "sort"), [(c, sort) for c, listing in LISTINGS.items() for sort in listing.sorts])
def test_every_sort_has_an_index_that_leads_with_what_is_sorted_by(concept: str, sort: str) -> None:
    """What the statement sorts by may be an expression: an index on the bare column does not serve it."""
    for order in ("asc", "desc"):
        first = repository(concept).order(Page(sort_by=sort, sort_order=order).checked(LISTINGS[concept]))[0]
        assert isinstance(first, UnaryExpression)
        if (concept, sort) in WITHIN:
            starts = [[normal(c) for c in list(index.columns)[:2]] for index in table(DEFAULT, concept).indexes]
            assert [WITHIN[concept, sort], normal(first.element)] in starts
        else:
            assert normal(first.element) in leading(concept)


def repository(concept: str) -> SqlRepository:  # type: ignore[type-arg]
    """A repository that can build statements and has nothing to run them on."""
    module = importlib.import_module(f"agnodb.sql.{concept}")
    (kind,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, SqlRepository) and value.__module__ == module.__name__
    )
    return kind(None, Statements(SqliteDialect(), DEFAULT))  # type: ignore[arg-type]


def test_what_is_ours_cannot_make_a_write_of_agno_fail() -> None:
    for made in all_tables(DEFAULT):
        for column in made.columns:
            assert not column.name.startswith("agnodb_") or (column.nullable and not column.foreign_keys)


# -- the same tables under other names ---------------------------------------------------------------------------

plain = st.text("abcdefgh_", min_size=1, max_size=20)
odd = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)
long = st.text("xyü", min_size=50, max_size=63)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """A layout whose names have nothing in common but their length."""
    name = draw(st.sampled_from([plain, odd, long]))
    distinct = st.lists(
        name.filter(lambda text: len(text.encode()) <= MAX_IDENTIFIER_BYTES),
        min_size=len(concepts()), max_size=len(concepts()), unique_by=str.lower,
    )  # fmt: skip
    return Layout(draw(st.none() | plain), TableNames(**dict(zip(concepts(), draw(distinct), strict=True))))


def test_the_default_layout_is_the_models() -> None:
    assert {made.name for made in all_tables(DEFAULT)} == set(Base.metadata.tables)
    for model in Base.metadata.sorted_tables:
        copy = DEFAULT.metadata.tables[model.name]
        assert {str(index.name) for index in copy.indexes} == {str(index.name) for index in model.indexes}
        for dialect in DIALECTS.values():
            assert str(CreateTable(copy).compile(dialect=dialect)) == str(CreateTable(model).compile(dialect=dialect))
            assert indexes(copy, dialect) == indexes(model, dialect)


def indexes(made: Table, dialect: Dialect) -> set[str]:
    return {str(CreateIndex(index).compile(dialect=dialect)) for index in made.indexes}


@settings(deadline=None)  # a busy machine is no failure
@given(layouts())
def test_other_names_make_the_same_tables(layout: Layout) -> None:
    tables = tables_for(layout)
    assert tables_for(Layout(layout.schema, layout.names)) is tables
    assert set(tables.metadata.tables.values()) == set(all_tables(tables))
    for concept in every_concept():
        made, default = table(tables, concept), table(DEFAULT, concept)
        assert (made.name, made.schema) == ({**layout.names.as_dict(), **layout.names.own()}[concept], layout.schema)
        assert [describe(column) for column in made.columns] == [describe(column) for column in default.columns]
        assert parts(made.indexes) == parts(default.indexes)
        for foreign, original in zip(foreign_keys(made), foreign_keys(default), strict=True):
            assert foreign.ondelete == original.ondelete
            assert foreign.column_keys == original.column_keys
            referred = next(c for c in concepts() if table(DEFAULT, c) is original.referred_table)
            assert foreign.referred_table is table(tables, referred)


def describe(column: object) -> tuple[object, ...]:
    names = ("name", "primary_key", "nullable", "server_default")
    return (*(repr(getattr(column, name)) for name in names), repr(getattr(column, "type")))  # noqa: B009


def foreign_keys(made: Table) -> list[ForeignKeyConstraint]:
    return sorted(made.foreign_key_constraints, key=lambda key: tuple(key.column_keys))


def parts(made: set[Index]) -> list[tuple[list[str], bool, dict[str, str]]]:
    """What indexes are on, without their names."""
    found = [
        (
            [getattr(e, "name", None) or str(e) for e in index.expressions],
            bool(index.unique),
            {option: str(value) for option, value in index.dialect_kwargs.items()},
        )
        for index in made
    ]
    return sorted(found, key=repr)


@settings(deadline=None)  # a busy machine is no failure
@given(layouts())
def test_names_are_short_and_no_two_are_equal(layout: Layout) -> None:
    tables = tables_for(layout)
    named = [str(index.name) for made in all_tables(tables) for index in made.indexes]
    unique = [str(key.name) for made in all_tables(tables) for key in made.constraints if type(key) is UniqueConstraint]
    assert len({*named, *unique}) == len(named) + len(unique)
    assert all(len(name.encode()) <= MAX_IDENTIFIER_BYTES for name in named + unique)
    assert not {*named, *unique} & set(layout.names.as_dict().values())


def test_indexes_of_long_names_that_differ_at_the_end_stay_apart() -> None:
    start = "t" * 61
    names = {concept: f"{start}{number:02}" for number, concept in enumerate(concepts())}
    tables = tables_for(Layout(None, TableNames(**names)))
    named = [str(index.name) for made in all_tables(tables) for index in made.indexes]
    assert len(set(named)) == len(named)
    assert max(len(name) for name in named) == MAX_IDENTIFIER_BYTES


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"sessions": "chats", "runs": "turns"},
        {"sessions": 'quo"te', "runs": "select", "memories": "with space", "traces": "ü" * 31, "spans": "x" * 63},
        {"sessions": "agno_runs", "runs": "agno_sessions"},
    ],
)
def test_sqlite_takes_them(names: dict[str, str]) -> None:
    tables = tables_for(Layout(None, TableNames(**names)))
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        for made in all_tables(tables):
            assert connection.execute(made.select()).all() == []
    engine.dispose()


def test_names_that_only_case_tells_apart_are_refused() -> None:
    """SQLite takes them for one table: the second would be "there already", with the columns of the first."""
    with pytest.raises(ConfigurationError):
        TableNames(sessions="Chats", memories="chats")
