"""`ReadOnlyTransport`: what a program may know of a connection's transport, and nothing that it could do."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

from ..connection import Connection, protocol_of
from ..errors import TransportTaken

__all__ = ("ReadOnlyTransport",)


class ReadOnlyTransport(asyncio.Transport):
    """The transport of ``connection``, to read from.

    After the 101 the stream has frames and nothing else: one byte between them, and the peer has to end the
    connection. So what would write, close or pause raises TransportTaken, and changes nothing.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection  # without asyncio's own __init__, which makes a dict

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._connection!r}>"

    def __eq__(self, other: object) -> bool:
        """There may be several objects for one transport."""
        return isinstance(other, ReadOnlyTransport) and other._connection is self._connection

    def __hash__(self) -> int:
        return hash(self._connection)

    @property
    def _transport(self) -> asyncio.Transport:
        return protocol_of(self._connection).transport

    # what it knows

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()

    def get_write_buffer_size(self) -> int:
        """Bytes that have not been handed to the operating system, wherever they wait."""
        return protocol_of(self._connection).outbox.amount

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._transport.get_write_buffer_limits()

    def can_write_eof(self) -> bool:
        return False

    # what it does not do

    def write(self, data: bytes | bytearray | memoryview) -> NoReturn:
        raise TransportTaken("write")

    def writelines(self, list_of_data: Any) -> NoReturn:
        raise TransportTaken("writelines")

    def write_eof(self) -> NoReturn:
        raise TransportTaken("write_eof")

    def close(self) -> NoReturn:
        raise TransportTaken("close")

    def abort(self) -> NoReturn:
        raise TransportTaken("abort")

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> NoReturn:
        raise TransportTaken("set_protocol")

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> NoReturn:
        raise TransportTaken("set_write_buffer_limits")

    def pause_reading(self) -> NoReturn:
        raise TransportTaken("pause_reading")

    def resume_reading(self) -> NoReturn:
        raise TransportTaken("resume_reading")
