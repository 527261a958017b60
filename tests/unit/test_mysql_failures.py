"""Errors of MySQL and MariaDB become ours by their errno."""

from __future__ import annotations

import pymysql
import pytest
from sqlalchemy.exc import DBAPIError

from agnodb.errors import (
    AgnoDbError,
    ConfigurationError,
    DuplicateKeyError,
    InvalidValueError,
    NotFoundError,
    SchemaOutdatedError,
    StorageError,
    UnavailableError,
)
from agnodb.sql.failures import sqlstate_of, translate

UNAVAILABLE = (1020, 1040, 1053, 1205, 1213, 1290, 1317, 1836, 1927, 1969, 2003, 2006, 2013, 3024, 4031)


@pytest.mark.parametrize(
    ("errno", "kind"),
    [
        *((errno, UnavailableError) for errno in UNAVAILABLE),
        (1062, DuplicateKeyError),
        (1452, NotFoundError),
        (1048, InvalidValueError),
        (1406, InvalidValueError),
        (4025, InvalidValueError),
        (1153, InvalidValueError),
        (1045, ConfigurationError),
        (1049, ConfigurationError),
        (1142, ConfigurationError),
        (1146, SchemaOutdatedError),
        (1054, SchemaOutdatedError),
        (1064, StorageError),
    ],
)
def test_by_errno(errno: int, kind: type[AgnoDbError]) -> None:
    driver = pymysql.err.OperationalError(errno, "secret 42")
    made = translate(DBAPIError("INSERT INTO t VALUES (42)", None, driver))
    assert type(made) is kind
    assert made.facts["errno"] == errno
    assert "42" not in str(made)
    assert "secret" in (made.detail or "")


def test_a_value_that_is_too_large_names_the_setting() -> None:
    assert "max_allowed_packet" in str(translate(pymysql.err.OperationalError(1153, "too big")))


def test_other_errors_have_no_errno() -> None:
    assert sqlstate_of(OSError(2013, "no error of MySQL")) is None
    assert sqlstate_of(pymysql.err.InterfaceError(0, "")) is None
