"""In go connections with their user ids and topics, out comes who gets a message on this node.

Synchronous tables and nothing else: no event loop, no timers, no network. Two methods await,
because they answer when the connections have taken what they were given. Whatever ends a connection
(the end of a ``with`` block, a close from either side, a lost peer, the shutdown), it leaves every
table once, and nothing empty stays behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final, Generic, Protocol, TypeVar

from ..connection import Connection, Peer, PreparedMessage, protocol_of
from ..errors import ConnectionClosed
from ..send_status import SendStatus

__all__ = ("ConnectionRegistry", "Membership", "RegistryWatcher")

PeerT = TypeVar("PeerT", bound=Peer)

logger: Final = logging.getLogger("aiows.registry")


class RegistryWatcher(Protocol):
    """Who is told of every change, synchronously, once the tables show it.

    ``count`` is how many connections the user or topic has now, ``before`` how many it had.
    What a watcher raises is logged, and the change stands.
    """

    def user_changed(
        self, connection: Connection, user_id: Hashable, count: int, before: int, /
    ) -> None: ...

    def topic_changed(
        self, connection: Connection, topic: str, count: int, before: int, /
    ) -> None: ...


class Membership(Generic[PeerT]):
    """What `ConnectionRegistry.add` gives: a context manager whose exit undoes it."""

    __slots__ = ("_leave", "peer")

    def __init__(self, peer: PeerT, leave: Callable[[], None]) -> None:
        self.peer = peer
        self._leave: Callable[[], None] | None = leave

    def __enter__(self) -> PeerT:
        return self.peer

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Undo this one `add`; does nothing the second time, or if the connection has ended."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


class _Entry:
    """What the tables know of one connection; ``members`` counts who still holds it."""

    __slots__ = ("connection", "members", "topics", "user_id")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.members = 0
        self.topics: dict[str, None] = {}
        self.user_id: Hashable = None


class ConnectionRegistry:
    """The connections of one node by user id and by topic; one thread, one event loop.

    ``user_id in registry``, ``len(registry)`` and ``for user_id in registry`` speak of the users
    that have a connection right now. Messages are ``str`` (TEXT), bytes-like (BINARY), any other
    object (each connection gets it in its own codec) or a `PreparedMessage`; each is encoded and framed
    once a codec, however many connections get it, and TypeError is raised for what JSON cannot say.
    Every count that a method returns is the number of connections that took the message.
    """

    __slots__ = ("__weakref__", "_entries", "_topics", "_users", "_watchers")

    def __init__(self) -> None:
        self._entries: dict[Connection, _Entry] = {}
        self._users: dict[Hashable, dict[Connection, Peer]] = {}
        self._topics: dict[str, dict[Connection, None]] = {}
        self._watchers: tuple[RegistryWatcher, ...] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} users={len(self._users)} topics={len(self._topics)}>"

    # users

    def add(self, user_id: Hashable, ws: PeerT) -> Membership[PeerT]:
        """Register ``ws`` under ``user_id`` at once and set ``ws.user_id``.

        Use it as ``with registry.add(user_id, ws): ...``: the connection leaves at the end of the
        block, or earlier if it ends earlier; without ``with`` it stays until it ends. A user may
        have many connections. A second `add` of the same connection under the same user id nests:
        it leaves with the last of them. A connection whose end has begun is not registered.

        Raises ValueError if ``user_id`` is None (nobody) or if the connection is registered as
        another user, TypeError if ``user_id`` cannot be a key of a dict.
        """
        if user_id is None:
            raise ValueError("user_id is None, which stands for nobody")
        hash(user_id)
        connection = ws.connection
        self._check_single_user(connection, user_id)
        ws.user_id = user_id
        if protocol_of(connection).is_ending:
            return Membership(ws, _nothing)
        entry = self._entry(connection)
        entry.members += 1
        if entry.members == 1:
            self._enter_user(entry, user_id, ws)
        return Membership(ws, lambda: self._leave_once(entry))

    def __contains__(self, user_id: Hashable) -> bool:
        return user_id in self._users

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[Any]:
        """The user ids as they were when the iteration began: closing them on the way is fine."""
        return iter(tuple(self._users))

    def connections(self, user_id: Hashable) -> tuple[Peer, ...]:
        """The connections of ``user_id`` as they were added, the oldest first."""
        return tuple(self._users.get(user_id, {}).values())

    def push(self, user_id: Hashable, message: Any) -> int:
        """Send to every connection of ``user_id`` that has room, without waiting."""
        return _push(self._users.get(user_id, ()), PreparedMessage.of(message))

    async def send(self, user_id: Hashable, message: Any) -> int:
        """Send to every connection of ``user_id``, waiting for those whose outbox is full.

        A connection that has room is never kept waiting by one that has none.
        """
        prepared = PreparedMessage.of(message)
        receivers = tuple(self._users.get(user_id, ()))
        refused = [connection for connection in receivers if not connection.push(prepared)]
        if not refused:
            return len(receivers)
        late = await asyncio.gather(*(_send(connection, prepared) for connection in refused))
        return len(receivers) - len(refused) + sum(late)

    def broadcast(self, message: Any) -> int:
        """Send to every connection of every user without waiting."""
        receivers = (connection for user in self._users.values() for connection in user)
        return _post(receivers, PreparedMessage.of(message))

    async def close(self, user_id: Hashable, *, code: int = 1000, message: str | bytes = "") -> int:
        """Close every connection of ``user_id``; returns how many there were.

        They have left the registry when this returns. ``code`` and ``message`` (at most 123 bytes
        of UTF-8) are those of RFC 6455, section 7.1.5 and 7.1.6. Raises ValueError for others.
        """
        receivers = tuple(self._users.get(user_id, ()))
        for connection in receivers:
            connection.close(code, message)
        return len(receivers)

    # topics

    def subscribe(self, ws: Peer, topic: str) -> bool:
        """Let ``ws`` receive what is published on ``topic``; False if it did, or if its end has begun."""
        connection = ws.connection
        if protocol_of(connection).is_ending or topic in self._topics_of(connection):
            return False
        entry = self._entry(connection)
        subscribers = self._topics.setdefault(topic, {})
        subscribers[connection] = entry.topics[topic] = None
        count = len(subscribers)
        self._tell_topic(connection, topic, count, count - 1)
        return True

    def unsubscribe(self, ws: Peer, topic: str) -> bool:
        """Undo `subscribe`; False if ``ws`` did not subscribe to ``topic``."""
        entry = self._entries.get(ws.connection)
        if entry is None or topic not in entry.topics:
            return False
        self._leave_topic(entry, topic)
        self._drop_if_unused(entry)
        return True

    def publish(self, topic: str, message: Any, *, exclude: Peer | None = None) -> int:
        """Send to every subscriber of ``topic`` except ``exclude``, without waiting."""
        prepared = PreparedMessage.of(message)
        subscribers: Iterable[Connection] = self._topics.get(topic, ())
        if exclude is None:
            return _post(subscribers, prepared)
        left_out = exclude.connection
        return _post((each for each in subscribers if each is not left_out), prepared)

    def topics(self, ws: Peer) -> frozenset[str]:
        """The topics that ``ws`` is subscribed to."""
        return frozenset(self._topics_of(ws.connection))

    def subscribers(self, topic: str) -> int:
        """How many connections are subscribed to ``topic`` on this node."""
        return len(self._topics.get(topic, ()))

    def all_topics(self) -> tuple[str, ...]:
        """The topics that have a subscriber on this node."""
        return tuple(self._topics)

    # both

    def forget(self, ws: Peer) -> None:
        """Take a connection out of every table, its topics first; it is not closed."""
        entry = self._entries.get(ws.connection)
        if entry is None:
            return
        for topic in tuple(entry.topics):
            self._leave_topic(entry, topic)
        if entry.members:
            entry.members = 0
            self._leave_user(entry)
        self._drop_if_unused(entry)

    def watch(self, watcher: RegistryWatcher) -> None:
        """Tell ``watcher`` of every change from now on."""
        self._watchers = (*self._watchers, watcher)

    def unwatch(self, watcher: RegistryWatcher) -> None:
        """Undo `watch`."""
        self._watchers = tuple(each for each in self._watchers if each is not watcher)

    # the tables

    def _check_single_user(self, connection: Connection, user_id: Hashable) -> None:
        entry = self._entries.get(connection)
        if entry is not None and entry.members and entry.user_id != user_id:
            raise ValueError(
                f"the connection is registered as {entry.user_id!r}, not as {user_id!r}"
            )

    def _entry(self, connection: Connection) -> _Entry:
        entry = self._entries.get(connection)
        if entry is None:
            entry = self._entries[connection] = _Entry(connection)
            connection.add_leave_callback(self.forget)
        return entry

    def _drop_if_unused(self, entry: _Entry) -> None:
        connection = entry.connection
        if not entry.members and not entry.topics and self._entries.get(connection) is entry:
            del self._entries[connection]
            connection.remove_leave_callback(self.forget)

    def _topics_of(self, connection: Connection) -> Iterable[str]:
        entry = self._entries.get(connection)
        return () if entry is None else entry.topics

    def _enter_user(self, entry: _Entry, user_id: Hashable, ws: Peer) -> None:
        entry.user_id = user_id
        connection = entry.connection
        user = self._users.setdefault(user_id, {})
        user[connection] = ws
        count = len(user)
        self._tell(lambda watcher: watcher.user_changed(connection, user_id, count, count - 1))

    def _leave_once(self, entry: _Entry) -> None:
        if not entry.members:
            return  # the connection has ended
        entry.members -= 1
        if not entry.members:
            self._leave_user(entry)
            self._drop_if_unused(entry)

    def _leave_user(self, entry: _Entry) -> None:
        connection, user_id = entry.connection, entry.user_id
        count = _take_out(self._users, user_id, connection)
        self._tell(lambda watcher: watcher.user_changed(connection, user_id, count, count + 1))

    def _leave_topic(self, entry: _Entry, topic: str) -> None:
        connection = entry.connection
        if topic not in entry.topics:
            return  # a watcher was faster
        del entry.topics[topic]
        count = _take_out(self._topics, topic, connection)
        self._tell_topic(connection, topic, count, count + 1)

    def _tell_topic(self, connection: Connection, topic: str, count: int, before: int) -> None:
        """The connection comes last: what its callback does is a change of its own."""
        self._tell(lambda watcher: watcher.topic_changed(connection, topic, count, before))
        protocol_of(connection).application.on_subscription(topic, count, before)

    def _tell(self, change: Callable[[RegistryWatcher], None]) -> None:
        for watcher in self._watchers:
            try:
                change(watcher)
            except Exception:
                logger.exception("a watcher of the registry failed")


KeyT = TypeVar("KeyT", bound=Hashable)


def _take_out(table: dict[KeyT, dict[Connection, Any]], key: KeyT, connection: Connection) -> int:
    """Remove a connection from one row; returns how many are left. An empty row goes too."""
    row = table[key]
    del row[connection]
    if not row:
        del table[key]
    return len(row)


def _push(receivers: Iterable[Connection], message: PreparedMessage) -> int:
    """Push to a copy of ``receivers``: a push may close a connection, which changes the tables."""
    return sum(1 for connection in tuple(receivers) if connection.push(message))


def _post(receivers: Iterable[Connection], message: PreparedMessage) -> int:
    """Push what many get: a burst of messages leaves each of them in one write."""
    reached = 0
    for connection in tuple(receivers):
        if connection.post(message) is not SendStatus.DROPPED:
            reached += 1
    return reached


async def _send(connection: Connection, message: PreparedMessage) -> bool:
    if message.spoken_in(connection.codec) is None:
        return False
    try:
        await connection.send_message(message)
    except ConnectionClosed:
        return False
    return True


def _nothing() -> None:
    """What there is to undo for a connection that was never registered."""
