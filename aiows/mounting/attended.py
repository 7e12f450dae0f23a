"""In go an upgrade request and hooks, out comes a connection that goes on without request and task."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable
from typing import Any

from aiohttp import hdrs, web

from .._wire import Compression, DeflateParams, Inflater, MessageReader
from ..codecs import Codec
from ..connection import Consumer, Hooks, Pump, protocol_of
from ..response.websocket_response import WebSocketResponse
from ..upgrade.handshake import Origins, check_origin, is_upgrade

__all__ = ("AttendedResponse", "admit", "result_of")


def admit(request: web.Request, origins: Origins) -> None:
    """Refuse what is not for a WebSocket's route, before anything of the application runs.

    ``origins``: see `aiows.handshake.check_origin`. Raises web.HTTPMethodNotAllowed,
    web.HTTPUpgradeRequired for what asks for no WebSocket, web.HTTPForbidden for a foreign origin.
    """
    if request.method != hdrs.METH_GET:
        raise web.HTTPMethodNotAllowed(request.method, [hdrs.METH_GET])
    if not is_upgrade(request):
        raise web.HTTPUpgradeRequired(headers={hdrs.UPGRADE: "websocket"})
    check_origin(request, origins)


class AttendedResponse(WebSocketResponse):
    """The 101 of a connection that hooks attend to; ``owner`` is what they are given besides.

    Options are those of `WebSocketResponse`; ``idle_timeout`` is in seconds, 0 for none. A message of
    just ``max_msg_size`` bytes passes, compressed or not.
    """

    def __init__(
        self,
        hooks: Hooks,
        owner: Any,
        *,
        protocols: Iterable[str],
        compress: bool | Compression,
        max_msg_size: int,
        max_backpressure: int,
        idle_timeout: float,
        control_messages: bool = False,
        codecs: Iterable[Codec] = (),
        compress_threshold: int | None = None,
        decode_text: bool = True,
    ) -> None:
        super().__init__(
            protocols=protocols,
            compress=compress,
            max_msg_size=max_msg_size,
            max_backpressure=max_backpressure,
            control_messages=control_messages,
            idle_timeout=idle_timeout,
            codecs=codecs,
            compress_threshold=compress_threshold,
            decode_text=decode_text,
        )
        self._pump = Pump(hooks, owner, asyncio.get_running_loop())

    def _make_consumer(self) -> Consumer:
        return self._pump

    def _make_reader(self, deflate: DeflateParams | None) -> MessageReader:
        return MessageReader(
            max_msg_size=self._max_msg_size,
            inflater=Inflater(deflate) if deflate else None,
            decode_text=self._decode_text,
            takes_limit=True,
        )

    async def attend(
        self, request: web.Request, *, user_id: Any = None, user_data: Any = None
    ) -> None:
        """Send the 101 and run the open hook; then aiohttp is done with the connection.

        ``user_id`` and ``user_data`` are the connection's before the hook runs. Raises as `prepare` does.
        """
        await self.prepare(request)
        self.connection.user_id = user_id
        self.connection.user_data = user_data
        await self._pump.open()
        if self.must_stay:
            self._pump.start()
            await protocol_of(self.connection).handshake_done()
            return
        self.detach()
        self._pump.start()


async def result_of(value: Any) -> Any:
    """Await what an ``async`` function returned, pass on what a plain one did."""
    return await value if inspect.isawaitable(value) else value
