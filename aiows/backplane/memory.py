"""The backplane inside one process: it carries messages between the hubs that share it, and keeps logs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from typing import Any, ClassVar, Final, TypeVar

from ..connection import PreparedMessage
from ..errors import BackplaneBusy
from ..position import Position
from ..settings import BYTES
from .base import Backplane, Claim, Confirmation, Ear, Keep, Node, Page
from .memory_claims import Claims
from .memory_logs import Logs

__all__ = ("MemoryBackplane",)

T = TypeVar("T")

MIB: Final = 1024 * 1024


class MemoryBackplane(Backplane):
    """Connects the hubs that were given the same `MemoryBackplane`. A subscription is in force at once.

    One application in one process needs no other backplane. Several applications in one event loop
    (each with its `aiohttp.web.AppRunner`) reach each other's users and topics through one
    `MemoryBackplane`.

    The logs of topics with history are in the process's memory, and end with it. Together they have at most
    ``max_history`` bytes (default: 64 MiB): above that the topic that was silent longest is forgotten.
    Raises RegistrationError for what is no number of bytes.
    """

    keeps_history: ClassVar[bool] = True

    def __init__(self, *, max_history: int = 64 * MIB) -> None:
        BYTES.check("MemoryBackplane: max_history", max_history)
        self._subscribers: dict[str, dict[MemoryNode, None]] = {}
        self._logs = Logs(max_history)
        self._claims = Claims()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self, ear: Ear) -> MemoryNode:
        """Join as a new node. Raises RuntimeError while it is in use in another event loop."""
        self._move_to(asyncio.get_running_loop())
        return MemoryNode(self._subscribers, self._logs, self._claims, ear)

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
    """The node of one hub; all nodes share the table of ``subscribers``, the logs and the claims."""

    __slots__ = ("_claims", "_ear", "_logs", "_loop", "_subscribers", "_topics", "id")

    def __init__(
        self,
        subscribers: dict[str, dict[MemoryNode, None]],
        logs: Logs,
        claims: Claims,
        ear: Ear,
    ) -> None:
        self.id = os.urandom(8)
        self._subscribers = subscribers
        self._logs = logs
        self._claims = claims
        self._ear = ear
        self._loop = asyncio.get_running_loop()
        self._topics: set[str] = set()

    def publish(self, topic: str, message: PreparedMessage) -> Confirmation:
        for node in self._subscribers.get(topic, ()):
            if node is not self:
                message.detach()
                self._loop.call_soon(node.arrive, topic, message)
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

    def arrive(self, topic: str, message: PreparedMessage) -> None:
        """Deliver a message of another node, unless its topic was unsubscribed meanwhile."""
        if topic in self._topics:
            self._ear.deliver(topic, message)

    def arrive_at(self, topic: str, position: Position, message: PreparedMessage) -> None:
        """Deliver a message of a log."""
        if topic in self._topics:
            self._ear.deliver_at(topic, position, message)

    def _take_out(self, topic: str) -> None:
        nodes = self._subscribers[topic]
        del nodes[self]
        if not nodes:
            del self._subscribers[topic]

    # history

    def append(self, topic: str, message: PreparedMessage, keep: Keep) -> asyncio.Future[Position]:
        message.detach()
        position = self._logs.append(topic, message, keep, self._loop.time())
        for node in self._subscribers.get(topic, ()):
            self._loop.call_soon(node.arrive_at, topic, position, message)
        return self._done(position)

    def read(self, topic: str, after: int, limit: int | None = None) -> asyncio.Future[Page]:
        page = self._logs.read(topic, after, self._loop.time())
        return self._done(Page(page.position, page.entries[:limit]))

    def read_last(self, topic: str, count: int) -> asyncio.Future[Page]:
        page = self._logs.read(topic, -1, self._loop.time())
        first = max(0, len(page.entries) - count)
        return self._done(Page(page.position, page.entries[first:]))

    # requests that are handled once

    def claim(self, key: str, seconds: float) -> asyncio.Future[Claim]:
        future: asyncio.Future[Claim] = self._loop.create_future()
        try:
            future.set_result(self._claims.claim(key, self._loop.time()))
        except BackplaneBusy as error:
            future.set_exception(error)
        return future

    def settle(self, key: str, answer: bytes | None, seconds: float) -> Confirmation:
        self._claims.settle(key, answer, self._loop.time() + seconds)
        return None

    def _done(self, value: T) -> asyncio.Future[T]:
        future: asyncio.Future[Any] = self._loop.create_future()
        future.set_result(value)
        return future
