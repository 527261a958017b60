"""Filters that find a text inside a stored one."""

from __future__ import annotations

import re
from typing import Any

from agnodb.codec import TAG
from agnodb.rules.values import text_in
from agnodb.text import TEXT_MARKER, UNSTORABLE, decode_text, escape


def contains(value: Any, *, start: bool = False) -> dict[str, Any]:
    """What a text field that has `value` in it (at its start) matches; upper and lower case are alike.

    Raises InvalidValueError for what is no text.
    """
    text = decode_text(text_in(value))
    escaped, begin = escape(text), "^" if start else ""
    forms = [] if UNSTORABLE.search(text) else [begin + re.escape(text)]
    if start:
        forms.append("^" + re.escape(TEXT_MARKER + escaped))
    elif escaped != text:
        forms.append("^" + re.escape(TEXT_MARKER) + ".*" + re.escape(escaped))
    return {"$regex": "|".join(forms), "$options": "is"}


def within(path: str, value: Any) -> dict[str, Any]:
    """A filter for documents whose text at `path`, inside a value of the codec's, has `value` in it.

    Such a text is a tag where BSON cannot hold it. Raises InvalidValueError for what is no text.
    """
    text = decode_text(text_in(value))
    tag = {"$getField": {"field": {"$literal": TAG}, "input": f"${path}"}}
    payload = {"$convert": {"input": {"$arrayElemAt": [tag, 1]}, "to": "string", "onError": "", "onNull": ""}}
    escaped = {"$regexMatch": {"input": payload, "regex": re.escape(escape(text)), "options": "is"}}
    tagged = {path: {"$type": "object"}, "$expr": escaped}
    plain = {path: {"$regex": re.escape(text), "$options": "is"}}
    return tagged if UNSTORABLE.search(text) else {"$or": [plain, tagged]}
