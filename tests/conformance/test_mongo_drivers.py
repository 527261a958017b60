"""The conformance suite on MongoDB, over PyMongo's asynchronous client."""

from __future__ import annotations

from mongo_database import OnAsyncMongoClient, emptied, mongo_database

from agnodb.testing.conformance import MongoConformance

__all__ = ["emptied", "mongo_database"]


class TestAsyncMongoClient(OnAsyncMongoClient, MongoConformance):  # type: ignore[misc,valid-type]
    pass
