"""In goes what a peer says to a dispatcher, out comes what it is answered: no sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMessage, WSMsgType

from aiows.kinds import KindDispatcher
from fake_connection import FakeConnection


class Talk:
    """One peer's conversation with ``kinds`` over a connection without a network."""

    def __init__(self, kinds: KindDispatcher) -> None:
        self.kinds = kinds
        self.connection = FakeConnection(asyncio.get_running_loop())

    async def say(self, message: Any, *, instance: Any = None) -> list[dict[str, Any]]:
        """Say ``message`` (text as it is, anything else as JSON); return what came back for it."""
        text = message if isinstance(message, str | bytes) else json.dumps(message)
        before = len(self.connection.payloads)
        taken = await self.kinds.dispatch(
            self.connection, WSMessage(WSMsgType.TEXT, text, None), instance=instance
        )
        assert taken
        return [json.loads(each) for each in self.connection.payloads[before:]]


async def say(kinds: KindDispatcher, message: Any, *, instance: Any = None) -> list[dict[str, Any]]:
    """Say one thing on a connection of its own."""
    return await Talk(kinds).say(message, instance=instance)


async def refusal_of(kinds: KindDispatcher, message: Any) -> dict[str, Any]:
    """Return the error of the one error reply to ``message``."""
    (answer,) = await say(kinds, message)
    assert answer["kind"] == "error"
    error: dict[str, Any] = answer["error"]
    return error
