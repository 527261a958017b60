"""The conformance suite on MongoDB, over Motor."""

from __future__ import annotations

from mongo_database import OnMotor, emptied, mongo_database

from agnodb.testing.conformance import MongoConformance

__all__ = ["emptied", "mongo_database"]


class TestMongo(OnMotor, MongoConformance):  # type: ignore[misc,valid-type]
    pass
