"""In goes a transport, out comes the file descriptor that it writes to, if others may write there, too."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

__all__ = ("descriptor_of",)

# Where transports are defined that do no more with what they are given than to write it to their socket,
# and that close it only once `connection_lost` was called.
KNOWN: Final = frozenset(
    {"asyncio.selector_events", "uvloop.loop", "aiofastnet.selector_transport"}
)


def descriptor_of(transport: asyncio.Transport) -> int:
    """Return the descriptor of the transport's socket; -1 where it has none, or not for us.

    A transport that encrypts has a socket, too, and so may one that somebody has put around another.
    """
    is_known = type(transport).__module__ in KNOWN and sys.platform != "win32"
    if not is_known or transport.get_extra_info("sslcontext") is not None:
        return -1
    socket = transport.get_extra_info("socket")
    return -1 if socket is None else int(socket.fileno())
