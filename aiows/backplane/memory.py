"""The backplane inside one process: in goes a message of one hub, out it comes at the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from .base import Backplane, Confirmation, Deliver, Node

__all__ = ("MemoryBackplane",)


class MemoryBackplane(Backplane):
    """Connects the hubs that were given this very object; what it is told is in force at once.

    One application needs no other. Several in one process (an `aiohttp.web.AppRunner` each, also in
    loops of different threads) reach each other's users and topics through one `MemoryBackplane`.
    """

    def __init__(self) -> None:
        self._subscribers: dict[str, dict[MemoryNode, None]] = {}

    async def start(self, deliver: Deliver) -> MemoryNode:
        return MemoryNode(self._subscribers, deliver, asyncio.get_running_loop())


class MemoryNode(Node):
    """One hub's end; ``subscribers`` is the table that all of them share."""

    __slots__ = ("_deliver", "_loop", "_subscribers", "_topics")

    def __init__(
        self,
        subscribers: dict[str, dict[MemoryNode, None]],
        deliver: Deliver,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._subscribers = subscribers
        self._deliver = deliver
        self._loop = loop
        self._topics: set[str] = set()

    def publish(self, topic: str, data: bytes) -> Confirmation:
        for node in tuple(self._subscribers.get(topic, ())):
            if node is not self:
                node.receive(topic, data, sender=self._loop)
        return None

    def subscribe(self, topics: Iterable[str]) -> Confirmation:
        for topic in topics:
            self._topics.add(topic)
            self._subscribers.setdefault(topic, {})[self] = None
        return None

    def unsubscribe(self, topics: Iterable[str]) -> Confirmation:
        for topic in self._topics.intersection(topics):
            self._topics.remove(topic)
            self._take_out(topic)
        return None

    async def stop(self) -> None:
        self.unsubscribe(tuple(self._topics))

    def _take_out(self, topic: str) -> None:
        nodes = self._subscribers[topic]
        del nodes[self]
        if not nodes:
            del self._subscribers[topic]

    def receive(self, topic: str, data: bytes, *, sender: asyncio.AbstractEventLoop) -> None:
        if self._loop.is_closed():
            self.unsubscribe(tuple(self._topics))  # nobody stopped it, and nobody will
        elif self._loop is sender:
            self._loop.call_soon(self._arrive, topic, data)
        else:
            self._loop.call_soon_threadsafe(self._arrive, topic, data)

    def _arrive(self, topic: str, data: bytes) -> None:
        if topic in self._topics:
            self._deliver(topic, data)
