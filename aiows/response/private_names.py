"""What programs read of aiohttp's WebSocketResponse although its name is private, and which program does so.

============================  ==============================================================================
``_writer.send_frame``        Home Assistant: its websocket API keeps it, to send a TEXT without any detour
``_writer._limit``            Home Assistant sets it, to 1 MiB once somebody has logged in
``_writer.transport``         chia-blockchain asks it for the peer's address and certificate; others, whether
                              it is closing and how much it holds
``_timeout``                  the tests of aiohttp-rpc
``_loop``                     the tests of aiohttp, to ask for the time
``_heartbeat``, ``_closed``   tests of applications, which ask what their views have made
============================  ==============================================================================

The other options and states are there for the same reasons. What has no counterpart here (``_reader``,
``_parser``, the handles of timers) is what it is in aiohttp before `prepare`: None, for most. Only
``_writer._limit`` can be set. Elsewhere it would change nothing, and so it is an AttributeError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import attrgetter, methodcaller
from typing import Any, Final, NoReturn

from aiohttp import WSMsgType

from .._wire import parse_close
from ..connection import Connection, PreparedMessage, protocol_of
from ..errors import ProtocolError
from ..settings.expected import BYTES
from ..upgrade import ReadOnlyTransport

__all__ = ("PrivateNames", "Writer", "send")

MESSAGES: Final = (WSMsgType.TEXT, WSMsgType.BINARY)


class Writer:
    """What aiohttp calls the writer of a connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def transport(self) -> ReadOnlyTransport:
        """The transport, to read from."""
        return ReadOnlyTransport(self._connection)

    async def send_frame(self, message: bytes, opcode: int, compress: int | None = None) -> None:
        """Send ``message`` as a whole TEXT, BINARY, PING, PONG or CLOSE.

        Raises ValueError for another opcode, and for what the peer would have to refuse.
        """
        if opcode in MESSAGES:
            await send(self._connection, opcode, bytes(message), compress)
        elif opcode == WSMsgType.PING:
            self._connection.ping(message)
        elif opcode == WSMsgType.PONG:
            self._connection.pong(message)
        elif opcode == WSMsgType.CLOSE:
            self._send_close(bytes(message))
        else:
            raise ValueError(f"{opcode!r} is not a message that can be sent")

    async def close(self, code: int = 1000, message: bytes | str = b"") -> None:
        """Send a Close, and do not wait for the answer. Raises ValueError as `Connection.close` does."""
        self._connection.close(code, message)

    def _send_close(self, payload: bytes) -> None:
        try:
            code, reason = parse_close(payload)
        except ProtocolError as error:
            raise ValueError(error.text) from error
        protocol_of(self._connection).made_closing().close(payload, code, reason)

    @property
    def _limit(self) -> int:
        return protocol_of(self._connection).outbox.limit

    @_limit.setter
    def _limit(self, value: int) -> None:
        BYTES.check("WebSocketResponse: _writer._limit", value)
        protocol_of(self._connection).outbox.set_limit(value)


async def send(
    connection: Connection, opcode: int, payload: bytes, compress: int | None = None
) -> None:
    """Send one message, waiting first while there is no room for it."""
    protocol = protocol_of(connection)
    if compress is not None or not protocol.outbox.send_at_once(opcode, payload):
        await protocol.send_message(PreparedMessage(payload, opcode, compress=compress))


class Read:
    """A private attribute of aiohttp's class, which can be read: ``value_of(response)``.

    ``option``: the argument of the constructor that decides about it, if there is one.
    """

    def __init__(self, value_of: Callable[[Any], Any], option: str | None = None) -> None:
        self._value_of = value_of
        self._option = option
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, response: object | None, owner: type) -> Any:
        return self if response is None else self._value_of(response)

    def __set__(self, response: object, value: object) -> NoReturn:
        advice = "" if self._option is None else f"; {self._option}= of the constructor decides"
        raise AttributeError(f"{self._name} can only be read{advice}")


def writer_of(response: Any) -> Writer | None:
    return Writer(response.connection) if response.prepared else None


def loop_of(response: Any) -> asyncio.AbstractEventLoop | None:
    return protocol_of(response.connection).loop if response.prepared else None


def is_closing(response: Any) -> bool:
    return response.prepared and protocol_of(response.connection).is_ending


class PrivateNames:
    """Under each name what aiohttp's class would have there."""

    __slots__ = ()

    # What they are in aiohttp's class is not what they are here, so to type checkers they are anything.
    _protocols: Any = Read(attrgetter("_settings.protocols"), "protocols")
    _timeout: Any = Read(attrgetter("_settings.close_timeout"), "timeout")
    _receive_timeout: Any = Read(attrgetter("_settings.receive_timeout"), "receive_timeout")
    _autoclose: Any = Read(attrgetter("_settings.autoclose"), "autoclose")
    _autoping: Any = Read(attrgetter("_settings.autoping"), "autoping")
    _heartbeat: Any = Read(attrgetter("_settings.heartbeat"), "heartbeat")
    _max_msg_size: Any = Read(attrgetter("_settings.max_msg_size"), "max_msg_size")
    _writer_limit: Any = Read(attrgetter("_settings.writer_limit"), "writer_limit")
    _decode_text: Any = Read(attrgetter("_settings.decode_text"), "decode_text")
    _compress: Any = Read(attrgetter("compress"), "compress")

    _writer: Any = Read(writer_of)
    _loop: Any = Read(loop_of)
    _ws_protocol: Any = Read(attrgetter("ws_protocol"))
    _closed: Any = Read(attrgetter("closed"))
    _closing: Any = Read(is_closing)
    _close_code: Any = Read(attrgetter("close_code"))
    _exception: Any = Read(methodcaller("exception"))
