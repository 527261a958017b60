"""Connections of aiomysql that take what has already arrived.

aiomysql waits twice for each packet, and each row and each column's description is one. The description of a column is
the same for every call, and to parse it anew costs more than the rows: a quarter of the client's time.
"""

from __future__ import annotations

from typing import Any

from aiomysql import Connection
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

_HEADER, _LONGEST, _ERROR = 4, 0xFFFFFF, 0xFF
_MOST_KNOWN = 4096
_known: dict[tuple[bytes, str], Any] = {}
"""Descriptions by what the server has sent: nothing changes them, and nothing else is in them."""


class ReadingConnection(Connection):  # type: ignore[misc]
    """Whatever is not a whole, expected packet that is there, is aiomysql's own business."""

    _next_seq_id: int

    async def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        buffer = self._reader._buffer
        if len(buffer) > _HEADER:
            length = int.from_bytes(buffer[:3], "little")
            end = _HEADER + length
            expected = buffer[3] == self._next_seq_id and buffer[_HEADER] != _ERROR
            if expected and 0 < length < _LONGEST and end <= len(buffer):
                content = bytes(buffer[_HEADER:end])
                del buffer[:end]
                self._reader._maybe_resume_transport()
                self._next_seq_id = (self._next_seq_id + 1) % 256
                return _parsed(packet_type, content, self._encoding)
        return await super()._read_packet(packet_type)


async def open_connection(*arguments: Any, **named: Any) -> ReadingConnection:
    """As `aiomysql.connect`."""
    connection = ReadingConnection(*arguments, **named)
    await connection._connect()
    return connection


def _parsed(packet_type: Any, content: bytes, encoding: str) -> Any:
    if packet_type is not FieldDescriptorPacket:
        return packet_type(content, encoding)
    found = _known.get((content, encoding))
    if found is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        found = _known[content, encoding] = packet_type(content, encoding)
    return found
