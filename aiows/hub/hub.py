"""The hub: sends to a user, to the subscribers of a topic or to everybody, on this node and all others.

An application has one hub. It knows every connection that was accepted here and delivers to them what
this node and the other nodes send.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Iterable
from typing import Any, Final, cast

from ..backplane import Backplane, Confirmation, MemoryBackplane, decode
from ..connection import Connection, Peer, PreparedMessage, protocol_of
from ..endpoint import WebSocket
from ..inject import provide
from .link import EVERYBODY, TOPIC, USER, Link, log_failure
from .registry import ConnectionRegistry

__all__ = ("Hub",)

logger: Final = logging.getLogger("aiows.hub")


class Hub:
    """Users, topics and everybody, on this node and, through the backplane, on all others.

    ``registry`` is the `ConnectionRegistry` of this node (default: a new one). ``backplane`` connects
    the hubs that are given the same one (default: a `MemoryBackplane` of its own, so this process
    alone). A hub may be made before an event loop runs; `aiows.setup` makes one, starts and stops it.

    On the backplane a user id is its text: ``7`` and ``"7"`` are one user for `send`.
    """

    def __init__(
        self, registry: ConnectionRegistry | None = None, backplane: Backplane | None = None
    ) -> None:
        self.registry = ConnectionRegistry() if registry is None else registry
        self._delivery = self.registry.delivery
        self._backplane = MemoryBackplane() if backplane is None else backplane
        self._connections: dict[Connection, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: Link | None = None
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

        Waits for the connections of this node whose outbox is full, as `ConnectionRegistry.send` does.

        Raises TypeError for what JSON cannot say, and RuntimeError if the hub is not running; then
        nobody gets the message. If the backplane fails, its error is raised when the connections of
        this node have the message.
        """
        prepared = PreparedMessage.of(message)
        link, channel = self._running(), USER + str(user_id)
        confirmation = link.publish(channel, prepared)
        reached = await self._delivery.send(self._connections_of(channel, link), prepared)
        await self._finish(confirmation)
        return reached

    async def publish(self, topic: str, message: Any, *, exclude: Peer | None = None) -> int:
        """Send to the subscribers of ``topic`` on every node; returns how many took it here.

        ``exclude`` is a connection of this node that does not get it. No subscriber is waited for: one
        whose outbox is full does not get the message. In a loop the call lets the event loop turn now
        and then, with a pause of a millisecond while a subscriber is behind. Raises as `send` does.
        """
        prepared = PreparedMessage.of(message)
        confirmation = self._running().publish(TOPIC + topic, prepared)
        reached = self.registry.publish(topic, prepared, exclude=exclude)
        await self._finish(confirmation)
        return reached

    async def broadcast(self, message: Any) -> int:
        """Send to every connection of every node, with or without a user id; returns how many here.

        No connection is waited for, as in `publish`. Raises as `send` does.
        """
        prepared = PreparedMessage.of(message)
        confirmation = self._running().publish(EVERYBODY, prepared)
        reached = self._delivery.share(self._connections, prepared)
        await self._finish(confirmation)
        return reached

    async def _finish(self, confirmation: Confirmation) -> None:
        """Wait for the backplane, and let the event loop turn if it is time."""
        try:
            if confirmation is not None:
                await asyncio.shield(
                    confirmation
                )  # a cancelled caller does not take the message back
        finally:
            await self._delivery.keep_pace()

    def _running(self) -> Link:
        if self._link is None:
            raise RuntimeError("the hub is not running: aiows.setup(app) or `await hub.start()`")
        return self._link

    def _connections_of(self, channel: str, link: Link) -> Iterable[Connection]:
        users = map(self.registry.connections, link.user_ids(channel))
        return [ws.connection for user in users for ws in user]

    # what connections ask for (`aiows.connection.Topics`)

    def attach(self, connection: Connection) -> None:
        """Know ``connection`` until it ends; called once for each that is accepted."""
        if protocol_of(connection).is_ending:
            return
        self._connections[connection] = None
        if self._is_retired:
            connection.close(1001)

    def detach(self, connection: Connection) -> None:
        """Forget ``connection``, which has ended."""
        self._connections.pop(connection, None)

    def subscribe(self, connection: Connection, topic: str) -> bool:
        return self.registry.subscribe(connection, topic)

    def unsubscribe(self, connection: Connection, topic: str) -> bool:
        return self.registry.unsubscribe(connection, topic)

    def topics(self, connection: Connection) -> frozenset[str]:
        return self.registry.topics(connection)

    def publish_from(
        self, connection: Connection, topic: str, message: Any, *, include_self: bool
    ) -> None:
        """Publish for ``connection`` without waiting; an error of the backplane is logged."""
        prepared = PreparedMessage.of(message)
        if self._link is None:
            logger.error("the hub is not running: a message reaches this node only")
        else:
            confirmation = self._link.publish(TOPIC + topic, prepared)
            log_failure(confirmation, "a message was not published")
        self.registry.publish(topic, prepared, exclude=None if include_self else connection)

    # start and stop

    async def start(self) -> None:
        """Join the backplane; does nothing if the hub runs in this event loop already.

        A hub whose event loop was closed before `stop` starts anew and forgets its old connections.
        Raises RuntimeError if it runs in another loop, and what the backplane raises.
        """
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None:
            self._leave_closed_loop(self._loop)
        self._loop = loop
        try:
            node = await self._backplane.start(self._deliver)
        except BaseException:
            self._loop = None
            raise
        self._is_retired = False
        self._link = Link(self.registry, node)

    async def stop(self) -> None:
        """Leave the backplane; does nothing if the hub does not run."""
        link = self._unlink()
        if link is not None:
            await link.node.stop()

    def retire(self) -> None:
        """From now until the next `start`, close each new connection with 1001 at once."""
        self._is_retired = True

    def close_all(self, code: int = 1001, message: str | bytes = "") -> int:
        """Close every connection of this node without waiting; returns how many there were.

        Raises ValueError for a code or message that cannot be sent (`Connection.close`).
        """
        connections = self.connections
        for connection in connections:
            connection.close(code, message)
        return len(connections)

    def _leave_closed_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            raise RuntimeError("the hub runs in another event loop: stop it there first")
        self._unlink()
        for connection in self.connections:
            self.registry.forget(connection)
        self._connections.clear()

    def _unlink(self) -> Link | None:
        link, self._link, self._loop = self._link, None, None
        if link is not None:
            link.unwatch()
        return link

    # what other nodes send

    def _deliver(self, channel: str, data: bytes) -> None:
        link = self._link
        if link is None:
            return  # the node is about to leave
        try:
            message = decode(data)
        except ValueError as error:
            logger.warning("bytes on the backplane were dropped: %s", error)
            return
        if channel == EVERYBODY:
            self._delivery.share(self._connections, message)
        elif channel.startswith(USER):
            self._delivery.push(self._connections_of(channel, link), message)
        else:
            self.registry.publish(channel.removeprefix(TOPIC), message)


def _hub_of(peer: Peer) -> Hub:
    """An endpoint may ask for the hub before it has a connection."""
    asked = peer if isinstance(peer, WebSocket) else protocol_of(peer.connection)
    return cast(Hub, asked.required_hub())


provide(Hub, _hub_of)
