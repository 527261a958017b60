"""What follows from the facts of a store of documents. Nothing here waits."""

from __future__ import annotations

from collections.abc import Iterator

from agnodb.diagnosis.documents import WITHOUT
from agnodb.diagnosis.finding import Commands, Finding, Severity
from agnodb.diagnosis.findings import about_latency
from agnodb.diagnosis.store_facts import (
    BucketFacts,
    DynamoDbFacts,
    FirestoreFacts,
    FolderFacts,
    MemoryFacts,
    RedisFacts,
    Setup,
    StoreFacts,
)

_DAY = 86_400
_SHOWN = 5
_FULL = 0.9


def findings_of_store(facts: StoreFacts, commands: Commands) -> list[Finding]:
    """What `facts` mean, in the order in which they matter."""
    found = [*about_latency(facts.latency), *about_setup(facts.setup, commands)]
    return [*found, *_about_records(facts, commands)] if facts.setup.readable else found


def about_setup(setup: Setup, commands: Commands) -> Iterator[Finding]:
    """What there is to say of the way in which the store is set up."""
    match setup:
        case MemoryFacts():
            yield Finding("server", Severity.NOTE, "The memory of a process: nothing remains when the program ends.")
        case FolderFacts():
            yield from _about_folder(setup)
        case RedisFacts():
            yield from _about_redis(setup)
        case DynamoDbFacts():
            yield from _about_dynamodb(setup, commands)
        case FirestoreFacts():
            yield from _about_firestore(setup)
        case BucketFacts():
            yield from _about_bucket(setup)


def _about_folder(facts: FolderFacts) -> Iterator[Finding]:
    if not facts.writable:
        mend = "Give the program's user the right to write into the folder."
        yield Finding("server", Severity.ERROR, "The folder cannot be written.", mend)
    elif not facts.exists:
        yield Finding("server", Severity.NOTE, "The folder is not there yet: the first call makes it.")
    else:
        yield Finding("server", Severity.OK, f"JSON files, may be written; {facts.bytes:,} bytes")
    if facts.interrupted:
        said = "A writer ended in the middle of a batch: the next call finishes it."
        yield Finding("journal", Severity.NOTE, said)


def _about_redis(facts: RedisFacts) -> Iterator[Finding]:
    yield Finding("server", Severity.OK, f"{facts.name} {facts.version}, {facts.mode}")
    if facts.replica:
        mend = "Name the server that takes writes, the cluster, or the Sentinel in the URL."
        yield Finding("writing", Severity.ERROR, "This server takes no writes: it is a replica.", mend)
    if facts.maxmemory and facts.policy != "noeviction":
        said = f"the server may drop records without a word: set maxmemory-policy to noeviction, it is {facts.policy}"
        mend = "CONFIG SET maxmemory-policy noeviction, and the same in the server's configuration"
        yield Finding("eviction", Severity.WARNING, said, mend)
    elif facts.maxmemory:
        share = facts.used_memory / facts.maxmemory
        said = f"{share:.0%} of maxmemory is used; a full server refuses writes"
        if share >= _FULL:
            yield Finding("memory", Severity.WARNING, said, "Raise maxmemory, or let records expire.")
        else:
            yield Finding("memory", Severity.OK, said)
    else:
        yield Finding("eviction", Severity.OK, "no maxmemory: nothing is dropped")
    if facts.evicted:
        said = f"{facts.evicted:,} keys were dropped for others since the server started."
        yield Finding("evicted", Severity.NOTE, said)
    if not facts.appendonly:
        said = "appendonly is off: a server that is killed loses what its last snapshot does not have."
        yield Finding("durability", Severity.NOTE, said, "CONFIG SET appendonly yes, where records are to outlive it")


def _about_dynamodb(facts: DynamoDbFacts, commands: Commands) -> Iterator[Finding]:
    if not facts.exists:
        mend = commands.agnodb("upgrade")
        yield Finding("server", Severity.ERROR, "There is no such table yet; the first call makes it too.", mend)
        return
    usable = facts.status in ("ACTIVE", "UPDATING")
    wait = None if usable else "Wait until it is ACTIVE."
    yield Finding(
        "server", Severity.OK if usable else Severity.ERROR, f"DynamoDB, a table that is {facts.status}", wait
    )
    if facts.on_demand:
        yield Finding("billing", Severity.OK, "billed on demand")
    else:
        said = (
            f"{facts.read_units} read and {facts.write_units} write units are provisioned: what is more is throttled,"
        )
        mend = "Raise the units, or switch the table to PAY_PER_REQUEST."
        yield Finding("billing", Severity.NOTE, f"{said} and a saved session takes 34 write units or more.", mend)
    if facts.recovery is False:
        said = "Point-in-time recovery is off: what a program deletes is gone."
        yield Finding("recovery", Severity.NOTE, said, "aws dynamodb update-continuous-backups, where that matters")


def _about_firestore(facts: FirestoreFacts) -> Iterator[Finding]:
    yield Finding("server", Severity.OK, "Firestore")
    if not facts.missing:
        yield Finding("indexes", Severity.OK, f"each of {facts.lists} lists is answered")
        return
    shown = "; ".join(facts.missing[:_SHOWN])
    more = f"; and {len(facts.missing) - _SHOWN} more" if len(facts.missing) > _SHOWN else ""
    said = f"{len(facts.missing)} of {facts.lists} lists lack their composite index: {shown}{more}"
    mend = "agnodb firestore-indexes --output firestore.indexes.json && firebase deploy --only firestore:indexes"
    yield Finding("indexes", Severity.ERROR, said, mend)


def _about_bucket(facts: BucketFacts) -> Iterator[Finding]:
    if not facts.exists:
        mend = "gcloud storage buckets create, or correct its name in the URL."
        yield Finding("server", Severity.ERROR, "There is no such bucket.", mend)
        return
    yield Finding("server", Severity.OK, f"Cloud Storage, {facts.storage_class} in {facts.location}")
    if not facts.preconditions:
        said = "The server writes whatever the condition is: of writers at once, all but the last are lost."
        yield Finding("preconditions", Severity.ERROR, said, "Use Google's service: it honours if_generation_match.")
    else:
        yield Finding("preconditions", Severity.OK, "a write whose condition is not met is refused")
    if facts.retention:
        said = f"Nothing may be replaced or deleted for {facts.retention / _DAY:g} days: writes of records fail."
        yield Finding("retention", Severity.ERROR, said, "Use a bucket without a retention policy.")
    if facts.deleting:
        said = "A rule of the bucket's lifecycle deletes objects: records go without a word."
        yield Finding("lifecycle", Severity.WARNING, said, "Have it leave this prefix out.")
    if facts.versioning or facts.soft_delete:
        kept = "for ever" if facts.versioning else f"for {facts.soft_delete / _DAY:g} days"
        said = f"What is replaced or deleted is kept {kept}, and paid for: a saved session replaces some 18 objects."
        yield Finding("kept", Severity.NOTE, said, "Turn versioning and soft delete off, where that is not wanted.")
    if facts.storage_class not in ("STANDARD", "REGIONAL", "MULTI_REGIONAL", ""):
        said = f"In {facts.storage_class} each object is paid for many days at least, however soon it is replaced."
        yield Finding("class", Severity.NOTE, said, "Use STANDARD for what is written often.")


def _about_records(facts: StoreFacts, commands: Commands) -> Iterator[Finding]:
    if facts.differences is None:
        said = f"{facts.records:,} records: too many to read them all here"
        yield Finding("records", Severity.NOTE, said, commands.agnodb("check"))
    elif not facts.differences:
        yield Finding("records", Severity.OK, f"{facts.records:,}: each can be read and stands in its lists")
    for difference in facts.differences or ():
        if WITHOUT in difference:
            mend = "Read that list to its end: who meets a place without a record deletes it."
            yield Finding("records", Severity.WARNING, difference, mend)
        else:
            yield Finding("records", Severity.ERROR, difference, "Save the record again, or delete it.")
