"""`CheckedConnection`: a connection whose event loop is in debug mode."""

from __future__ import annotations

import asyncio

from .connection import Connection
from .loop_check import in_its_loop

__all__ = ("CheckedConnection",)


class CheckedConnection(Connection):
    """A `Connection` that raises WrongEventLoop where it is used from another thread or loop."""

    __slots__ = ()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._protocol.loop

    push = in_its_loop(Connection.push)
    send = in_its_loop(Connection.send)
    ping = in_its_loop(Connection.ping)
    pong = in_its_loop(Connection.pong)
    subscribe = in_its_loop(Connection.subscribe)
    unsubscribe = in_its_loop(Connection.unsubscribe)
    publish = in_its_loop(Connection.publish)
    close = in_its_loop(Connection.close)
    end = in_its_loop(Connection.end)
    abort = in_its_loop(Connection.abort)
