"""The three that a connection works with: who takes its messages, who accepted it, and the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextvars import Context
from typing import Any, Protocol

from .._wire import Message
from .prepared import PreparedMessage
from .topics import Handled, HistoryPage, Joined, Wish

__all__ = ("Consumer", "Host", "Topics")


class Consumer(Protocol):
    """Who takes the messages of a connection with `WebSocketProtocol.take`."""

    connection: Any

    context: Context
    """The connection's: what runs because of what happens to it runs in a copy."""

    def offer(self, message: Message, /) -> bool:
        """Take a TEXT or BINARY at once if nothing waits before it; False: keep it until `take`."""
        raise NotImplementedError

    @property
    def is_holding(self) -> bool:
        """Whether a message was taken that nobody has begun to handle."""
        raise NotImplementedError

    @property
    def ends_at_once(self) -> bool:
        """Whether it can be told of the end while it is at work; False: it reads the end in order."""
        raise NotImplementedError

    @property
    def is_at_work(self) -> bool:
        """Whether `settle` would have to wait."""
        raise NotImplementedError

    def on_message(self) -> None:
        """Something new waits: a message, or the end."""

    def on_drain(self) -> None:
        """The outbox is back at its limit."""

    def on_dropped(self, message: PreparedMessage) -> None:
        """There was no room for ``message``."""

    def on_subscription(self, topic: str, count: int, before: int) -> None:
        """The connection subscribed to ``topic``, or no longer does.

        ``count`` is how many connections of this node do now, ``before`` how many did.
        """

    def on_close(self, code: int, reason: str) -> None:
        """It is over; called exactly once, and no message is given out afterwards."""

    @property
    def at_work(self) -> Collection[asyncio.Future[Any]]:
        """What is done when the messages that have come so far are handled; none: they are."""
        raise NotImplementedError

    async def settle(self, timeout: float | None) -> None:
        """Wait until nothing that was started runs any more; after ``timeout`` seconds cancel it."""


class Host(Protocol):
    """Who accepted the connection and wants to know when it is gone."""

    def lost(self, error: BaseException | None) -> None:
        """The TCP connection is gone."""


class Topics(Protocol):
    """What a hub gives to each connection at the upgrade."""

    def attach(self, connection: Any) -> None: ...

    def detach(self, connection: Any) -> None: ...

    def subscribe(self, connection: Any, topic: str) -> bool: ...

    def unsubscribe(self, connection: Any, topic: str) -> bool: ...

    def topics(self, connection: Any) -> frozenset[str]: ...

    def drained(self, connection: Any) -> None: ...

    def publish_from(
        self, connection: Any, topic: str, message: Any, *, include_self: bool
    ) -> None: ...

    async def join(
        self, connection: Any, wishes: Mapping[str, Wish]
    ) -> Mapping[str, Joined | Exception]: ...

    async def history(
        self,
        topic: str,
        *,
        since: tuple[str, int] | None,
        last: int | None,
        limit: int,
        max_size: int | None,
    ) -> HistoryPage: ...

    def is_declared(self, topic: str) -> bool: ...

    def has_history(self, topic: str) -> bool: ...

    async def claim(self, key: str) -> Handled | None: ...

    def settle(self, key: str, answer: PreparedMessage | None) -> None: ...
