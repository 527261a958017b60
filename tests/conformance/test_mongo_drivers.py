"""What the concepts promise, on MongoDB over PyMongo's asynchronous client, and without an event loop."""

from __future__ import annotations

from mongo_database import OnAsyncMongoClient, OnSync, emptied, mongo_database

from agnodb.testing.conformance import MongoConceptConformance

__all__ = ["emptied", "mongo_database"]


class TestAsyncMongoClient(OnAsyncMongoClient, MongoConceptConformance):  # type: ignore[misc,valid-type]
    pass


class TestMongoClient(OnSync, MongoConceptConformance):  # type: ignore[misc,valid-type]
    pass
