"""What of an object store no run refers to, and what runs refer to that is not there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agnodb.executors.media import MediaObjects
from agnodb.executors.objects import StoredObject
from agnodb.rules.media import MARKERS, OBJECTS, REMOVALS, MediaKey, key_of


@dataclass
class MediaFindings:
    """What a check has found. Keys and names are sorted; younger than the age that was asked for nothing is told."""

    objects: int = 0
    bytes: int = 0
    references: int = 0
    unreferenced: list[str] = field(default_factory=list)
    """Uploads that no run refers to: a sweep gives them up."""
    unmarked: list[str] = field(default_factory=list)
    """Objects that no upload needs: a sweep deletes them."""
    interrupted: list[str] = field(default_factory=list)
    """Removals whose process has died: a sweep forgets them."""
    unheld: list[str] = field(default_factory=list)
    """What runs refer to and is stored, but has lost its marker: a sweep writes it again."""
    missing: list[str] = field(default_factory=list)
    """What runs refer to and is not stored. Nothing can be done about it."""

    @property
    def clean(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.unreferenced or self.unmarked or self.interrupted or self.unheld or self.missing)


async def check_media(
    media: MediaObjects, referenced: Callable[[], Awaitable[set[str]]], older_than: timedelta
) -> MediaFindings:
    """Compare the store with the keys that `referenced()` reads out of all runs, once the store is listed.

    An upload comes before its run is saved, so what is younger than `older_than` is left alone.
    """
    objects, markers, removals = [await media.objects.all_in(folder) for folder in (OBJECTS, MARKERS, REMOVALS)]
    keys = await referenced()
    before = datetime.now(UTC) - older_than
    stored = {one.path.removeprefix(f"{OBJECTS}/") for one in objects}
    marked = {one.path.removeprefix(f"{MARKERS}/"): one for one in markers}
    needed = {key.partition("/")[0] for key in (*marked, *keys)}
    known: dict[str, MediaKey] = {key: found for key in keys if (found := key_of(key)) is not None}
    return MediaFindings(
        objects=len(objects),
        bytes=sum(one.size for one in objects),
        references=len(keys),
        unreferenced=sorted(key for key, one in marked.items() if key not in keys and one.written < before),
        unmarked=sorted(_names([one for one in objects if one.written < before], OBJECTS) - needed),
        interrupted=sorted(one.path for one in removals if one.written < before),
        unheld=sorted(key for key, found in known.items() if found.name in stored and key not in marked),
        missing=sorted(key for key in keys if key not in known or known[key].name not in stored),
    )


async def sweep_media(media: MediaObjects, findings: MediaFindings) -> None:
    """Do what `findings` say a sweep does."""
    await media.objects.delete(findings.interrupted)
    for key in findings.unheld:
        found = key_of(key)
        if found is not None:
            await media.mark(found)
    await media.release(findings.unreferenced)
    for name in findings.unmarked:
        await media.remove_unmarked(name)


def _names(found: list[StoredObject], folder: str) -> set[str]:
    return {one.path.removeprefix(f"{folder}/") for one in found}
