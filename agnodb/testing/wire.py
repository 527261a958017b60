"""What really goes over the wire: a proxy for PostgreSQL that counts round trips, statements and bytes.

    with CountingProxy(server.host, server.port) as proxy:
        db = AsyncPostgresDb(db_url=proxy.url(url))
        with proxy.count() as wire:
            ...
        assert wire.round_trips == 1

A request is counted before it is passed on, a response before it is handed back: all that a client has been
answered is in the counts. The proxy runs in a thread and an event loop of its own: any client can use it.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
CHUNK = 65536
# SSLRequest and GSSENCRequest, which take the place of the startup message.
ENCRYPTION_REQUESTS = (80877103, 80877104)


@dataclass(eq=False)
class Counts:
    """What passed while counting, over all connections. Logging in counts as bytes, not as round trips."""

    round_trips: int = 0
    """Waits of a client for the server: Query, Sync, and Flush where it stands in for a Sync."""
    statements: int = 0
    """Executions: Execute and Query."""
    bytes_up: int = 0
    bytes_down: int = 0
    texts: list[str] = field(default_factory=list)
    """SQL of Parse and Query in order; running a statement that is already prepared sends none."""

    def add(self, other: "Counts") -> None:
        """Add what `other` counted."""
        self.round_trips += other.round_trips
        self.statements += other.statements
        self.bytes_up += other.bytes_up
        self.bytes_down += other.bytes_down
        self.texts += other.texts


class CountingProxy:
    """A proxy for the PostgreSQL server at host:port; a context manager, on a loopback `port` of its own."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._lock = threading.Lock()
        self._counting: list[Counts] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        # Bound here: the port is known at once, and early clients wait in the backlog.
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="counting-proxy", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def url(self, original: str) -> str:
        """The same URL, through the proxy."""
        netloc = urlsplit(original).netloc
        user, at, _ = netloc.rpartition("@")
        return original.replace(f"://{netloc}", f"://{user}{at}{LOOPBACK}:{self.port}", 1)

    @contextmanager
    def count(self) -> Iterator[Counts]:
        """Count what passes until the block ends. Blocks may be nested or overlap."""
        counts = Counts()
        with self._lock:
            self._counting.append(counts)
        try:
            yield counts
        finally:
            with self._lock:
                self._counting.remove(counts)

    def cut(self) -> None:
        """Close all connections at once and return when both sides are closed. New ones are accepted."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, sock=self._listener)
        await self._stopping.wait()
        server.close()
        await self._cut()

    async def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        if self._relays:
            await asyncio.wait(self._relays.copy())

    def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self._writers.add(to_client)
        relay = self._loop.create_task(self._relay(client, to_client))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        writers = {to_client}
        try:
            server, to_server = await asyncio.open_connection(*self._server)
            writers.add(to_server)
            self._writers.add(to_server)
            await self._start(client, to_client, to_server)
            await asyncio.gather(
                self._pump(client, to_server, _Requests().feed),
                self._pump(server, to_client, lambda data: Counts(bytes_down=len(data))),
            )
        except (OSError, asyncio.IncompleteReadError):
            pass  # the server is down, or the client left before it began
        finally:
            for writer in writers:
                writer.close()
            self._writers -= writers

    async def _start(
        self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, to_server: asyncio.StreamWriter
    ) -> None:
        """Pass on the startup message (or a cancel request), the only messages without a tag."""
        while True:
            head = await client.readexactly(8)
            length, code = int.from_bytes(head[:4]), int.from_bytes(head[4:])
            if code not in ENCRYPTION_REQUESTS:
                break
            # Refused here, whatever the server would say: an encrypted stream cannot be counted.
            self._note(Counts(bytes_up=len(head), bytes_down=1))
            to_client.write(b"N")
        message = head + await client.readexactly(length - len(head))
        self._note(Counts(bytes_up=len(message)))
        to_server.write(message)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, measure: Callable[[bytes], Counts]
    ) -> None:
        try:
            while data := await reader.read(CHUNK):
                self._note(measure(data))
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # a reset is an end like any other
        finally:
            # Ends the pump of the other direction too.
            writer.close()

    def _note(self, seen: Counts) -> None:
        with self._lock:
            for counts in self._counting:
                counts.add(seen)


class _Requests:
    """Reads one connection's tagged messages, wherever TCP has cut them."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._unanswered = False

    def feed(self, data: bytes) -> Counts:
        seen = Counts(bytes_up=len(data))
        self._buffer += data
        # The length counts itself and the body, not the tag.
        while len(self._buffer) >= 5 and len(self._buffer) > (length := int.from_bytes(self._buffer[1:5])):
            self._read(chr(self._buffer[0]), self._buffer[5 : length + 1], seen)
            del self._buffer[: length + 1]
        return seen

    def _read(self, tag: str, body: bytearray, seen: Counts) -> None:
        if tag in "QE":
            seen.statements += 1
        if tag in "QP":
            # Query: text. Parse: name of the statement, text, parameter types.
            text = body.split(b"\0")[0 if tag == "Q" else 1]
            seen.texts.append(text.decode(errors="replace"))
        if tag in "QS" or (tag == "H" and self._unanswered):
            # asyncpg waits after Parse, Describe, Flush; psycopg's Flush right after a Sync asks for nothing.
            seen.round_trips += 1
            self._unanswered = False
        elif tag in "PBDEC":
            self._unanswered = True
