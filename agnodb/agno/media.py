"""agno's `MediaStorage` over an object store. See `agnodb.media`."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from agno.media.storage.base import AsyncMediaStorage, MediaStorage

from agnodb.databases.driving import drive
from agnodb.errors import ConfigurationError
from agnodb.executors.media import MediaObjects
from agnodb.executors.objects import ObjectPlace, ObjectStore

T = TypeVar("T")

_LONGEST_URL = 7 * 24 * 3600


class _Placed:
    """What both forms have: where the media are, and for how long a URL gives them."""

    def __init__(
        self, url: str, *, expires_in: int = 3600, persist_remote_urls: bool = False, **options: Any
    ) -> None:  # fmt: skip
        if not 0 < expires_in <= _LONGEST_URL:
            raise ConfigurationError("expires_in is a number of seconds, up to a week.")
        self.media = MediaObjects(ObjectStore(ObjectPlace.of(url, options), awaits=self._awaits))
        self.backend_name, self.bucket, self.region = self.media.backend, self.media.bucket, None
        self.expires_in, self.persist_remote_urls = expires_in, persist_remote_urls

    bucket: str | None
    region: str | None
    _awaits = False

    def awaiting(self) -> MediaObjects:
        """The media, for a database with an event loop."""
        return self.media.awaiting()

    def blocking(self) -> MediaObjects:
        """The media, for a database without one."""
        return self.media.blocking()

    def __deepcopy__(self, _memo: Any) -> Any:
        """The same storage: AgentOS deep-copies an agent for every request."""
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.bucket!r})"


class ObjectStorage(_Placed, MediaStorage):
    """Media of agents in an object store, for `agent.run()` and, in threads, for `agent.arun()`.

        media = ObjectStorage("s3://bucket/prefix")  # or gs://, az://account/container/prefix, file:///, memory://
        db = PostgresDb(db_url=..., media=media)
        agent = Agent(model=..., db=db, media_storage=media, store_media=True)

    `options` are those of obstore's stores (`endpoint`, `region`, `access_key_id`, `client_options`, ...); what is not
    given is taken from the environment. The same bytes are stored once, whoever uploads them; a key is one upload, and
    the bytes go with the last. Give each database a prefix of its own. Raises ConfigurationError, MissingDriverError;
    calls raise UnavailableError where the store does not answer, and StorageError where it refuses.
    """

    def _now(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return drive(coroutine)

    def upload(
        self, media_id: str, content: bytes, *, mime_type: str | None = None, filename: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:  # fmt: skip
        """The key of the upload."""
        return self._now(self.media.upload(content, mime_type))

    def download(self, storage_key: str) -> bytes:
        """The bytes. Raises FileNotFoundError."""
        return _found(self._now(self.media.download(storage_key)), storage_key)

    def get_url(self, storage_key: str, *, expires_in: int | None = None) -> str | None:
        """A signed URL for so many seconds, or None where there is none: files and memory."""
        return self._now(self.media.url(storage_key, expires_in or self.expires_in))

    def delete(self, storage_key: str) -> bool:
        """Give the upload up; the bytes go with the last one. True."""
        self._now(self.media.release([storage_key]))
        return True

    def delete_many(self, storage_keys: list[str]) -> int:
        """Give the uploads up; their number."""
        self._now(self.media.release(storage_keys))
        return len(storage_keys)

    def exists(self, storage_key: str) -> bool:
        """Whether there is that upload, with its bytes."""
        return self._now(self.media.exists(storage_key))


class AsyncObjectStorage(_Placed, AsyncMediaStorage):
    """As `ObjectStorage`, with coroutines: for `agent.arun()` and AgentOS. agno refuses it in `agent.run()`."""

    _awaits = True

    async def upload(
        self, media_id: str, content: bytes, *, mime_type: str | None = None, filename: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:  # fmt: skip
        """See `ObjectStorage.upload`."""
        return await self.media.upload(content, mime_type)

    async def download(self, storage_key: str) -> bytes:
        """See `ObjectStorage.download`."""
        return _found(await self.media.download(storage_key), storage_key)

    async def get_url(self, storage_key: str, *, expires_in: int | None = None) -> str | None:
        """See `ObjectStorage.get_url`."""
        return await self.media.url(storage_key, expires_in or self.expires_in)

    async def delete(self, storage_key: str) -> bool:
        """See `ObjectStorage.delete`."""
        await self.media.release([storage_key])
        return True

    async def delete_many(self, storage_keys: list[str]) -> int:
        """See `ObjectStorage.delete_many`."""
        await self.media.release(storage_keys)
        return len(storage_keys)

    async def exists(self, storage_key: str) -> bool:
        """See `ObjectStorage.exists`."""
        return await self.media.exists(storage_key)


def _found(content: bytes | None, key: str) -> bytes:
    if content is None:
        raise FileNotFoundError(key)
    return content
