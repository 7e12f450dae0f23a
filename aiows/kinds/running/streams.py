"""Sends the items of an async generator one by one, as fast as the peer takes them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from ...connection import Connection, PreparedMessage, protocol_of
from ...wire_form import ITEM
from .timeouts import within

__all__ = ("send_items",)


async def send_items(
    connection: Connection,
    items: AsyncGenerator[Any, Any],
    *,
    message_of: Callable[[Any], PreparedMessage],
    timeout: float | None,
) -> None:
    """Send each of ``items`` as its message, the next one only when there is room for it.

    However it ends, the generator is closed. ``timeout``: seconds that it may take for one item, None:
    any. Raises what the generator raises, KindError for one that took too long, ConnectionClosed.
    """
    async with aclosing(items):
        while True:
            try:
                item = await within(timeout, anext(items))
            except StopAsyncIteration:
                return
            protocol_of(connection).kind_sent(ITEM)
            await protocol_of(connection).send_message(message_of(item))
