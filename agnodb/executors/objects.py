"""Object stores through obstore: one set of coroutines, which wait for an event loop or block."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from agnodb.errors import ConfigurationError, InvalidValueError, MissingDriverError, StorageError, UnavailableError

_SCHEMES = {"s3": "s3", "gs": "gs", "az": "az", "file": "file", "memory": "memory"}
_SIGNED = ("s3", "gs", "az")
_RETRIES = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
"""obstore's own would let a call wait for three minutes."""

_WHERE = "Media are stored at s3://bucket/prefix, gs://, az://, file:///folder or memory://."


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's path, its size in bytes, and when it was written."""

    path: str
    size: int
    written: datetime


@dataclass(frozen=True)
class ObjectPlace:
    """Where objects are: obstore's store, and how it is named in a reference, without secrets."""

    store: Any
    scheme: str
    named: str

    @classmethod
    def of(cls, url: str, options: dict[str, Any]) -> ObjectPlace:
        """The place of `url`; `options` are those of obstore's store (`endpoint`, `region`, `access_key_id`, ...).

        Raises ConfigurationError for what is no place, MissingDriverError without obstore.
        """
        try:
            from obstore.store import LocalStore, MemoryStore, from_url
        except ImportError:
            raise MissingDriverError(extra="media", driver="obstore") from None
        parts = urlsplit(url)
        scheme = _SCHEMES.get(parts.scheme)
        if scheme is None or (parts.scheme != "memory" and not (parts.netloc or parts.path.strip("/"))):
            raise ConfigurationError(_WHERE)
        named = f"{scheme}://{parts.hostname or ''}{parts.path}".rstrip("/")
        try:
            store: Any
            if scheme == "memory":
                store = MemoryStore()
            elif scheme == "file":
                store = LocalStore(unquote(parts.path), automatic_cleanup=True, mkdir=True)
            else:
                store = from_url(url, **{"retry_config": _RETRIES, **options})
        except Exception as error:
            raise ConfigurationError(_WHERE, detail=f"{type(error).__name__}: {error}") from None
        return cls(store, scheme, named)


_used_in: set[int] = set()
"""The process that has used obstore: its threads do not survive a fork, and a call in a child would wait for ever."""


class ObjectStore:
    """The objects of one place. With `awaits` False no coroutine ever suspends: every call blocks.

    Raises UnavailableError where the store does not answer, StorageError where it refuses, ConfigurationError in a
    process whose parent has used an object store before the fork.
    """

    def __init__(self, place: ObjectPlace, *, awaits: bool) -> None:
        import obstore

        self.place, self._awaits, self._obstore = place, awaits, obstore

    def waiting(self, *, awaits: bool) -> ObjectStore:
        """The same objects, waited for or blocked on."""
        return ObjectStore(self.place, awaits=awaits)

    async def put(self, path: str, content: bytes, content_type: str | None = None) -> None:
        """Write an object, over what is there."""
        given: Any = (
            {"attributes": {"Content-Type": content_type}} if content_type and self.place.scheme in _SIGNED else {}
        )
        await self._do("put", path, content, **given)

    async def get(self, path: str) -> bytes | None:
        """The object's bytes, or None."""
        found = await self._do("get", path, missing=True)
        if found is None:
            return None
        try:
            return bytes(await found.bytes_async() if self._awaits else found.bytes())
        except Exception as error:
            raise _translated(error) from error

    async def has(self, path: str) -> bool:
        """Whether there is such an object."""
        return await self._do("head", path, missing=True) is not None

    async def delete(self, paths: Sequence[str]) -> None:
        """Delete objects; those that are not there are passed over."""
        if self.place.scheme != "s3":  # which alone takes missing ones for deleted
            for path in paths:
                await self._do("delete", path, missing=True)
        elif paths:
            await self._do("delete", list(paths))

    async def any_in(self, folder: str) -> bool:
        """Whether there is an object in `folder`."""
        _check_process()
        stream = self._obstore.list(self.place.store, f"{folder}/", chunk_size=1)
        try:
            if self._awaits:
                async for chunk in stream:
                    if chunk:
                        return True
                return False
            return any(stream)
        except Exception as error:
            raise _translated(error) from error

    async def all_in(self, folder: str) -> list[StoredObject]:
        """All objects in `folder`."""
        _check_process()
        stream = self._obstore.list(self.place.store, f"{folder}/")
        try:
            found = await stream.collect_async() if self._awaits else stream.collect()
        except Exception as error:
            raise _translated(error) from error
        return [StoredObject(one["path"], one["size"], one["last_modified"]) for one in found]

    async def signed_url(self, path: str, seconds: int) -> str | None:
        """A URL that gives the object for so many seconds; None where the place can sign none."""
        if self.place.scheme not in _SIGNED:
            return None
        try:
            signed = await self._do("sign", "GET", path, timedelta(seconds=seconds))
        except StorageError:  # credentials that cannot sign: the bytes can still be read
            return None
        return str(signed)

    async def _do(self, name: str, *args: Any, missing: bool = False, **given: Any) -> Any:
        _check_process()
        try:
            if self._awaits:
                return await getattr(self._obstore, f"{name}_async")(self.place.store, *args, **given)
            return getattr(self._obstore, name)(self.place.store, *args, **given)
        except Exception as error:
            if missing and _is_missing(error):
                return None
            raise _translated(error) from error


def _check_process() -> None:
    _used_in.add(os.getpid())
    if len(_used_in) > 1:
        raise ConfigurationError("An object store was used before this process was forked: use it after the fork only.")


def _is_missing(error: Exception) -> bool:
    from obstore.exceptions import NotFoundError

    return isinstance(error, NotFoundError | FileNotFoundError)


def _translated(error: Exception) -> StorageError:
    from obstore import exceptions

    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, exceptions.InvalidPathError):
        return InvalidValueError("An object cannot have that name.", detail=detail)
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return StorageError("The object store refuses the access.", detail=detail)
    return UnavailableError("The object store did not do what it was asked.", detail=detail)
