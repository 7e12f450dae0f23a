"""The registry: which connections of this node each user has, and who subscribes to which topic.

Its tables are synchronous: they need no event loop, no timers and no network. Whatever ends a connection
(the end of a ``with`` block, a close from either side, a lost peer, the shutdown), it leaves every table
exactly once, and no empty row stays behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import Any, Final, Generic, Protocol, TypeVar

from ..connection import Connection, Peer, PreparedMessage, check_topic, protocol_of
from ..errors import RegistrationError, TooManyTopics
from .delivery import Delivery
from .topics import DeclaredTopics

__all__ = ("ConnectionRegistry", "Membership", "RegistryWatcher")

PeerT = TypeVar("PeerT", bound=Peer)

logger: Final = logging.getLogger("aiows.registry")


class RegistryWatcher(Protocol):
    """Is told of every change, synchronously, when the tables show it already.

    ``count`` is how many connections the user or topic has now, ``before`` how many it had. An
    exception of a watcher is logged; the other watchers are told all the same, and the change stands.
    """

    def user_changed(
        self, connection: Connection, user_id: Hashable, count: int, before: int, /
    ) -> None:
        """``connection`` was added as one of ``user_id``, or is none any more."""
        ...

    def topic_changed(self, connection: Connection, topic: str, count: int, before: int, /) -> None:
        """``connection`` subscribed to ``topic``, or no longer does, also because it has ended."""
        ...


class Membership(Generic[PeerT]):
    """What `ConnectionRegistry.add` returns: a context manager whose exit undoes the `add`."""

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


class _User(dict[Connection, Peer]):
    """The connections of one user, each with the face that was added."""

    __slots__ = ("user_id",)

    def __init__(self, user_id: Hashable) -> None:
        super().__init__()
        self.user_id = user_id


class _Entry:
    """Where one connection stands in the tables; ``members`` counts the `Membership` objects that hold it."""

    __slots__ = ("connection", "members", "topics", "user")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.user: _User | None = None
        self.members = 0
        self.topics: dict[str, None] = {}


class ConnectionRegistry:
    """The connections of one node by user id and by topic; one thread, one event loop.

    ``user_id in registry``, ``len(registry)`` and ``for user_id in registry`` are about the users
    that have a connection right now.

    A message is ``str`` (TEXT), bytes-like (BINARY), any other object (each connection gets it in its
    own codec) or a `PreparedMessage`. It is encoded and framed once for each codec, however many
    connections get it. What JSON cannot say is a TypeError. The methods that send return how many
    connections took the message.
    """

    __slots__ = (
        "__weakref__",
        "_entries",
        "_topics",
        "_users",
        "_watchers",
        "declared",
        "delivery",
    )

    def __init__(self) -> None:
        self.delivery = Delivery()
        self.declared = DeclaredTopics()
        """The topics whose messages say where they belong, and may be kept: the hub's, which sets them."""
        self._entries: dict[Connection, _Entry] = {}
        self._users: dict[Hashable, _User] = {}
        self._topics: dict[str, dict[Connection, None]] = {}
        self._watchers: tuple[RegistryWatcher, ...] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} users={len(self._users)} topics={len(self._topics)}>"

    # users

    def add(self, user_id: Hashable, ws: PeerT) -> Membership[PeerT]:
        """Register ``ws`` under ``user_id`` at once and set ``ws.user_id``.

        Use it as ``with registry.add(user_id, ws): ...``: the connection leaves at the end of the
        block, or when it ends, if that is earlier. Without ``with`` it stays until it ends. A user may
        have many connections. The same connection may be added again under the same user id: it
        leaves with the last `add` that is undone. A connection whose end has begun is not registered.

        Raises ValueError if ``user_id`` is None (nobody) or if the connection is registered as
        another user, InvalidUserId (a TypeError) for what cannot be a user id.
        """
        if user_id is None:
            raise ValueError("user_id is None, which stands for nobody")
        connection = ws.connection
        self._check_single_user(connection, user_id)
        ws.user_id = user_id
        if protocol_of(connection).is_ending:
            return Membership(ws, _nothing)
        entry = self._entry(connection)
        entry.members += 1
        if entry.user is None:
            self._enter_user(entry, user_id, ws)
        return Membership(ws, lambda: self._leave_once(entry))

    def __contains__(self, user_id: Hashable) -> bool:
        return user_id in self._users

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[Any]:
        """The user ids as they were when the iteration began, so users may be closed on the way."""
        return iter(tuple(self._users))

    def connections(self, user_id: Hashable) -> tuple[Peer, ...]:
        """The connections of ``user_id``, each as it was added, the oldest first."""
        user = self._users.get(user_id)
        return () if user is None else tuple(user.values())

    def push(self, user_id: Hashable, message: Any) -> int:
        """Send to every connection of ``user_id`` whose outbox has room, without waiting."""
        return self.delivery.push(self._users.get(user_id, ()), PreparedMessage.of(message))

    async def send(self, user_id: Hashable, message: Any) -> int:
        """Send to every connection of ``user_id``, waiting for those whose outbox is full.

        Those that have room get the message at once, whoever else is waited for. A connection that
        ends before there is room does not count, nor does one for which too many messages wait already.
        """
        prepared = PreparedMessage.of(message)
        reached = await self.delivery.send(self._users.get(user_id, ()), prepared)
        await self.delivery.keep_pace()
        return reached

    def broadcast(self, message: Any) -> int:
        """Send to every connection of every user without waiting."""
        receivers = (connection for user in self._users.values() for connection in user)
        return self.delivery.share(receivers, PreparedMessage.of(message))

    async def close(self, user_id: Hashable, *, code: int = 1000, message: str | bytes = "") -> int:
        """Close every connection of ``user_id``; returns how many there were.

        They have left the registry when this returns. ``code`` and ``message`` (at most 123 bytes
        of UTF-8) are the close code and reason of RFC 6455, sections 7.1.5 and 7.1.6. Raises
        what `Connection.close` does for a code or message that cannot be sent.
        """
        receivers = tuple(self._users.get(user_id, ()))
        for connection in receivers:
            connection.close(code, message)
        return len(receivers)

    # topics

    def subscribe(self, ws: Peer, topic: str) -> bool:
        """Let ``ws`` receive what is published on ``topic``; False if it does already, or is ending.

        Raises TypeError for a topic that is no ``str`` and TopicTooLong, as the other methods do;
        TooManyTopics.
        """
        check_topic(topic)
        connection = ws.connection
        if protocol_of(connection).is_ending or topic in self._topics_of(connection):
            return False
        self.check_room(connection, (topic,))
        entry = self._entry(connection)
        subscribers = self._topics.setdefault(topic, {})
        subscribers[connection] = entry.topics[topic] = None
        count = len(subscribers)
        self._tell_topic(connection, topic, count, count - 1)
        return True

    def check_room(self, connection: Connection, topics: Collection[str]) -> None:
        """Raise TooManyTopics if ``connection`` would have too many with all of ``topics``."""
        has = self._topics_of(connection)
        limit = protocol_of(connection).options.max_topics
        if len(has) + len(topics) > limit and len({*has, *topics}) > limit:
            raise TooManyTopics(limit)

    def unsubscribe(self, ws: Peer, topic: str) -> bool:
        """Undo `subscribe`; False if ``ws`` did not subscribe to ``topic``."""
        check_topic(topic)
        entry = self._entries.get(ws.connection)
        if entry is None or topic not in entry.topics:
            return False
        self._leave_topic(entry, topic)
        self._drop_if_unused(entry)
        return True

    def publish(self, topic: str, message: Any, *, exclude: Peer | None = None) -> int:
        """Send to every subscriber of ``topic`` on this node except ``exclude``, without waiting.

        Raises ValueError for a declared topic: only a hub knows where its messages belong (`Hub.publish`).
        """
        check_topic(topic)
        if self.declared.of(topic) is not None:
            raise ValueError(
                f"the topic {topic!r} is declared, so its hub has to know each message: "
                "await hub.publish(...), or ws.publish(...)"
            )
        prepared = PreparedMessage.of(message)
        subscribers: Iterable[Connection] = self._topics.get(topic, ())
        if exclude is None:
            return self.delivery.share(subscribers, prepared)
        left_out = exclude.connection
        receivers = (each for each in subscribers if each is not left_out)
        return self.delivery.share(receivers, prepared)

    def topics(self, ws: Peer) -> frozenset[str]:
        """The topics that ``ws`` is subscribed to."""
        return frozenset(self._topics_of(ws.connection))

    def subscribers(self, topic: str) -> int:
        """How many connections are subscribed to ``topic`` on this node."""
        return len(self._topics.get(topic, ()))

    def row(self, topic: str) -> Collection[Connection]:
        """The connections that are subscribed to ``topic`` on this node; it changes as they do."""
        return self._topics.get(topic, {}).keys()

    def all_topics(self) -> tuple[str, ...]:
        """The topics that have a subscriber on this node."""
        return tuple(self._topics)

    # both

    def forget(self, ws: Peer) -> None:
        """Take a connection out of every table, its topics first, without closing it."""
        entry = self._entries.get(ws.connection)
        if entry is None:
            return
        for topic in tuple(entry.topics):
            self._leave_topic(entry, topic)
        if entry.user is not None:
            self._leave_user(entry, entry.user)
        self._drop_if_unused(entry)

    def watch(self, watcher: RegistryWatcher) -> None:
        """Tell ``watcher`` of every change from now on. Raises RegistrationError for what is no watcher."""
        for name in ("user_changed", "topic_changed"):
            if not callable(getattr(watcher, name, None)):
                raise RegistrationError(f"a watcher has a method {name}, unlike {watcher!r}")
        self._watchers = (*self._watchers, watcher)

    def unwatch(self, watcher: RegistryWatcher) -> None:
        """Undo `watch`."""
        self._watchers = tuple(each for each in self._watchers if each is not watcher)

    # the tables

    def _check_single_user(self, connection: Connection, user_id: Hashable) -> None:
        entry = self._entries.get(connection)
        user = None if entry is None else entry.user
        if user is not None and user.user_id != user_id:
            raise ValueError(
                f"the connection is registered as {user.user_id!r}, not as {user_id!r}"
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

    def _topics_of(self, connection: Connection) -> Collection[str]:
        entry = self._entries.get(connection)
        return () if entry is None else entry.topics

    def _enter_user(self, entry: _Entry, user_id: Hashable, ws: Peer) -> None:
        connection = entry.connection
        user = self._users.get(user_id)
        if user is None:
            user = self._users[user_id] = _User(user_id)
        user[connection] = ws
        entry.user = user
        self._tell_user(connection, user_id, len(user), len(user) - 1)

    def _leave_once(self, entry: _Entry) -> None:
        if entry.user is None:
            return  # the connection has left already
        entry.members -= 1
        if not entry.members:
            self._leave_user(entry, entry.user)
            self._drop_if_unused(entry)

    def _leave_user(self, entry: _Entry, user: _User) -> None:
        entry.user, entry.members = None, 0
        count = _take_out(self._users, user.user_id, entry.connection)
        self._tell_user(entry.connection, user.user_id, count, count + 1)

    def _leave_topic(self, entry: _Entry, topic: str) -> None:
        connection = entry.connection
        if topic not in entry.topics:
            return  # a watcher has unsubscribed it meanwhile
        del entry.topics[topic]
        count = _take_out(self._topics, topic, connection)
        self._tell_topic(connection, topic, count, count + 1)

    def _tell_user(
        self, connection: Connection, user_id: Hashable, count: int, before: int
    ) -> None:
        self._tell(lambda watcher: watcher.user_changed(connection, user_id, count, before))

    def _tell_topic(self, connection: Connection, topic: str, count: int, before: int) -> None:
        """Tell the watchers, then the connection, whose callback may make changes of its own."""
        self._tell(lambda watcher: watcher.topic_changed(connection, topic, count, before))
        protocol_of(connection).application.on_subscription(topic, count, before)

    def _tell(self, change: Callable[[RegistryWatcher], None]) -> None:
        for watcher in self._watchers:
            try:
                change(watcher)
            except Exception:
                logger.exception("a watcher of the registry failed")


KeyT = TypeVar("KeyT", bound=Hashable)
RowT = TypeVar("RowT", bound=dict[Connection, Any])


def _take_out(table: dict[KeyT, RowT], key: KeyT, connection: Connection) -> int:
    """Remove a connection from a row, and the row if it is empty; returns how many are left."""
    row = table[key]
    del row[connection]
    if not row:
        del table[key]
    return len(row)


def _nothing() -> None:
    """Undo the `add` of a connection that was closed before."""
