"""A driver's error becomes one of ours by its code; what it says decides nothing and is never shown."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import exc

from agnodb.errors import (
    AgnoDbError,
    ConfigurationError,
    DuplicateKeyError,
    InvalidValueError,
    NotFoundError,
    OwnershipError,
    SchemaOutdatedError,
    StorageError,
    UnavailableError,
)
from agnodb.sql.failures import SQLITE_ERROR, translate

SECRET = "password=hunter2 host=db.internal user=bob INSERT INTO agno_sessions VALUES ('alice')"


class DriverError(Exception):
    """What a driver raises: text, and perhaps a code."""

    def __init__(self, text: str = SECRET, **codes: Any) -> None:
        super().__init__(text)
        self.__dict__.update(codes)


def wrapped(error: Exception, kind: type[exc.DBAPIError] = exc.DBAPIError, **options: Any) -> exc.DBAPIError:
    """As SQLAlchemy raises it."""
    return kind("INSERT INTO agno_sessions ...", {"user": "alice"}, error, **options)


SQLSTATES: list[tuple[str, type[AgnoDbError]]] = [
    ("08000", UnavailableError),
    ("08001", UnavailableError),
    ("08003", UnavailableError),
    ("08006", UnavailableError),
    ("22001", InvalidValueError),
    ("22003", InvalidValueError),
    ("22021", InvalidValueError),
    ("22P02", InvalidValueError),
    ("22P05", InvalidValueError),
    ("23502", InvalidValueError),
    ("23514", InvalidValueError),
    ("23503", NotFoundError),
    ("23505", DuplicateKeyError),
    ("25006", UnavailableError),
    ("28000", ConfigurationError),
    ("28P01", ConfigurationError),
    ("3D000", ConfigurationError),
    ("40001", UnavailableError),
    ("40P01", UnavailableError),
    ("42501", ConfigurationError),
    ("3F000", SchemaOutdatedError),
    ("42703", SchemaOutdatedError),
    ("42P01", SchemaOutdatedError),
    ("53100", UnavailableError),
    ("53200", UnavailableError),
    ("53300", UnavailableError),
    ("54000", InvalidValueError),
    ("55P03", UnavailableError),
    ("57014", UnavailableError),
    ("57P01", UnavailableError),
    ("57P02", UnavailableError),
    ("57P03", UnavailableError),
    ("58030", UnavailableError),
    ("25P02", StorageError),
    ("42601", StorageError),
    ("42883", StorageError),
    ("55000", StorageError),
    ("XX000", StorageError),
    ("", StorageError),
    ("?", StorageError),
]

SQLITE_CODES: list[tuple[int, type[AgnoDbError]]] = [
    (SQLITE_ERROR, StorageError),
    (sqlite3.SQLITE_BUSY, UnavailableError),
    (sqlite3.SQLITE_BUSY_SNAPSHOT, UnavailableError),
    (sqlite3.SQLITE_LOCKED, UnavailableError),
    (sqlite3.SQLITE_LOCKED_SHAREDCACHE, UnavailableError),
    (sqlite3.SQLITE_READONLY, UnavailableError),
    (sqlite3.SQLITE_READONLY_DBMOVED, UnavailableError),
    (sqlite3.SQLITE_IOERR, UnavailableError),
    (sqlite3.SQLITE_IOERR_WRITE, UnavailableError),
    (sqlite3.SQLITE_FULL, UnavailableError),
    (sqlite3.SQLITE_CANTOPEN, UnavailableError),
    (sqlite3.SQLITE_CANTOPEN_ISDIR, UnavailableError),
    (sqlite3.SQLITE_TOOBIG, InvalidValueError),
    (sqlite3.SQLITE_CONSTRAINT, InvalidValueError),
    (sqlite3.SQLITE_CONSTRAINT_NOTNULL, InvalidValueError),
    (sqlite3.SQLITE_CONSTRAINT_CHECK, InvalidValueError),
    (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, NotFoundError),
    (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, DuplicateKeyError),
    (sqlite3.SQLITE_CONSTRAINT_UNIQUE, DuplicateKeyError),
    (sqlite3.SQLITE_NOTADB, ConfigurationError),
    (sqlite3.SQLITE_CORRUPT, StorageError),
    (sqlite3.SQLITE_MISUSE, StorageError),
    (-1, StorageError),
]


@pytest.mark.parametrize(("sqlstate", "kind"), SQLSTATES)
def test_a_sqlstate(sqlstate: str, kind: type[AgnoDbError]) -> None:
    bare = DriverError(sqlstate=sqlstate)
    for error in (bare, wrapped(bare), wrapped(bare, exc.IntegrityError), raised_from(bare)):
        made = translate(error)
        assert type(made) is kind
        assert made.facts["sqlstate"] == sqlstate
        assert_nothing_is_shown(made)


@pytest.mark.parametrize(("code", "kind"), SQLITE_CODES)
def test_a_sqlite_code(code: int, kind: type[AgnoDbError]) -> None:
    bare = DriverError(sqlite_errorcode=code)
    for error in (bare, wrapped(bare), wrapped(bare, exc.OperationalError), raised_from(bare)):
        made = translate(error)
        assert type(made) is kind
        assert made.facts["sqlite_code"] == code
        assert_nothing_is_shown(made)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError(111, SECRET), UnavailableError),
        (ConnectionResetError(104, SECRET), UnavailableError),
        (OSError(SECRET), UnavailableError),
        (TimeoutError(SECRET), UnavailableError),
        (exc.TimeoutError(SECRET), UnavailableError),
        (exc.DisconnectionError(SECRET), UnavailableError),
        (wrapped(DriverError(), exc.InterfaceError), UnavailableError),
        (wrapped(DriverError(), exc.OperationalError, connection_invalidated=True), UnavailableError),
        (OverflowError(SECRET), InvalidValueError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, SECRET), InvalidValueError),
        (wrapped(DriverError(), exc.DataError), InvalidValueError),
        (wrapped(DriverError(), exc.OperationalError), StorageError),
        (wrapped(DriverError(), exc.IntegrityError), StorageError),
        (DriverError(), StorageError),
        (RuntimeError(SECRET), StorageError),
        (DriverError(sqlstate=None, sqlite_errorcode=None), StorageError),
        (DriverError(sqlstate=23505), StorageError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_an_error_without_a_code(error: Exception, kind: type[AgnoDbError]) -> None:
    made = translate(error)
    assert type(made) is kind
    assert made.facts == {}
    assert_nothing_is_shown(made)


WORDS = [
    "UNIQUE constraint failed: agno_sessions.session_id",
    'relation "ai.agno_sessions" does not exist',
    "no such table: agno_sessions",
    "database is locked",
    "connection is closed",
    "server closed the connection unexpectedly",
    "password authentication failed for user",
    "23505",
    "sqlstate: 42P01",
]
words = st.sampled_from(WORDS) | st.text(max_size=30)
KINDS = dict(SQLSTATES)


@given(words, st.sampled_from(sorted(KINDS)))
def test_the_text_decides_nothing(text: str, sqlstate: str) -> None:
    assert type(translate(DriverError(text))) is StorageError
    assert type(translate(wrapped(DriverError(text, sqlstate=sqlstate)))) is KINDS[sqlstate]
    assert str(translate(DriverError(text, sqlstate=sqlstate))) == str(translate(DriverError("", sqlstate=sqlstate)))


@given(st.text(st.characters(codec="ascii"), max_size=6), st.integers(-(2**31), 2**31))
def test_any_code_has_an_answer(sqlstate: str, code: int) -> None:
    for error in (DriverError(sqlstate=sqlstate), DriverError(sqlite_errorcode=code)):
        made = translate(wrapped(error))
        assert isinstance(made, StorageError | ConfigurationError)
        assert_nothing_is_shown(made)


def test_one_of_ours_passes_as_it_is() -> None:
    for ours in (OwnershipError(session_id="s"), ConfigurationError("closed"), InvalidValueError()):
        assert translate(ours) is ours


def test_a_missing_table_says_what_to_run() -> None:
    made = translate(DriverError(sqlstate="42P01"), "agnodb upgrade --schema chat")
    assert str(made).endswith("agnodb upgrade --schema chat")
    assert made.facts["command"] == "agnodb upgrade --schema chat"


def test_the_driver_counts_before_what_wraps_it() -> None:
    """SQLAlchemy's kind is a guess from the driver's class; the code is the database's own word."""
    for kind in (exc.DBAPIError, exc.OperationalError, exc.IntegrityError, exc.DataError, exc.InterfaceError):
        for invalidated in (False, True):
            made = translate(wrapped(DriverError(sqlstate="23505"), kind, connection_invalidated=invalidated))
            assert (type(made), made.facts) == (DuplicateKeyError, {"sqlstate": "23505"})
            made = translate(wrapped(DriverError(sqlite_errorcode=sqlite3.SQLITE_MISUSE), kind))
            assert (type(made), made.facts) == (StorageError, {"sqlite_code": sqlite3.SQLITE_MISUSE})


def test_a_circle_of_causes_ends() -> None:
    one, other = DriverError(), DriverError()
    one.__cause__, other.__cause__ = other, one
    assert type(translate(one)) is StorageError


def test_real_errors_of_sqlite() -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript("CREATE TABLE t (a TEXT PRIMARY KEY, b TEXT NOT NULL); INSERT INTO t VALUES ('a', 'b')")
    expected = {
        "INSERT INTO t VALUES ('a', 'b')": DuplicateKeyError,
        "INSERT INTO t VALUES ('b', NULL)": InvalidValueError,
        "SELECT * FROM nothing": StorageError,
    }
    for statement, kind in expected.items():
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute(statement)
        assert type(translate(caught.value)) is kind
    connection.close()


def raised_from(cause: Exception) -> Exception:
    error = RuntimeError("something above")
    error.__cause__ = cause
    return error


def assert_nothing_is_shown(made: AgnoDbError) -> None:
    assert "hunter2" not in str(made)
    assert "agno_sessions" not in str(made)
    assert made.detail
