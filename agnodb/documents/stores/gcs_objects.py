"""Requests for the objects of one bucket of Cloud Storage, several at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from agnodb.documents.stores.gcs_clients import SECONDS, translate
from agnodb.errors import ConflictError, StorageError

T = TypeVar("T")

_AT_ONCE = 16
"""Requests of one call that are under way together."""


class Stored(NamedTuple):
    """An object as it was read."""

    generation: int
    text: bytes


def age(updated: datetime) -> timedelta:
    """How long ago an object was written, as far as two clocks agree."""
    return datetime.now(UTC) - updated


class Objects:
    """The objects of a bucket. `connect` gives the bucket of the client. Raises what `gcs_clients.translate` makes of
    errors."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._opened: Any = None
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="agnodb-gcs")

    def close(self) -> None:
        """Give up the threads and the client."""
        self._threads.shutdown(wait=False)
        self._opened = None

    def read(self, name: str) -> Stored | None:
        """An object, None where there is none. One request: its generation comes with what is in it."""

        def download(bucket: Any) -> Stored:
            blob = bucket.blob(name)
            text = blob.download_as_bytes(retry=None, timeout=SECONDS)
            return Stored(int(blob.generation), text)

        try:
            return self._asked(download)
        except StorageError as error:
            if "NotFound" not in str(error.detail):
                raise
            return None

    def age(self, name: str) -> timedelta | None:
        """How long ago an object was written; None where there is none."""
        blob = self._asked(lambda bucket: bucket.get_blob(name, retry=None, timeout=SECONDS))
        return None if blob is None else age(blob.updated)

    def put(
        self, name: str, text: str, generation: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> int:
        """Write an object; its generation."""
        given: dict[str, Any] = {"content_type": "application/json", "retry": None, "timeout": SECONDS}
        if generation is not None:
            given["if_generation_match"] = generation

        def upload(bucket: Any) -> int:
            blob = bucket.blob(name)
            blob.metadata = metadata
            blob.upload_from_string(text, **given)
            made: int = blob.generation
            return made

        return self._asked(upload)

    def delete(self, name: str, generation: int | None = None) -> None:
        """Delete an object, if it is there. Raises ConflictError where that has another generation."""
        given = {} if generation is None else {"if_generation_match": generation}
        try:
            self._asked(lambda bucket: bucket.blob(name).delete(**given, retry=None, timeout=SECONDS))
        except StorageError as error:
            if "NotFound" not in str(error.detail):
                raise
            if generation is not None:
                raise ConflictError(detail=error.detail) from None

    def listed(self, prefix: str, start: str | None = None, end: str | None = None, most: int | None = None) -> Any:
        """The objects whose names begin with `prefix`, from `start` to before `end`, by their names."""
        given = {"start_offset": start, "end_offset": end, "max_results": most, "retry": None, "timeout": SECONDS}
        blobs = self._asked(lambda bucket: iter(bucket.list_blobs(prefix=prefix, **given)))
        while True:
            blob = self._asked(lambda _: next(blobs, None))
            if blob is None:
                return
            yield blob

    def together(self, work: Callable[[Any], T], each: Iterable[Any]) -> list[T]:
        """What `work` returns for each; several are done at once. Not from within `work`: it would wait for itself."""
        given = [*each]
        return [work(one) for one in given] if len(given) < 2 else [*self._threads.map(work, given)]

    def _asked(self, ask: Callable[[Any], T]) -> T:
        with self._lock:
            if self._opened is None:
                self._opened = self._connect()
        try:
            return ask(self._opened)
        except Exception as error:
            raise translate(error) from error
