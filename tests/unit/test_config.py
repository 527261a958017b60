"""Layouts: names from every source, a key of their own, and the command that makes exactly those tables."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from agnodb.config import (
    DEFAULT_SCHEMA,
    MAX_IDENTIFIER_BYTES,
    Layout,
    TableNames,
    layout_from,
    object_name,
    redact,
    settings_from_environment,
    upgrade_command,
)
from agnodb.errors import ConfigurationError

ARGUMENTS = TableNames.arguments()
CONCEPTS = [field.name for field in fields(TableNames)]
DEFAULTS = TableNames().as_dict()

# Pieces that a careless key or command would take for its own syntax.
pieces = ["a", "b", "chats", "agno_runs", "\n", "=", "sessions=", "\nruns=", " ", "'", '"', "$x", "--table", "ü", "😀"]
names = st.lists(st.sampled_from(pieces), min_size=1, max_size=5).map("".join)
words = st.text("abcdefgh_0123456789", min_size=1, max_size=20)


def layouts(name: st.SearchStrategy[str]) -> st.SearchStrategy[Layout]:
    """Layouts with some tables renamed."""
    chosen = st.dictionaries(st.sampled_from(CONCEPTS), name | st.sampled_from(sorted(DEFAULTS.values())), max_size=4)
    schemas = st.none() | st.just(DEFAULT_SCHEMA) | words
    pairs = st.tuples(schemas, chosen).filter(lambda pair: _can_be_named(pair[1]))
    return pairs.map(lambda pair: Layout(pair[0], TableNames(**pair[1])))


def _can_be_named(chosen: dict[str, str]) -> bool:
    try:
        TableNames(**chosen)
    except ConfigurationError:
        return False
    return True


# -- names ------------------------------------------------------------------------------------------------------


def test_the_arguments_are_those_of_agno() -> None:
    postgres = pytest.importorskip("agno.db.postgres")
    arguments = postgres.AsyncPostgresDb.__init__.__annotations__
    assert set(ARGUMENTS) <= set(arguments)
    assert list(ARGUMENTS.values()) == CONCEPTS
    assert len(set(ARGUMENTS)) == len(CONCEPTS)


@given(layouts(names))
def test_names_from_arguments_are_the_names(layout: Layout) -> None:
    given_names = {argument: layout.names.as_dict()[concept] for argument, concept in ARGUMENTS.items()}
    assert TableNames.from_arguments(given_names) == layout.names
    assert TableNames.from_arguments({**given_names, "components_table": "x"}) == layout.names


def test_absent_and_empty_names_are_the_defaults() -> None:
    assert TableNames.from_arguments({}) == TableNames()
    assert TableNames.from_arguments({"session_table": None, "runs_table": ""}) == TableNames()


def test_runs_follow_a_renamed_session_table() -> None:
    assert TableNames.from_arguments({"session_table": "chats"}).runs == "chats_runs"
    assert TableNames.from_arguments({"session_table": "chats", "runs_table": "turns"}).runs == "turns"
    assert TableNames.from_arguments({"session_table": "agno_sessions"}).runs == "agno_runs"


@pytest.mark.parametrize("name", ["", "\x00", "a\x00b", "x" * 64, "ü" * 32, "\ud800"], ids=ascii)
def test_a_name_that_no_table_can_have_is_refused(name: str) -> None:
    # A lone surrogate cannot be encoded: no driver can send it.
    with pytest.raises(ConfigurationError) as caught:
        TableNames(sessions=name)
    assert not name or name not in str(caught.value)


@pytest.mark.parametrize("name", ["x", "x" * 63, "ü" * 31, "my table", 'quo"te', "select"])
def test_any_other_name_is_taken(name: str) -> None:
    assert TableNames(sessions=name).sessions == name


def test_two_tables_cannot_have_one_name() -> None:
    with pytest.raises(ConfigurationError):
        TableNames(sessions="x", memories="x")
    with pytest.raises(ConfigurationError):
        TableNames(sessions="agno_runs")


# -- the key of a layout ----------------------------------------------------------------------------------------


@given(layouts(names), layouts(names))
@example(
    Layout(None, TableNames(sessions="a\nruns=b", runs="c")), Layout(None, TableNames(sessions="a", runs="b\nruns=c"))
)
def test_other_names_have_another_key(one: Layout, other: Layout) -> None:
    assert (one.key == other.key) == (one.names == other.names)


@given(layouts(names))
def test_the_key_is_of_the_names_alone(layout: Layout) -> None:
    assert layout.key == replace(layout, schema="elsewhere").key
    assert (layout.key == "default") == (layout.names == TableNames())
    assert layout.key.isascii()
    assert len(layout.key) <= 16


def test_the_key_is_the_same_in_every_process() -> None:
    code = "from agnodb.config import *; print(Layout(None, TableNames.from_arguments({'session_table': 'chats'})).key)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == Layout(None, TableNames.from_arguments({"session_table": "chats"})).key


# -- settings and commands --------------------------------------------------------------------------------------


def test_a_layout_from_settings() -> None:
    assert layout_from({}, schema_default="ai") == Layout("ai")
    assert layout_from({"schema": None, "url": "sqlite://"}, schema_default=None) == Layout()
    assert layout_from({"schema": "chat", "memory_table": "facts"}, schema_default="ai") == Layout(
        "chat", TableNames(memories="facts")
    )


@pytest.mark.parametrize("wrong", ["sessions", "sesion_table", "SESSION_TABLE", "password"])
def test_an_unknown_setting_is_refused_and_the_known_ones_are_named(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="session_table") as caught:
        layout_from({wrong: "s3cret"}, schema_default=None)
    assert "s3cret" not in f"{caught.value} {caught.value.detail}"


def test_settings_from_the_environment() -> None:
    environ = {
        "AGNODB_URL": "sqlite:///x.db", "AGNODB_SCHEMA": "", "AGNODB_SESSION_TABLE": "chats", "SESSION_TABLE": "no",
        "AGNODB_TEST_POSTGRES_URL": "no", "AGNODB_SESSIONS": "no", "agnodb_runs_table": "no",
    }  # fmt: skip
    assert settings_from_environment(environ) == {"url": "sqlite:///x.db", "session_table": "chats"}
    every = {f"AGNODB_{argument.upper()}": argument for argument in ARGUMENTS}
    assert settings_from_environment(every) == {argument: argument for argument in ARGUMENTS}


def read_as_a_shell_would(layout: Layout) -> Layout:
    """The layout that the command line makes of `upgrade_command(layout)`."""
    words = shlex.split(upgrade_command(layout))
    assert words[:2] == ["agnodb", "upgrade"]
    settings: dict[str, str | None] = {}
    for option, value in zip(words[2::2], words[3::2], strict=True):
        argument, _, name = value.partition("=") if option == "--table" else ("schema", "", value)
        assert option in ("--table", "--schema")
        settings[argument] = name
    return layout_from(settings, schema_default=None if layout.schema is None else DEFAULT_SCHEMA)


@given(layouts(words))
@example(Layout(None, TableNames(sessions="chats")))
@example(Layout("ai", TableNames(sessions="chats", runs="chats_runs")))
def test_the_command_makes_exactly_those_tables(layout: Layout) -> None:
    assert read_as_a_shell_would(layout) == layout


@given(layouts(names), names)
def test_the_command_can_be_pasted_into_a_shell(layout: Layout, schema: str) -> None:
    runs = layout.names.sessions != DEFAULTS["sessions"] and layout.names.runs == DEFAULTS["runs"]
    assume(not runs)  # see the test above
    layout = replace(layout, schema=schema)
    assert read_as_a_shell_would(layout) == layout


def test_the_command_for_the_defaults_is_short() -> None:
    assert upgrade_command(Layout()) == upgrade_command(Layout("ai")) == "agnodb upgrade"
    assert upgrade_command(Layout("x")) == "agnodb upgrade --schema x"


# -- names of indexes, and secrets ------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=150))
def test_a_name_is_shortened_to_what_postgresql_holds(name: str) -> None:
    short = object_name(name)
    assert len(short.encode()) <= MAX_IDENTIFIER_BYTES
    assert (short == name) == (len(name.encode()) <= MAX_IDENTIFIER_BYTES)
    assert object_name(short) == short


@given(st.text("ab€", max_size=3), st.text("ab€", max_size=3))
def test_names_that_differ_at_their_ends_stay_different(one: str, other: str) -> None:
    for start in ("idx_" + "x" * 58, "idx_" + "ü" * 40):
        assert (object_name(start + one) == object_name(start + other)) == (one == other)


def test_a_shortened_name_is_the_same_in_every_process() -> None:
    name = "idx_" + "x" * 80
    assert object_name(name) == f"{name[:54]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


SECRETS: list[tuple[str, Any]] = [
    ("postgresql://bob:s3cret@db:5432/agno", "postgresql://bob:***@db:5432/agno"),
    ("postgresql+asyncpg://bob:s3@cret:x/y@db/agno", "postgresql+asyncpg://bob:***@db/agno"),
    ("postgresql://:s3cret@db/agno", "postgresql://:***@db/agno"),
    ("postgresql://bob@db:5432/agno", "postgresql://bob@db:5432/agno"),
    ("sqlite:///agno.db", "sqlite:///agno.db"),
]


@pytest.mark.parametrize(("url", "shown"), SECRETS)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert redact(url) == shown
