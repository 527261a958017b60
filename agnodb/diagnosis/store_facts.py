"""What was seen of a store of documents. `agnodb.diagnosis.findings_stores` says what it means."""

from __future__ import annotations

from dataclasses import dataclass

from agnodb.diagnosis.facts import Latency


class Setup:
    """How a store is set up."""

    @property
    def readable(self) -> bool:
        """Whether there are lists of records to read."""
        return True


@dataclass(frozen=True, kw_only=True)
class MemoryFacts(Setup):
    """The memory of a process: there is nothing to see."""


@dataclass(frozen=True, kw_only=True)
class FolderFacts(Setup):
    """A folder of JSON files."""

    exists: bool
    writable: bool
    """Of a folder that is not there yet: whether it can be made."""
    bytes: int = 0
    interrupted: bool = False
    """A writer ended in the middle of a batch, which the next call finishes."""

    @property
    def readable(self) -> bool:
        return self.exists


@dataclass(frozen=True, kw_only=True)
class RedisFacts(Setup):
    """A server of Redis or Valkey, of a cluster one of them."""

    name: str
    """`Valkey` or `Redis`."""
    version: str
    mode: str
    replica: bool
    maxmemory: int
    """Bytes; 0 for no limit."""
    used_memory: int
    policy: str
    """What is dropped at the limit."""
    evicted: int
    """Keys that were dropped since the server started."""
    appendonly: bool


@dataclass(frozen=True, kw_only=True)
class DynamoDbFacts(Setup):
    """A table of DynamoDB."""

    exists: bool
    status: str = ""
    on_demand: bool = True
    read_units: int = 0
    write_units: int = 0
    recovery: bool | None = None
    """Whether it can be restored to any second; None where these keys may not know."""

    @property
    def readable(self) -> bool:
        return self.exists


@dataclass(frozen=True, kw_only=True)
class FirestoreFacts(Setup):
    """A database of Firestore."""

    lists: int
    """How many queries were tried: every list in the directions that it has."""
    missing: tuple[str, ...] = ()
    """Those that no composite index serves."""

    @property
    def readable(self) -> bool:
        return not self.missing


@dataclass(frozen=True, kw_only=True)
class BucketFacts(Setup):
    """A bucket of Cloud Storage."""

    exists: bool
    storage_class: str = ""
    location: str = ""
    versioning: bool = False
    soft_delete: float = 0
    """Seconds for which what was deleted or replaced is kept, and paid for."""
    retention: float = 0
    """Seconds before which nothing may be deleted or replaced."""
    deleting: bool = False
    """A rule of the bucket's deletes objects by itself."""
    preconditions: bool = True
    """Whether a write on the condition of a generation that is not there is refused."""

    @property
    def readable(self) -> bool:
        return self.exists


@dataclass(frozen=True, kw_only=True)
class StoreFacts:
    """All that was seen."""

    setup: Setup
    latency: Latency | None = None
    """None where nothing was asked."""
    records: int = 0
    differences: tuple[str, ...] | None = None
    """What `agnodb check` says; None where there are too many records to read them all."""
