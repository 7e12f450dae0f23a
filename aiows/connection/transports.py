"""What particular transports do: reading that must be resumed by hand, sockets that may be written to."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

__all__ = ("descriptor_of", "resume_reading")

# What aiofastnet 1.2 has read from a socket and not decrypted yet when reading is paused waits, once it goes
# on, for the peer to send more: a peer that waits for an answer never does. So it is told to look.
FORGETFUL: Final = "aiofastnet.ssl_transport"


def resume_reading(transport: asyncio.Transport) -> None:
    """Read again, and what was read already, too."""
    transport.resume_reading()
    if type(transport).__module__ == FORGETFUL:
        decrypt = getattr(transport, "_do_read", None)
        if decrypt is not None:
            asyncio.get_running_loop().call_soon(decrypt)


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
