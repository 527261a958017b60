"""Media in an object store: each object once, for as long as it has a marker. See `agnodb.rules.media`.

Uploads and deletes in any number of processes need no lock. An upload writes its marker first and then looks whether
somebody is removing the object; a removal is announced first and then looks for markers. So one of the two sees the
other: the removal stops, or the upload stores an object of its own. Stores that list what was written before (S3, GCS,
Azure, files) are needed for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from agnodb.executors.objects import ObjectStore
from agnodb.rules.media import MARKERS, OBJECTS, REMOVALS, MediaKey, key_of, new_key, references


class MediaObjects:
    """The media of one place. Raises what `ObjectStore` raises."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects
        self.backend, self.bucket = f"agnodb-{objects.place.scheme}", objects.place.named

    def awaiting(self) -> MediaObjects:
        """The same media, waited for in an event loop."""
        return MediaObjects(self.objects.waiting(awaits=True))

    def blocking(self) -> MediaObjects:
        """The same media, whose coroutines never suspend."""
        return MediaObjects(self.objects.waiting(awaits=False))

    def keys_in(self, document: object, session_id: str) -> set[str]:
        """What a run's `document` refers to that was uploaded for its session."""
        return {key for owner, key in references(document, self.backend, self.bucket) if owner == session_id}

    async def upload(self, content: bytes, content_type: str | None = None) -> str:
        """The key of an upload. Its bytes are sent only where they are not stored yet."""
        key = new_key(content)
        await self.objects.put(key.marker, b"")
        if await self.objects.any_in(f"{REMOVALS}/{key.name}"):
            await self.objects.delete([key.marker])
            key = key.apart()
            await self.objects.put(key.marker, b"")
        if not await self.objects.has(key.object):
            await self.objects.put(key.object, content, content_type)
        return str(key)

    async def download(self, key: str) -> bytes | None:
        """The bytes of an upload, or None."""
        found = key_of(key)
        return None if found is None else await self.objects.get(found.object)

    async def exists(self, key: str) -> bool:
        """Whether there is that upload, with its object."""
        found = key_of(key)
        return found is not None and await self.objects.has(found.marker) and await self.objects.has(found.object)

    async def url(self, key: str, seconds: int) -> str | None:
        """A URL that gives the bytes for so many seconds, or None."""
        found = key_of(key)
        return None if found is None else await self.objects.signed_url(found.object, seconds)

    async def release(self, keys: Iterable[str]) -> None:
        """Give up uploads. An object goes with the last of them; what is given up already is passed over."""
        known = [key for key in map(key_of, keys) if key is not None]
        await self.objects.delete([key.marker for key in known])
        for name in dict.fromkeys(key.name for key in known):
            await self.remove_unmarked(name)

    async def remove_unmarked(self, name: str) -> bool:
        """Whether the object has no marker; it is deleted then."""
        if await self.objects.any_in(f"{MARKERS}/{name}"):
            return False
        announced = f"{REMOVALS}/{name}/{uuid.uuid4().hex}"
        await self.objects.put(announced, b"")
        unmarked = not await self.objects.any_in(f"{MARKERS}/{name}")
        if unmarked:
            await self.objects.delete([f"{OBJECTS}/{name}"])
        await self.objects.delete([announced])
        return unmarked

    async def mark(self, key: MediaKey) -> None:
        """Write a marker that is missing."""
        await self.objects.put(key.marker, b"")
