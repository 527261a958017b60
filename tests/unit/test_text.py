"""Texts in plain text columns: what no database stores is escaped, and comes back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agnodb.text import TEXT_MARKER, decode_text, encode_text

texts = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.lists(st.sampled_from([TEXT_MARKER, "\0", "\ud800", "\\u0000", "\\", "x"])).map("".join),
)


@settings(deadline=None, max_examples=300)
@given(texts)
def test_text_columns(text: str) -> None:
    stored = encode_text(text)
    stored.encode()
    assert "\0" not in stored
    assert decode_text(stored) == text
    assert decode_text(encode_text(stored)) == stored


@pytest.mark.parametrize("text", ["", "hello", "a\\u0000", "$agnodb", 'é "x" 😀', f"x{TEXT_MARKER}"])
def test_ordinary_text_is_untouched(text: str) -> None:
    assert encode_text(text) == text
    assert decode_text(text) == text


@pytest.mark.parametrize("text", [f"{TEXT_MARKER}hello", f"{TEXT_MARKER}a\\u0041", f"{TEXT_MARKER}\\"])
def test_text_of_others_that_looks_escaped(text: str) -> None:
    assert decode_text(text) == text
    assert decode_text(encode_text(text)) == text
