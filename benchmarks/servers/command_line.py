"""The command line of a server: ``PORT LOOP``, and ``async`` where its handlers are to be ``async def``."""

from __future__ import annotations

import asyncio
import sys

__all__ = ("is_async", "new_loop", "port")

port = int(sys.argv[1])

is_async = sys.argv[3:] == ["async"]
"""Whether the handlers are ``async def``; otherwise they are plain ``def``."""


def new_loop() -> asyncio.AbstractEventLoop:
    """The loop that the command line names: asyncio, uvloop, or aiofastnet on uvloop."""
    name = sys.argv[2]
    if name == "asyncio":
        return asyncio.new_event_loop()
    import uvloop

    if name == "uvloop":
        return uvloop.new_event_loop()
    import aiofastnet

    return aiofastnet.loop_factory(uvloop.new_event_loop)()
