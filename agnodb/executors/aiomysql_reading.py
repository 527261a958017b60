"""Connections of aiomysql that take what has already arrived.

aiomysql waits twice for each packet, and each row and each column's description is one; each answer is an object with a
cursor around it. The description of a column is the same for every call, and to parse it anew costs more than the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiomysql import Connection
from aiomysql.connection import MySQLResult
from pymysql.constants import COMMAND, SERVER_STATUS
from pymysql.converters import _escape_table
from pymysql.err import InternalError
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

from agnodb.executors.lending import shut_down
from agnodb.sql.executor import Answer

_HEADER, _LONGEST = 4, 0xFFFFFF
_OK, _NULL, _FILE, _EOF, _ERROR = 0x00, 0xFB, 0xFB, 0xFE, 0xFF
_SHORT_EOF = 9
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
_MOST_KNOWN = 4096
_known: dict[Any, Any] = {}
"""Descriptions of columns by what the server has sent: nothing changes them, and nothing else is in them."""
_ESCAPED = sorted(
    ((raw, escaped) for raw, escaped in zip(map(chr, range(128)), _escape_table, strict=True) if raw != escaped),
    key=lambda pair: pair[0] != "\\",
)
"""The driver's own table, the backslash first: it stands in all others."""

Columns = Sequence[tuple[str | None, Callable[[Any], Any] | None]]
"""The encoding of each column, and what makes its value."""


class ReadingConnection(Connection):  # type: ignore[misc]
    """Whatever is not a whole, expected packet that is there, is aiomysql's own business."""

    _next_seq_id: int
    _reader: Any
    _writer: Any

    async def ask(self, text: str) -> list[Answer]:
        """What the server answers to `text`, one statement or several. Raises what aiomysql raises."""
        await self._execute_command(COMMAND.COM_QUERY, text.encode(self.encoding, "surrogateescape"))
        self._result, answers, more = None, [], True
        while more:
            answer, self.server_status = await self._answer()
            more = bool(self.server_status & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS)
            answers.append(answer)
        return answers

    async def _answer(self) -> tuple[Answer, int]:
        content = await self._content()
        if content[0] == _OK:
            count, place = _number(content, 1)
            _, place = _number(content, place)  # the last number that the server gave a row
            return Answer((), count), int.from_bytes(content[place : place + 2], "little")
        if content[0] == _FILE:
            raise InternalError("the server asks for a file")
        described = [await self._content() for _ in range(_number(content, 0)[0] + 1)]  # the last one is their end
        columns, rows = await self._columns(described), list[Any]()
        while True:
            content = self._arrived() or await self._content()
            if content[0] == _EOF and len(content) < _SHORT_EOF:
                return Answer(rows, len(rows)), int.from_bytes(content[3:5], "little")
            rows.append(_row(content, columns))

    async def _columns(self, described: list[bytes]) -> Columns:
        key = (self._encoding, *described[:-1])
        found: Columns | None = _known.get(key)
        if found is None:
            result = MySQLResult(_Described(self, described))
            result.field_count = len(described) - 1
            await result._get_descriptions()
            found = _remembered(key, result.converters)
        return found

    async def _content(self) -> bytes:
        content = self._arrived()
        if content is None:
            content = (await super()._read_packet()).get_all_data()
        return content

    def _arrived(self) -> bytes | None:
        """The next packet, if the whole of it is there and it is neither an error nor unexpected."""
        buffer = self._reader._buffer
        if len(buffer) <= _HEADER:
            return None
        length = int.from_bytes(buffer[:3], "little")
        end = _HEADER + length
        expected = buffer[3] == self._next_seq_id and buffer[_HEADER] != _ERROR
        if not expected or not 0 < length < _LONGEST or end > len(buffer):
            return None
        content = bytes(buffer[_HEADER:end])
        del buffer[:end]
        self._reader._maybe_resume_transport()
        self._next_seq_id = (self._next_seq_id + 1) % 256
        return content

    async def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        content = self._arrived()
        if content is None:
            return await super()._read_packet(packet_type)
        if packet_type is not FieldDescriptorPacket:
            return packet_type(content, self._encoding)
        return _known.get((content, self._encoding)) or _remembered(
            (content, self._encoding), packet_type(content, self._encoding)
        )

    def close(self) -> None:
        """As aiomysql's, which asks its loop: one that has ended would raise, also when the connection is forgotten."""
        if self._loop.is_closed():
            self.abandon()
        else:
            super().close()

    def abandon(self) -> None:
        """Close the connection without its loop."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            shut_down(writer.transport)

    def escape_string(self, text: str) -> Any:
        """As aiomysql's, which looks at each character: of a document that takes longer than all else."""
        if self.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES:
            return super().escape_string(text)
        for raw, escaped in _ESCAPED:
            if raw in text:
                text = text.replace(raw, escaped)
        return text


async def open_connection(*arguments: Any, **named: Any) -> ReadingConnection:
    """As `aiomysql.connect`."""
    connection = ReadingConnection(*arguments, **named)
    await connection._connect()
    return connection


class _Described:
    """Packets that have been read, for aiomysql, which knows what is done to the values of each column."""

    def __init__(self, connection: Any, contents: Iterable[bytes]) -> None:
        self.use_unicode, self.encoding = connection.use_unicode, connection.encoding
        self.decoders, self._contents = connection.decoders, iter(contents)

    async def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        return packet_type(next(self._contents), self.encoding)


def _remembered(key: Any, made: Any) -> Any:
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[key] = made
    return made


def _number(content: bytes, place: int) -> tuple[int, int]:
    """The number at `place`, and where the next one is."""
    first = content[place]
    width = _WIDTHS.get(first)
    if width is None:
        return first, place + 1
    end = place + 1 + width
    return int.from_bytes(content[place + 1 : end], "little"), end


def _row(content: bytes, columns: Columns) -> tuple[Any, ...]:
    row: list[Any] = []
    place = 0
    for encoding, convert in columns:
        if content[place] == _NULL:
            row.append(None)
            place += 1
            continue
        length, place = _number(content, place)
        end = place + length
        value: Any = content[place:end]
        place = end
        if encoding is not None:
            value = value.decode(encoding)
        row.append(value if convert is None else convert(value))
    return tuple(row)
