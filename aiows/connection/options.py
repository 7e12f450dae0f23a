"""In goes what a route was given, out come the options that all of its connections share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .keepalive import KeepAlivePolicy

__all__ = ("ConnectionOptions", "shared_options")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """What is the same for all connections of one route; sizes in bytes, times in seconds."""

    writer_limit: int = 64 * 1024
    max_backpressure: int = 1024 * 1024
    close_timeout: float = 10.0
    autoclose: bool = True
    autoping: bool = True
    control_messages: bool = False
    keepalive: KeepAlivePolicy | None = None


# A response is made for each connection, with the same few options each time: they are kept once.
shared_options = lru_cache(maxsize=128)(ConnectionOptions)
