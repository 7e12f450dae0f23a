"""What particular transports do: reading resumed by hand, sockets to write to, what the kernel may hold."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress
from typing import Any, Final

__all__ = ("bound_unsent", "descriptor_of", "resume_reading")

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
    sock = transport.get_extra_info("socket")
    return -1 if sock is None else int(sock.fileno())


# Where a system has it (Linux and macOS, TCP alone). What is on its way to the peer does not count, so it
# slows nobody down.
NOTSENT_LOWAT: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)


def bound_unsent(transport: asyncio.Transport, size: int) -> None:
    """Let the kernel take no more while it holds ``size`` bytes that it has not sent.

    Where it cannot count those, the socket's whole send buffer is made so small. A transport without a
    socket, or with one that is closed, stays as it is.
    """
    sock: Any = transport.get_extra_info("socket")
    if sock is None:
        return
    with suppress(OSError):
        if NOTSENT_LOWAT is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT, size)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
