"""One connection to Redis: what is written in a turn of the loop leaves at once, in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import hiredis

from ...errors import BackplaneDown

__all__ = ("RedisConnection", "Replies", "pack")


def pack(*command: bytes | str) -> bytes:
    """Return the bytes of a command, as Redis's protocol has them."""
    # It takes a tuple of any length, which its types do not say.
    return cast("bytes", hiredis.pack_command(command))  # type: ignore[arg-type]


class Replies(Protocol):
    """Who takes what a connection reads."""

    def replied(self, reply: Any, /) -> None:
        """A reply has come; errors are of `hiredis.ReplyError`."""


class RedisConnection(asyncio.Protocol):
    """The protocol of a transport that redis-py has made; ``on_lost`` is called once, when it is lost."""

    def __init__(self, transport: asyncio.Transport, on_lost: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._on_lost = on_lost
        self._reader = hiredis.Reader(replyError=hiredis.ReplyError)
        self._replies: Replies | None = None
        self._gathered: list[bytes] = []
        self._is_lost = False
        self.heard_at = self._loop.time()
        transport.set_protocol(self)

    def attach(self, replies: Replies) -> None:
        """From now on ``replies`` gets what comes. Raises BackplaneDown if it is lost already."""
        if self._is_lost:
            raise BackplaneDown("the connection to Redis was lost")
        self._replies = replies

    def write(self, data: bytes) -> None:
        """Send ``data`` at the end of this turn of the loop, with all else of the turn."""
        if not self._gathered:
            self._loop.call_soon(self._flush)
        self._gathered.append(data)

    def _flush(self) -> None:
        data, self._gathered = b"".join(self._gathered), []
        if not self._is_lost:
            self._transport.write(data)

    def drop(self) -> None:
        """It is of no use any more: end it at once."""
        self._transport.abort()
        self.connection_lost(None)

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        assert self._replies is not None
        try:
            self._reader.feed(data)
            while not self._is_lost and (reply := self._reader.gets()) is not False:
                self._replies.replied(reply)
        except hiredis.ProtocolError:
            self.drop()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._on_lost()
