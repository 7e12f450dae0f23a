"""The hub: sends to a user, to the subscribers of a topic or to everybody, on this node and all others.

An application has one hub. It knows every connection that was accepted here and delivers to them what
this node and the other nodes send.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any, Final, cast

from ..backplane import Backplane, Confirmation, Loss, MemoryBackplane, decode, encode
from ..codecs import JSON
from ..connection import (
    Connection,
    Handled,
    HistoryPage,
    Joined,
    Peer,
    PlacedMessage,
    PreparedMessage,
    Wish,
    check_loop,
    check_topic,
    protocol_of,
)
from ..endpoint import WebSocket
from ..errors import RegistrationError
from ..inject import provide
from ..position import Position
from ..wire_form import PLACE
from .history import read_history
from .link import EVERYBODY, TOPIC, USER, Link, log_failure
from .missed import Missed
from .notices import lost
from .registry import ConnectionRegistry
from .topics import DeclaredTopics, History, Topic

__all__ = ("Hub", "Published")

logger: Final = logging.getLogger("aiows.hub")

# What the keys of requests begin with that are handled once, and for how many seconds their answers are
# kept: a client that comes back after a loss of the network asks within some of them.
ONCE: Final = "once:"
KEPT: Final = 120.0

_PLACE_IN_JSON: Final = f'"{PLACE}"'.encode()


class Published(int):
    """How many connections of this node a message was for: a number, with its place in the log.

    ``position`` is behind the message; None on a topic without history.
    """

    position: Position | None = None

    @classmethod
    def at(cls, position: Position, reached: int) -> Published:
        published = cls(reached)
        published.position = position
        return published


class Hub:
    """Users, topics and everybody, on this node and, through the backplane, on all others.

    ``registry`` is the `ConnectionRegistry` of this node (default: a new one). ``backplane`` connects
    the hubs that are given the same one (default: a `MemoryBackplane` of its own, so this process
    alone). ``topics`` are the declared ones. A hub may be made before an event loop runs; `aiows.setup`
    makes one, starts and stops it.

    On the backplane a user id is its text: ``7`` and ``"7"`` are one user for `send`.

    Raises RegistrationError for topics that cannot be declared together, for a topic with history where the
    backplane keeps none, and for what is no backplane.
    """

    def __init__(
        self,
        registry: ConnectionRegistry | None = None,
        backplane: Backplane | None = None,
        topics: Iterable[Topic] = (),
    ) -> None:
        self.registry = ConnectionRegistry() if registry is None else registry
        self._delivery = self.registry.delivery
        self._backplane = MemoryBackplane() if backplane is None else backplane
        if not isinstance(self._backplane, Backplane):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise RegistrationError(f"backplane= takes a Backplane object, not {backplane!r}")
        self._topics = self.registry.declared = DeclaredTopics(topics)
        if self._topics.have_history and not self._backplane.keeps_history:
            raise RegistrationError(
                f"topics with history need a backplane that keeps them, not {self._backplane!r}"
            )
        self._missed = Missed()
        self._connections: dict[Connection, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._checked_loop: asyncio.AbstractEventLoop | None = None  # the same in debug mode
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
        confirmation = link.node.publish(channel, prepared)
        reached = await self._delivery.send(self._connections_of(channel, link), prepared)
        await self._finish(confirmation)
        return reached

    async def publish(self, topic: str, message: Any, *, exclude: Peer | None = None) -> Published:
        """Send to the subscribers of ``topic`` on every node; returns how many took it here.

        ``exclude`` is a connection of this node that does not get it. No subscriber is waited for: one
        whose outbox is full does not get the message. In a loop the call lets the event loop turn now
        and then, with a pause of a millisecond while a subscriber is behind. Raises as `send` does.

        On a topic with history the message is in the log when this returns, and the number that is returned
        has its ``position``. Those subscribers on this node have it that have room: what you send them now is
        behind it. The others get it later. If the log fails nobody gets the message, on no node. Raises
        TypeError for text, bytes and whatever else is no object, ValueError for ``exclude``: all who come
        back later would get it.

        On a declared topic an object with a key ``"@"`` is a ValueError: it says where a message belongs.
        """
        check_topic(topic)
        prepared = PreparedMessage.of(message)
        history = self._history_for(topic, prepared)
        if history is not None:
            if exclude is not None:
                raise ValueError(
                    f"exclude=: the topic {topic!r} has history, which is for everybody"
                )
            return await self._append(topic, prepared, history)
        confirmation = self._running().node.publish(TOPIC + topic, prepared)
        reached = self._share(topic, prepared, exclude=exclude)
        await self._finish(confirmation)
        return Published(reached)

    def _history_for(self, topic: str, message: PreparedMessage) -> History | None:
        """Return how much of ``topic`` is kept. Raises TypeError, ValueError for what it cannot have."""
        declared = self._topics.of(topic)
        if declared is None:
            return None
        if _has_place(message):
            raise ValueError(
                f"the topic {topic!r} is declared: a message of it may have no key {PLACE!r}, "
                "which says where it belongs"
            )
        if declared.history is not None:
            _check_object(topic, message)
        return declared.history

    async def _append(self, topic: str, message: PreparedMessage, history: History) -> Published:
        link, channel = self._running(), TOPIC + topic
        reached = self.registry.subscribers(topic)
        appending = link.feeds.append(channel, message, history.keep)
        self._delivery.note(message, reached)
        try:
            if not appending.done():
                await asyncio.shield(appending)
            position = appending.result()
            await link.feeds.reached(channel, position)
        finally:
            await self._delivery.keep_pace()
        return Published.at(position, reached)

    def _share(self, topic: str, message: PreparedMessage, *, exclude: Peer | None = None) -> int:
        """Give a message of a topic without history to the subscribers on this node."""
        row: Collection[Connection] = self.registry.row(topic)
        if exclude is not None:
            left_out = exclude.connection
            row = [each for each in row if each is not left_out]
        if self._topics.of(topic) is None:
            return self._delivery.share(row, message)
        placed = _placed(topic, message)
        if self._missed:
            row = self._missed.pass_on(topic, row, placed)
        reached = len(row)
        self._delivery.note(placed, reached)
        refused = self._delivery.offer(row, placed)
        self._missed.add(topic, refused)
        return reached - len(refused)

    async def position(self, topic: str) -> Position:
        """Return where the log of ``topic`` is now: what comes later can be had by ``since=``.

        Raises TypeError for a topic that is no ``str``, ValueError for one that is too long or has no
        history, RuntimeError if the hub is not running, BackplaneError.
        """
        return (await self.history(topic, last=0)).position

    async def history(
        self,
        topic: str,
        *,
        since: tuple[str, int] | None = None,
        last: int | None = None,
        limit: int = 100,
        max_size: int | None = None,
    ) -> HistoryPage:
        """Return what is kept of ``topic``: after the position ``since``, or the ``last`` messages.

        At most ``limit`` of them, and ``max_size`` bytes if they are more than one: the first ones after
        ``since``, else the last ones. Raises as `position`.
        """
        check_topic(topic)
        if self._topics.history_of(topic) is None:
            raise ValueError(f"the topic {topic!r} has no history: it is not declared with one")
        position = None if since is None else Position.of(since)
        node = self._running().node
        return await read_history(
            node, TOPIC + topic, since=position, last=last, limit=limit, max_size=max_size
        )

    async def broadcast(self, message: Any) -> int:
        """Send to every connection of every node, with or without a user id; returns how many here.

        No connection is waited for, as in `publish`. Raises as `send` does.
        """
        prepared = PreparedMessage.of(message)
        confirmation = self._running().node.publish(EVERYBODY, prepared)
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
        if self._checked_loop is not None:
            check_loop(self._checked_loop, "a method of the hub")
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
        if self._missed:
            self._missed.forget(connection)

    def subscribe(self, connection: Connection, topic: str) -> bool:
        return self.registry.subscribe(connection, topic)

    def unsubscribe(self, connection: Connection, topic: str) -> bool:
        if self._missed:
            self._missed.forget(connection, topic)
        return self.registry.unsubscribe(connection, topic)

    async def join(
        self, connection: Connection, wishes: Mapping[str, Wish]
    ) -> Mapping[str, Joined | Exception]:
        """Subscribe ``connection`` to topics, after what it missed of those with history.

        All of them in one turn of the loop: see `Connection.join`. Raises RuntimeError if the hub is not
        running, ConnectionClosed, TooManyTopics; what a backplane raises for one topic is in the outcome.
        """
        link = self._running()
        for topic in wishes:
            check_topic(topic)
        self.registry.check_room(connection, wishes)
        outcome: dict[str, Joined | Exception] = {}
        logged: dict[str, Wish] = {}
        for topic, wish in wishes.items():
            if self._topics.history_of(topic) is not None:
                logged[topic] = wish
            else:
                outcome[topic] = await self._join_plain(link, connection, topic, wish)
        if logged:
            outcome.update(await link.feeds.join(connection, logged))
        return outcome

    async def _join_plain(
        self, link: Link, connection: Connection, topic: str, wish: Wish
    ) -> Joined | Exception:
        try:
            self.registry.subscribe(connection, topic)
            await link.subscribed(topic)
        except Exception as error:
            self.registry.unsubscribe(connection, topic)
            return error
        return Joined(recovered=None if wish.since is None else False)

    def is_declared(self, topic: str) -> bool:
        return self._topics.of(topic) is not None

    def covers(self, topic: str) -> bool:
        """Whether ``topic`` is declared, or any of those that a name with a ``*`` at its end stands for."""
        return self._topics.cover(topic)

    def has_history(self, topic: str) -> bool:
        return self._topics.history_of(topic) is not None

    async def claim(self, key: str) -> Handled | None:
        """Take a request that is handled once; return what became of it if somebody has before.

        Raises BackplaneError if that cannot be known.
        """
        claim = await self._running().node.claim(ONCE + key, KEPT)
        if claim.is_new:
            return None
        answer = None if claim.answer is None else decode(claim.answer).message
        return Handled(claim.is_done, answer)

    def settle(self, key: str, answer: PreparedMessage | None) -> None:
        """Keep what was answered to a request that was taken; None: that it was answered."""
        if self._link is not None:
            data = None if answer is None else encode(answer)
            confirmation = self._link.node.settle(ONCE + key, data, KEPT)
            log_failure(confirmation, "an answer was not kept")

    def drained(self, connection: Connection) -> None:
        """There is room in the outbox of ``connection`` again: what it has not got is sent first."""
        if self._missed:
            self._missed.drained(connection)
        if self._link is not None:
            self._link.feeds.drained(connection)

    def topics(self, connection: Connection) -> frozenset[str]:
        return self.registry.topics(connection)

    def publish_from(
        self, connection: Connection, topic: str, message: Any, *, include_self: bool
    ) -> None:
        """Publish for ``connection`` without waiting; an error of the backplane is logged."""
        check_topic(topic)
        prepared = PreparedMessage.of(message)
        history = self._history_for(topic, prepared)
        if history is not None:
            appending = self._running().feeds.append(TOPIC + topic, prepared, history.keep)
            log_failure(appending, "a message was not published")
            return
        if self._link is None:
            logger.error("the hub is not running: a message reaches this node only")
        else:
            confirmation = self._link.node.publish(TOPIC + topic, prepared)
            log_failure(confirmation, "a message was not published")
        self._share(topic, prepared, exclude=None if include_self else connection)

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
        self._checked_loop = loop if loop.get_debug() else None
        try:
            node = await self._backplane.start(self)
        except BaseException:
            self._loop = None
            raise
        self._is_retired = False
        self._link = Link(self.registry, node, self._topics)

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

        Raises what `Connection.close` does for a code or message that cannot be sent.
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

    # what the backplane tells (`aiows.backplane.base.Ear`)

    def deliver(self, channel: str, message: PreparedMessage) -> None:
        """A message of another node has come."""
        link = self._link
        if link is None:
            return  # the node is about to leave
        if channel == EVERYBODY:
            self._delivery.share(self._connections, message)
        elif channel.startswith(USER):
            self._delivery.push(self._connections_of(channel, link), message)
        else:
            self._share(channel.removeprefix(TOPIC), message)

    def deliver_at(self, channel: str, position: Position, message: PreparedMessage | None) -> None:
        """A message of a log has come."""
        if self._link is not None:
            self._link.feeds.arrived(channel, position, message)

    def resumed(self, loss: Loss | None) -> None:
        """The backplane was lost, and is back."""
        if self._link is not None:
            self._link.feeds.resumed()
        if loss is not None:
            self._tell_lost(loss)

    def _tell_lost(self, loss: Loss) -> None:
        """Plain messages of other nodes may be missing: tell the subscribers of declared topics."""
        logger.warning(
            "messages of other nodes may be missing: the backplane was away for %.1f seconds",
            loss.until - loss.since,
        )
        for topic in self.registry.all_topics():
            declared = self._topics.of(topic)
            if declared is not None and declared.history is None:
                refused = self._delivery.offer(self.registry.row(topic), lost(topic))
                self._missed.add(topic, refused)


def _placed(topic: str, message: PreparedMessage) -> PreparedMessage:
    """Return ``message`` with its topic, if it can say that."""
    try:
        return PlacedMessage(message, [topic]) if message.is_object else message
    except TypeError:
        return message  # a list, say


def _has_place(message: PreparedMessage) -> bool:
    """Whether an object has a key of its own where it is to say its place."""
    if message.codec is not JSON:
        said = message.value
    elif _PLACE_IN_JSON in message.payload:
        said = PreparedMessage.encoded(message.payload, JSON).read()
    else:
        return False
    return isinstance(said, dict) and PLACE in said


def _check_object(topic: str, message: PreparedMessage) -> None:
    """Raise TypeError for what cannot have a place in a log."""
    if message.codec is JSON and message.payload.startswith(b"{"):
        return
    try:
        PlacedMessage(message, [topic])
    except TypeError as error:
        raise TypeError(f"the topic {topic!r} has history: {error}") from None


def _hub_of(peer: Peer) -> Hub:
    """An endpoint may ask for the hub before it has a connection."""
    asked = peer if isinstance(peer, WebSocket) else protocol_of(peer.connection)
    return cast(Hub, asked.required_hub())


provide(Hub, _hub_of)
