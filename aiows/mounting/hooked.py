"""Upgrades whose connection is left to hooks: it goes on when the request and its task have ended."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .._wire import Compression
from ..connection import Hooks, Pump, per_loop, protocol_of
from ..settings import Settings
from ..upgrade import SwitchingProtocols, negotiate, upgrade

__all__ = ("result_of", "upgrade_for_hooks")


async def upgrade_for_hooks(
    request: web.Request,
    settings: Settings,
    hooks: Hooks,
    owner: Any,
    *,
    protocols: tuple[str, ...] | None = None,
    compression: Compression | None = None,
    headers: Mapping[str, str] | None = None,
    user_id: Any = None,
    user_data: Any = None,
) -> web.StreamResponse:
    """Send the 101, run the open hook, leave the connection to ``hooks`` and return the 101.

    ``owner``: whose hooks they are, such as a view; they are called with it. ``protocols`` and
    ``compression``: what this request may have, in place of what ``settings`` say. ``headers``: more of the
    101's. ``user_id`` and ``user_data`` are the connection's before the hook runs. Raises
    web.HTTPBadRequest for what is no handshake, ConnectionResetError if the peer has gone.
    """
    handshake = negotiate(
        request,
        protocols=settings.subprotocols if protocols is None else protocols,
        compression=settings.compression if compression is None else compression,
    )
    response = SwitchingProtocols()
    response.headers.extend(headers or {})
    shared = per_loop(asyncio.get_running_loop())  # kept until the connection keeps it
    pump = Pump(hooks, owner, shared)
    entry = await upgrade(
        request,
        settings,
        pump,
        handshake=handshake,
        response=response,
        user_id=user_id,
        user_data=user_data,
    )
    connection = response.connection = entry.connection
    await pump.open()
    if entry.must_stay:
        pump.start()
        await protocol_of(connection).handshake_done()
    else:
        entry.detach()
        pump.start()
    return response


async def result_of(value: Any) -> Any:
    """Await what an ``async`` function returned, pass on what a plain one did."""
    return await value if inspect.isawaitable(value) else value
