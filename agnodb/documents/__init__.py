"""Repositories over a `DocumentStore`: the backends that keep records by key and lists by declared indexes."""
