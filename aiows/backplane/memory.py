"""The backplane inside one process: it carries messages between the hubs that share it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from .base import Backplane, Confirmation, Deliver, Node

__all__ = ("MemoryBackplane",)


class MemoryBackplane(Backplane):
    """Connects the hubs that were given the same `MemoryBackplane`. A subscription is in force at once.

    One application in one process needs no other backplane. Several applications in one event loop
    (each with its `aiohttp.web.AppRunner`) reach each other's users and topics through one
    `MemoryBackplane`.
    """

    def __init__(self) -> None:
        self._subscribers: dict[str, dict[MemoryNode, None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self, deliver: Deliver) -> MemoryNode:
        """Join as a new node. Raises RuntimeError while it is in use in another event loop."""
        self._move_to(asyncio.get_running_loop())
        return MemoryNode(self._subscribers, deliver)

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop not in (None, loop) and self._subscribers:
            self._drop_nodes_left_behind()
        self._loop = loop

    def _drop_nodes_left_behind(self) -> None:
        """Remove the nodes of a loop that was closed before they were stopped."""
        assert self._loop is not None
        if not self._loop.is_closed():
            raise RuntimeError("this MemoryBackplane is in use in another event loop")
        for node in {node for nodes in self._subscribers.values() for node in nodes}:
            node.leave()


class MemoryNode(Node):
    """The node of one hub; ``subscribers`` is the table that all nodes share."""

    __slots__ = ("_deliver", "_loop", "_subscribers", "_topics")

    def __init__(self, subscribers: dict[str, dict[MemoryNode, None]], deliver: Deliver) -> None:
        self._subscribers = subscribers
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._topics: set[str] = set()

    def publish(self, topic: str, data: bytes) -> Confirmation:
        for node in self._subscribers.get(topic, ()):
            if node is not self:
                self._loop.call_soon(node.arrive, topic, data)
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
        self.leave()

    def leave(self) -> None:
        """Unsubscribe from every topic."""
        self.unsubscribe(tuple(self._topics))

    def arrive(self, topic: str, data: bytes) -> None:
        """Deliver a message of another node, unless its topic was unsubscribed meanwhile."""
        if topic in self._topics:
            self._deliver(topic, data)

    def _take_out(self, topic: str) -> None:
        nodes = self._subscribers[topic]
        del nodes[self]
        if not nodes:
            del self._subscribers[topic]
