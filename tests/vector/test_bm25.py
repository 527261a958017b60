"""What `PgVector(bm25=...)` refuses; `make bm25-extensions` has what it does where the server has an extension."""

from __future__ import annotations

from typing import Any

import pytest
from chunks import MakeStore

from agnodb import ConfigurationError
from agnodb.models.vectors import place_named


@pytest.mark.parametrize("extension", ["pg_textsearch", "pg_search"])
async def test_a_server_without_the_extension(make_store: MakeStore, extension: str) -> None:
    with pytest.raises(ConfigurationError, match=f"no extension {extension}"):
        await make_store("keyword", bm25=extension).async_search("tea")


async def test_vectors_alone_need_none(make_store: MakeStore) -> None:
    assert await make_store("vector", bm25="pg_search").async_search("tea") == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"bm25": "other"}, "or pg_search"),
        ({"bm25": "pg_search", "prefix_match": True}, "whole words"),
        ({"bm25": "pg_search", "content_language": "klingon"}, "klingon"),
        ({"bm25": "pg_textsearch", "table_name": "My kb"}, "quoted"),
        ({"bm25": "pg_textsearch", "schema": "Mine"}, "quoted"),
    ],
)
async def test_arguments_that_cannot_be(make_store: MakeStore, given: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        await make_store("keyword", **given).async_search("tea")


def test_the_command_line_names_it() -> None:
    place = place_named("kb:16:german:pg_search", None)
    assert place.bm25_options["key_field"] == "id"
    assert place.upgrade == "agnodb upgrade --vector kb:16:german:pg_search"
    for wrong in ("kb:16:none:pg_search", "kb:16:german:other", "kb:16:german:pg_search:x"):
        with pytest.raises(ConfigurationError, match="--vector"):
            place_named(wrong, None)
