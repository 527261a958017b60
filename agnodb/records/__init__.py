"""Typed values of every concept: what repositories take and return. They import nothing outward."""

from agnodb.records.sessions import SessionRecord, SessionType

__all__ = ["SessionRecord", "SessionType"]
