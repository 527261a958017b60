"""Documents in JSON files: one folder for each collection, one file for each record.

Every process holds what is in the files in its memory, and looks for what others have written before each request.
What is beside the folders, and what it is for:

    .lock       held by whoever reads or writes, one at a time
    .changes    the addresses of what was written, noted before the files: others read those files again. Its first
                line tells it from another: whoever finds another reads all files. So it may be deleted by hand.
    .journal    a batch of several records, from before its first file is written until after the last: whoever
                finds one writes the files
    .new        what is about to become a file

A power failure takes nothing that was written: files, folders and journal are on the disk before a write is answered.
The changes need not be, because the processes that they are for end with the machine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from agnodb.documents.store import Address, Capabilities, Document, Index, Query, Scalar, Write
from agnodb.documents.stores.json_text import document_in, text_of
from agnodb.documents.stores.memory import MemoryStore
from agnodb.errors import ConfigurationError, StorageError, UnavailableError

_LOG_BYTES = 4_000_000
"""Where a new log of changes begins."""
_TOKEN_BYTES = 33
"""Of the first line of a log."""
_LONGEST = 200
"""Of file names; longer ones are a digest of the key, which is in the file."""
_OUTSIDE = re.compile(rb"[^a-z0-9_-]")
_FORBIDDEN = (errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS)
_DAMAGED = "A file of this database is damaged."
_FULL = (errno.ENOSPC, errno.EDQUOT)


def file_name(key: str) -> str:
    """The name of what `key` names, the same on file systems that do not tell capital letters from small ones."""
    raw = key.encode("utf-8", "surrogatepass")
    name = _OUTSIDE.sub(lambda found: b"%%%02X" % ord(found[0]), raw).decode()
    return name if 0 < len(name) <= _LONGEST else hashlib.sha256(raw).hexdigest()


class _Change(NamedTuple):
    """A file that is written, or deleted (None)."""

    address: Address
    document: Document | None
    content: bytes | None

    @classmethod
    def of(cls, address: Address, document: Document | None) -> Self:
        """The change that makes `document` what is at `address`."""
        return cls(address, document, None if document is None else text_of(document).encode())


class JsonFileStore:
    """See `agnodb.documents.store.DocumentStore`. One for all threads and event loops of a process.

    Locks are those of `flock`: the folder is on a disk of this machine, or on a file system that has them.
    """

    capabilities = Capabilities(blocking=True, batch=10_000, lists=1_000)

    def __init__(self, folder: Path, *, beside_agnos: bool = False) -> None:
        """`beside_agnos`: agno's own files may be there, and are let alone."""
        self.folder, self._beside_agnos = folder, beside_agnos
        self._collections: dict[str, Sequence[Index]] = {}
        self._renew()

    def _renew(self) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()
        self._held = MemoryStore()
        self._log: bytes | None = None
        self._read_to = 0

    # -- the port ---------------------------------------------------------------------------------------------

    async def prepare(self, collections: Mapping[str, Sequence[Index]]) -> None:
        with _told():
            self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            self._refuse_agnos(collections)
            for name in collections:
                self._folder_of(name).mkdir(exist_ok=True)
            _sync(self.folder)
            if not collections.keys() <= self._collections.keys():
                self._collections |= collections
                self._log = None  # what it holds lacks the new ones

    async def get(self, addresses: Sequence[Address]) -> list[Document | None]:
        with self._locked():
            self._refresh()
            return await self._held.get(addresses)

    async def find(
        self, query: Query, *, after: Document | None = None, offset: int = 0, limit: int | None = None
    ) -> list[Document]:
        with self._locked():
            self._refresh()
            return await self._held.find(query, after=after, offset=offset, limit=limit)

    async def find_each(self, query: Query, values: Sequence[Scalar]) -> list[list[Document]]:
        with self._locked():
            self._refresh()
            return await self._held.find_each(query, values)

    async def count(self, query: Query) -> int:
        with self._locked():
            self._refresh()
            return await self._held.count(query)

    async def write(self, writes: Sequence[Write]) -> None:
        with self._locked():
            self._refresh()
            self._held.check(writes)
            changes = [_Change.of(write.address, write.document) for write in writes]
            if len(changes) > 1:
                self._note_batch(changes)
            self._store(changes)
            if len(changes) > 1:
                self._forget_batch()

    async def close(self) -> None:
        """Nothing is open between two requests."""

    # -- one at a time ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """No other thread and no other process is at it."""
        if self._process != os.getpid():  # a child after a fork; a thread of its parent may have been at it
            self._renew()
        with self._lock, _told(), open(self.folder / ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _refuse_agnos(self, collections: Iterable[str]) -> None:
        for name in () if self._beside_agnos else collections:
            file = self.folder / f"{name}.json"
            if file.is_file() and file.stat().st_size > len("[]"):
                message = "This folder has the files of agno's JsonDb. Take them over with: agnodb adopt json://FOLDER"
                raise ConfigurationError(message, detail=str(file))

    # -- what others have written -----------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Hold what is stored now."""
        self._catch_up()
        self._finish_batch()

    def _catch_up(self) -> None:
        """Read what others have written since the last request."""
        with open(self.folder / ".changes", "a+b") as log:
            token, size = os.pread(log.fileno(), _TOKEN_BYTES, 0), os.fstat(log.fileno()).st_size
            if token == self._log:
                noted = os.pread(log.fileno(), size - self._read_to, self._read_to) if size > self._read_to else b""
                noted = noted[: noted.rfind(b"\n") + 1]
                for collection, key in dict.fromkeys(tuple(json.loads(line)) for line in noted.splitlines()):
                    if collection in self._collections:
                        self._held.put((collection, key), self._read(self._path_of((collection, key))))
                self._read_to += len(noted)
                return
            self._read_all()
            if len(token) < _TOKEN_BYTES:
                self._new_log()
            else:
                self._log, self._read_to = token, os.pread(log.fileno(), size, 0).rfind(b"\n") + 1

    def _new_log(self) -> None:
        """Begin another log."""
        self._log = f"{secrets.token_hex((_TOKEN_BYTES - 1) // 2)}\n".encode()
        self._replace(self.folder / ".changes", self._log)
        self._read_to = len(self._log)

    def _read_all(self) -> None:
        self._held = MemoryStore()
        self._held.add(self._collections)
        for name in self._collections:
            for path in self._folder_of(name).glob("*.json"):
                document = self._read(path)
                if document is not None:
                    self._held.put((name, document.key), document)

    def _read(self, path: Path) -> Document | None:
        try:
            document = document_in(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StorageError(_DAMAGED, detail=f"{path}: {error}") from None
        if file_name(document.key) != path.stem:
            raise StorageError(_DAMAGED, detail=f"{path} is not the file of the key that it has")
        return document

    # -- what is written --------------------------------------------------------------------------------------

    def _store(self, changes: Sequence[_Change]) -> None:
        """Write the files. If that fails, everybody looks at them again."""
        if self._read_to > _LOG_BYTES:
            self._new_log()
        noted = "".join(f"{json.dumps(change.address)}\n" for change in changes).encode()
        with open(self.folder / ".changes", "r+b") as log:
            log.truncate(self._read_to)  # half a line, of somebody who was killed: nothing of it was written
            log.seek(self._read_to)
            log.write(noted)
        for change in changes:
            path = self._path_of(change.address)
            if change.content is None:
                path.unlink(missing_ok=True)
            else:
                self._replace(path, change.content, durably=True)
        for collection in {change.address[0] for change in changes}:
            _sync(self._folder_of(collection))
        for change in changes:
            if change.address[0] in self._collections:
                self._held.put(change.address, change.document)
        self._read_to += len(noted)

    def _note_batch(self, changes: Sequence[_Change]) -> None:
        """From here on the batch is written, whoever does it."""
        noted = [(change.address, None if change.content is None else change.content.decode()) for change in changes]
        self._replace(self.folder / ".journal", json.dumps(noted).encode(), durably=True)
        _sync(self.folder)

    def _finish_batch(self) -> None:
        """Write a batch whose writer did not come to its end."""
        try:
            noted = json.loads((self.folder / ".journal").read_bytes())
        except FileNotFoundError:
            return
        documents = ((tuple(address), None if text is None else document_in(text)) for address, text in noted)
        self._store([_Change.of(address, document) for address, document in documents])
        self._forget_batch()

    def _forget_batch(self) -> None:
        (self.folder / ".journal").unlink()
        _sync(self.folder)

    def _replace(self, path: Path, content: bytes, *, durably: bool = False) -> None:
        """Make `content` the file at `path`, or leave what is there."""
        new = self.folder / ".new"
        with open(new, "wb") as file:
            file.write(content)
            if durably:
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)

    def _folder_of(self, collection: str) -> Path:
        return self.folder / file_name(collection)

    def _path_of(self, address: Address) -> Path:
        return self._folder_of(address[0]) / f"{file_name(address[1])}.json"


def _sync(folder: Path) -> None:
    """Have the names in `folder` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of the file system become ours."""
    try:
        yield
    except OSError as error:
        if error.errno in _FORBIDDEN:
            raise ConfigurationError("The folder of this database cannot be used.", detail=str(error)) from error
        if error.errno in _FULL:
            raise StorageError("The disk of this database is full.", detail=str(error)) from error
        raise UnavailableError(detail=str(error), refused=error.errno in (errno.EMFILE, errno.ENFILE)) from error
