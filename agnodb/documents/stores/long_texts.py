"""Texts that are longer than a database has room for: cut where they are keys, in parts where they are documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from agnodb.documents.store import Address, Document, Write


def cut(text: str, most: int) -> str:
    """`text`, or what stands for it where it has more than `most` bytes: its beginning and a digest."""
    raw = text.encode()
    if len(raw) <= most:
        return text
    digest = hashlib.sha256(raw).hexdigest()
    return f"{raw[: most - len(digest) - 1].decode(errors='ignore')}~{digest}"


def in_parts(text: str, most: int) -> Iterator[str]:
    """`text` in parts of at most so many bytes, not cut within a character."""
    raw, first = text.encode(), 0
    while first < len(raw):
        part = raw[first : first + most].decode(errors="ignore")
        yield part
        first += len(part.encode())


def to_be_split(writes: Sequence[Write], *, one: int, all: int, short: int) -> list[tuple[Address, Document]]:
    """The documents whose text does not stay in their record: those with more bytes than `one`, or than `short` where
    the texts of the batch have more than `all`."""
    documents = [(write.address, write.document) for write in writes if write.document is not None]
    sizes = [len(document.body.encode()) for _, document in documents]
    most = one if sum(sizes) <= all else short
    return [found for found, size in zip(documents, sizes, strict=True) if size > most]
