"""In go messages for users, topics or everybody, out they come on every node that has any.

A hub is what an application has one of. It knows every connection that was accepted, subscribes on
the backplane to what its connections want (the first one of a topic subscribes, the last one
unsubscribes) and delivers here what other nodes publish.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from typing import Any, Final, cast

from ..backplane import Backplane, Confirmation, MemoryBackplane, Node, decode, encode
from ..connection import Connection, Peer, PreparedMessage, protocol_of
from ..endpoint import WebSocket
from ..inject import provide
from .registry import ConnectionRegistry

__all__ = ("Hub",)

logger: Final = logging.getLogger("aiows.hub")

# Users and topics have prefixes of their own on the backplane: a client that may choose the name of
# a room cannot choose one that is another user's mailbox.
USER: Final = "user:"
TOPIC: Final = "topic:"
EVERYBODY: Final = "everybody"


class Hub:
    """Users, topics and everybody, on this node and, through the backplane, on all others.

    ``registry`` is this node's `ConnectionRegistry` (default: a new one); ``backplane`` is what
    other hubs share (default: a `MemoryBackplane` of its own: this process alone). Made without a
    running loop; `aiows.setup` makes one, starts and stops it.

    On a backplane a user id is its text: ``7`` and ``"7"`` are one user for `send`.
    """

    def __init__(
        self, registry: ConnectionRegistry | None = None, backplane: Backplane | None = None
    ) -> None:
        self.registry = ConnectionRegistry() if registry is None else registry
        self._backplane = MemoryBackplane() if backplane is None else backplane
        self._connections: dict[Connection, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: _Link | None = None
        self._is_retired = False

    def __repr__(self) -> str:
        state = "stopped" if self._link is None else "running"
        return f"<{type(self).__name__} {state} connections={len(self._connections)}>"

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Every connection that was accepted here and has not ended, the oldest first."""
        return tuple(self._connections)

    # sending

    async def send(self, user_id: Hashable, message: Any) -> int:
        """Send to every connection of ``user_id`` on every node; returns how many took it here.

        Waits for connections of this node whose outbox is full (`ConnectionRegistry.send`). Raises
        TypeError for what JSON cannot say and RuntimeError if the hub is not running; then nobody
        gets it. What fails on the backplane is raised once the connections of this node have it.
        """
        prepared = PreparedMessage.of(message)
        link, topic = self._running(), USER + str(user_id)
        handed = link.publish(topic, prepared)
        reached = [await self.registry.send(each, prepared) for each in link.user_ids(topic)]
        await _confirmed(handed)
        return sum(reached)

    async def publish(self, topic: str, message: Any, *, exclude: Peer | None = None) -> int:
        """Send to the subscribers of ``topic`` on every node; returns how many took it here.

        ``exclude`` is one connection of this node that does not get it. No subscriber is waited
        for. Raises as `send` does.
        """
        prepared = PreparedMessage.of(message)
        handed = self._running().publish(TOPIC + topic, prepared)
        reached = self.registry.publish(topic, prepared, exclude=exclude)
        await _confirmed(handed)
        return reached

    async def broadcast(self, message: Any) -> int:
        """Send to every connection of every node, with or without a user id; returns how many here.

        No connection is waited for. Raises as `send` does.
        """
        prepared = PreparedMessage.of(message)
        handed = self._running().publish(EVERYBODY, prepared)
        reached = self._push_to_everybody(prepared)
        await _confirmed(handed)
        return reached

    def _running(self) -> _Link:
        if self._link is None:
            raise RuntimeError("the hub is not running: aiows.setup(app) or `await hub.start()`")
        return self._link

    def _push_to_everybody(self, message: PreparedMessage) -> int:
        return sum(1 for connection in self.connections if connection.post(message))

    # what connections ask of it (`aiows.connection.Topics`)

    def attach(self, connection: Connection) -> None:
        """Know ``connection`` until it ends; called once for each that is accepted."""
        if protocol_of(connection).is_ending:
            return
        self._connections[connection] = None
        if self._is_retired:
            connection.close(1001)

    def detach(self, connection: Connection) -> None:
        """``connection`` can take nothing any more."""
        self._connections.pop(connection, None)

    def subscribe(self, connection: Connection, topic: str) -> None:
        self.registry.subscribe(connection, topic)

    def unsubscribe(self, connection: Connection, topic: str) -> None:
        self.registry.unsubscribe(connection, topic)

    def topics(self, connection: Connection) -> frozenset[str]:
        return self.registry.topics(connection)

    def publish_from(
        self, connection: Connection, topic: str, message: Any, *, include_self: bool
    ) -> None:
        """Publish for ``connection`` without waiting; what fails on the backplane is logged."""
        prepared = PreparedMessage.of(message)
        if self._link is None:
            logger.error("the hub is not running: a message reaches this node only")
        else:
            handed = self._link.publish(TOPIC + topic, prepared)
            _log_failure(handed, "a message was not published")
        self.registry.publish(topic, prepared, exclude=None if include_self else connection)

    # start and stop

    async def start(self) -> None:
        """Join the backplane; does nothing if it runs already in this event loop.

        A hub whose event loop has been closed without `stop` starts anew, without the connections
        of then. Raises RuntimeError if it runs in another loop, and what the backplane raises.
        """
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None:
            self._abandon(self._loop)
        self._loop = loop
        try:
            node = await self._backplane.start(self._deliver)
        except BaseException:
            self._loop = None
            raise
        self._is_retired = False
        self._link = _Link(self.registry, node)

    async def stop(self) -> None:
        """Leave the backplane; does nothing if it does not run."""
        link = self._part()
        if link is not None:
            await link.node.stop()

    def retire(self) -> None:
        """Close with 1001 at once what is attached from now on; until the next `start`."""
        self._is_retired = True

    def close_all(self, code: int = 1001, message: str | bytes = "") -> int:
        """Close every connection of this node, waiting for none; returns how many there were.

        Raises ValueError for a code or message that cannot be sent (`Connection.close`).
        """
        connections = self.connections
        for connection in connections:
            connection.close(code, message)
        return len(connections)

    def _abandon(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            raise RuntimeError("the hub runs in another event loop: stop it there first")
        self._part()
        for connection in self.connections:
            self.registry.forget(connection)
        self._connections.clear()

    def _part(self) -> _Link | None:
        link, self._link, self._loop = self._link, None, None
        if link is not None:
            self.registry.unwatch(link)
        return link

    # what other nodes publish

    def _deliver(self, topic: str, data: bytes) -> None:
        if self._link is None:
            return  # the node is about to leave
        try:
            message = decode(data)
        except ValueError as error:
            logger.warning("bytes on the backplane were dropped: %s", error)
            return
        if topic == EVERYBODY:
            self._push_to_everybody(message)
        elif topic.startswith(USER):
            self._push_to_user(topic, message)
        else:
            self.registry.publish(topic.removeprefix(TOPIC), message)

    def _push_to_user(self, topic: str, message: PreparedMessage) -> None:
        for user_id in self._running().user_ids(topic):
            self.registry.push(user_id, message)


class _Link:
    """A running hub's end of the backplane: its node, subscribed to what the registry's tables want.

    It goes by what the tables say when it is told of a change, not by the change itself: a watcher
    that was told before may have changed them again.
    """

    __slots__ = ("_registry", "_user_ids", "node")

    def __init__(self, registry: ConnectionRegistry, node: Node) -> None:
        self._registry = registry
        self._user_ids: dict[str, dict[Hashable, None]] = {}
        self.node = node
        self._take_stock()
        registry.watch(self)

    def publish(self, topic: str, message: PreparedMessage) -> Confirmation:
        return self.node.publish(topic, encode(message))

    def user_ids(self, topic: str) -> tuple[Hashable, ...]:
        """The users with a connection here whose messages come as ``topic``."""
        return tuple(self._user_ids.get(topic, ()))

    def _take_stock(self) -> None:
        """Subscribe to what a registry that was there before already has."""
        self._subscribe(EVERYBODY, *(TOPIC + topic for topic in self._registry.all_topics()))
        for user_id in self._registry:
            self._open_user(user_id)

    def user_changed(self, _connection: Connection, user_id: Hashable, *_counts: int) -> None:
        if user_id in self._registry:
            self._open_user(user_id)
        else:
            self._close_user(user_id)

    def topic_changed(
        self, _connection: Connection, topic: str, count: int, before: int, /
    ) -> None:
        if count and before:
            return
        if self._registry.subscribers(topic):
            self._subscribe(TOPIC + topic)
        else:
            self._unsubscribe(TOPIC + topic)

    def _open_user(self, user_id: Hashable) -> None:
        topic = USER + str(user_id)
        user_ids = self._user_ids.setdefault(topic, {})
        if not user_ids:
            self._subscribe(topic)
        user_ids[user_id] = None

    def _close_user(self, user_id: Hashable) -> None:
        topic = USER + str(user_id)
        user_ids = self._user_ids.get(topic, {})
        user_ids.pop(user_id, None)
        if not user_ids:
            self._user_ids.pop(topic, None)
            self._unsubscribe(topic)

    def _subscribe(self, *topics: str) -> None:
        _log_failure(self.node.subscribe(topics), "a subscription failed")

    def _unsubscribe(self, *topics: str) -> None:
        _log_failure(self.node.unsubscribe(topics), "an unsubscription failed")


async def _confirmed(handed: Confirmation) -> None:
    if handed is not None:
        await asyncio.shield(handed)  # a cancelled caller does not take the message back


def _log_failure(handed: Confirmation, what: str) -> None:
    """Log the failure of something that nobody waits for."""
    if handed is None:
        return

    def done(future: asyncio.Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("%s: %s", what, error, exc_info=error)

    handed.add_done_callback(done)


def _hub_of(peer: Peer) -> Hub:
    """An endpoint asks for the hub before its connection is there."""
    asked = peer if isinstance(peer, WebSocket) else protocol_of(peer.connection)
    return cast(Hub, asked.required_hub())


provide(Hub, _hub_of)
