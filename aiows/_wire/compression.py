"""The compression modes: how much memory a connection gives to compression, and zlib's settings for it."""

from __future__ import annotations

import zlib
from enum import Enum
from typing import Final

__all__ = ("MAX_WINDOW_BITS", "MIN_WINDOW_BITS", "Compression")

MAX_WINDOW_BITS: Final = 15  # RFC 7692, section 7.1.2
MIN_WINDOW_BITS: Final = 9  # The RFC allows 8, but zlib has no raw streams with it.


class Compression(Enum):
    """How the messages of a connection are compressed, and how much memory that takes.

    DISABLED: no compression. SHARED: every message alone; no memory per connection, but for clients that may
    refer to what they said before, see ``CarefulInflater``. DEDICATED_*: with a
    window over earlier messages; each connection has a compressor of about that size, plus about 6 KiB of
    zlib's, plus the window of the inflater (RFC 7692, section 7.1.2). The value of a dedicated mode is its
    window bits and zlib's memory level, four bits each.
    """

    DISABLED = 0
    SHARED = 1
    DEDICATED_3KB = 0x91
    DEDICATED_4KB = 0x92
    DEDICATED_8KB = 0xA3
    DEDICATED_16KB = 0xB4
    DEDICATED_32KB = 0xC5
    DEDICATED_64KB = 0xD6
    DEDICATED_128KB = 0xE7
    DEDICATED_256KB = 0xF8

    SHARED_COMPRESSOR = SHARED
    DEDICATED_COMPRESSOR_3KB = DEDICATED_3KB
    DEDICATED_COMPRESSOR_4KB = DEDICATED_4KB
    DEDICATED_COMPRESSOR_8KB = DEDICATED_8KB
    DEDICATED_COMPRESSOR_16KB = DEDICATED_16KB
    DEDICATED_COMPRESSOR_32KB = DEDICATED_32KB
    DEDICATED_COMPRESSOR_64KB = DEDICATED_64KB
    DEDICATED_COMPRESSOR_128KB = DEDICATED_128KB
    DEDICATED_COMPRESSOR_256KB = DEDICATED_256KB

    @property
    def is_dedicated(self) -> bool:
        """Whether a window is kept from one message to the next."""
        return self not in (Compression.DISABLED, Compression.SHARED)

    @property
    def window_bits(self) -> int:
        """The base-2 logarithm of the window's size in bytes."""
        return self.value >> 4 if self.is_dedicated else MAX_WINDOW_BITS

    @property
    def memory_level(self) -> int:
        """zlib's memLevel."""
        return self.value & 0xF if self.is_dedicated else zlib.DEF_MEM_LEVEL
