"""`CallbackRoute`: calls the callbacks of one route for all of its connections."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from aiohttp import web

from ..._wire import Compression
from ...connection import Connection, Hooks, PreparedMessage
from ...response.receiver import MESSAGE_TYPES
from ...upgrade import admit
from ..builds import CallbackHooksCore
from ..hooked import result_of, upgrade_for_hooks
from .behaviour import Behaviour, Callback
from .upgrade import Acceptance, UpgradeRequest, UpgradeResponse

__all__ = ("CallbackRoute",)

logger = logging.getLogger("aiows.callbacks")


class CallbackRoute(Hooks, CallbackHooksCore):
    """The callbacks of one route, called for each of its connections."""

    __slots__ = ("_behaviour",)

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(behaviour.message, MESSAGE_TYPES)
        self._behaviour = behaviour

    @property
    def handler(self) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """`handle`, for a route; whoever looks at that finds the callback that takes the messages."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.handle(request)

        callback = self._behaviour.message
        return handle if callback is None else wraps(callback)(handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request: plain HTTP, or a 101 whose connection goes on by itself."""
        admit(request, self._behaviour.settings.origins)
        answer = UpgradeResponse()
        await self._decide(request, answer)
        if answer.refusal is not None:
            return answer.refusal
        if answer.acceptance is None:
            logger.error("%r has neither ended the response nor upgraded", self._behaviour.upgrade)
            return web.Response(status=500, text="500: Internal Server Error")
        return await self._accept(request, answer.acceptance)

    async def _decide(self, request: web.Request, answer: UpgradeResponse) -> None:
        if self._behaviour.upgrade is None:
            answer.upgrade()
            return
        await result_of(self._behaviour.upgrade(answer, UpgradeRequest(request), self._behaviour))

    async def _accept(self, request: web.Request, accepted: Acceptance) -> web.StreamResponse:
        return await upgrade_for_hooks(
            request,
            self._behaviour.settings,
            self,
            None,
            protocols=accepted.protocols or None,
            compression=None if accepted.may_compress else Compression.DISABLED,
            headers=accepted.headers,
            user_data=accepted.user_data,
        )

    # a connection's events

    def open(self, owner: None, ws: Connection) -> Any:
        return _call(self._behaviour.open, ws)

    def ping(self, owner: None, ws: Connection, data: bytes) -> Any:
        return _call(self._behaviour.ping, ws, data)

    def pong(self, owner: None, ws: Connection, data: bytes) -> Any:
        return _call(self._behaviour.pong, ws, data)

    def drain(self, owner: None, ws: Connection) -> Any:
        return _call(self._behaviour.drain, ws)

    def dropped(self, owner: None, ws: Connection, message: PreparedMessage) -> Any:
        callback = self._behaviour.dropped
        if callback is None:  # nor is a text decoded
            return None
        return callback(ws, message.data, MESSAGE_TYPES[message.opcode])

    def subscription(self, owner: None, ws: Connection, topic: str, count: int, before: int) -> Any:
        return _call(self._behaviour.subscription, ws, topic, count, before)

    def close(self, owner: None, ws: Connection, code: int, reason: str) -> Any:
        return _call(self._behaviour.close, ws, code, reason)


def _call(callback: Callback | None, *args: Any) -> Any:
    return None if callback is None else callback(*args)
