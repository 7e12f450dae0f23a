"""In goes a transport whose reading was paused, out comes what the peer has sent meanwhile."""

from __future__ import annotations

import asyncio
from typing import Final

__all__ = ("resume_reading",)

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
