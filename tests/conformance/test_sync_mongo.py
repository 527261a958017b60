"""The conformance suite on MongoDB, without an event loop."""

from __future__ import annotations

from mongo_database import OnSync, emptied, mongo_database

from agnodb.testing.conformance import MongoConformance

__all__ = ["emptied", "mongo_database"]


class TestMongoClient(OnSync, MongoConformance):  # type: ignore[misc,valid-type]
    pass
