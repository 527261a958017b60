"""Filters that find a text inside a stored one."""

from __future__ import annotations

import re
from typing import Any

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
