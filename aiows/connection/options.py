"""In goes what a route was given, out come the options that all of its connections share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .._wire import Compression
from .keepalive import KeepAlivePolicy

__all__ = ("ConnectionOptions", "shared_options", "threshold_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """What is the same for all connections of one route; sizes in bytes, times in seconds."""

    writer_limit: int = 64 * 1024
    max_backpressure: int = 1024 * 1024
    close_timeout: float = 10.0
    autoclose: bool = True
    autoping: bool = True
    control_messages: bool = False
    compress_threshold: int = 0
    keepalive: KeepAlivePolicy | None = None


# Below this size, in bytes, compressing a message by itself costs more than all else about it, some 15
# microseconds, and saves less than 30 bytes. A dedicated compressor has earlier messages to refer to:
# it makes the smallest ones a third.
SHARED_THRESHOLD: Final = 128


def threshold_of(compression: Compression, chosen: int | None) -> int:
    """The size from which on messages are compressed; ``chosen``: None for the default."""
    if chosen is not None:
        return chosen
    return SHARED_THRESHOLD if compression is Compression.SHARED else 0


# A response is made for each connection, with the same few options each time: they are kept once.
shared_options = lru_cache(maxsize=128)(ConnectionOptions)
