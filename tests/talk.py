"""A peer of a dispatcher without sockets: sends messages, and returns the answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMessage, WSMsgType

from aiows.codecs import JSON, Codec
from aiows.kinds import KindDispatcher
from fake_connection import FakeConnection


class Talk:
    """One peer of ``kinds``, on a connection without a network."""

    def __init__(self, kinds: KindDispatcher, codec: Codec = JSON) -> None:
        self.kinds = kinds
        self.codec = codec
        self.connection = FakeConnection(asyncio.get_running_loop())
        self.connection.codec = codec

    async def say(self, message: Any, *, instance: Any = None) -> list[dict[str, Any]]:
        """Send ``message`` (text and bytes as they are, anything else encoded); return the answers to it."""
        before = len(self.connection.payloads)
        taken = await self.kinds.dispatch(
            self.connection, self._encoded(message), instance=instance
        )
        assert taken
        return [self.codec.reader(Any)(each) for each in self.connection.payloads[before:]]

    def _encoded(self, message: Any) -> WSMessage:
        kind = WSMsgType.TEXT if self.codec.is_text else WSMsgType.BINARY
        if isinstance(message, str | bytes):
            return WSMessage(kind, message, None)
        data = json.dumps(message) if self.codec is JSON else self.codec.encode(message)
        return WSMessage(kind, data, None)


async def say(kinds: KindDispatcher, message: Any, *, instance: Any = None) -> list[dict[str, Any]]:
    """Send one message on a connection of its own, and return the answers."""
    return await Talk(kinds).say(message, instance=instance)


async def refusal_of(kinds: KindDispatcher, message: Any) -> dict[str, Any]:
    """Return the error of the one error reply to ``message``."""
    (answer,) = await say(kinds, message)
    assert answer["kind"] == "error"
    error: dict[str, Any] = answer["error"]
    return error
