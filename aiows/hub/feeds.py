"""The topics with history that this node has members of: each has a `Feed` as long as it is used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from ..backplane import Keep, Node
from ..connection import Connection, Joined, PreparedMessage, Wish, protocol_of
from ..errors import BackplaneDown, BackplaneError, KindError
from ..position import Position
from .feed import Feed, MemberCursor
from .log import Tails
from .registry import ConnectionRegistry
from .topics import DeclaredTopics

__all__ = ("Feeds", "Outcome")

logger: Final = logging.getLogger("aiows.hub")

# In seconds. So long a topic without members is still followed: those who come back after a short loss of the
# network find all of it here.
LINGER: Final = 5.0

Outcome: TypeAlias = "Joined | Exception"
"""What came of a join: of many topics each has its own."""


class Feeds:
    """Every feed of a node, by the channel of its topic; ``prefix`` is what channels of topics begin with."""

    def __init__(
        self, registry: ConnectionRegistry, topics: DeclaredTopics, node: Node, prefix: str
    ) -> None:
        self._registry = registry
        self._topics = topics
        self._node = node
        self._prefix = prefix
        self._loop = asyncio.get_running_loop()
        self._tails = Tails()
        self._feeds: dict[str, Feed] = {}
        # Those who wait for a drain, and the feeds that they are late in.
        self._late: dict[Connection, dict[Feed, None]] = {}
        self._joining: dict[Connection, dict[_Joining, None]] = {}

    # what the backplane tells

    def arrived(self, channel: str, position: Position, message: PreparedMessage | None) -> None:
        """A message of a log has come."""
        feed = self._feeds.get(channel)
        if feed is not None:
            feed.arrived(position, message)

    def resumed(self) -> None:
        """The backplane was lost, and all subscriptions are in force again."""
        for feed in tuple(self._feeds.values()):
            feed.log.confirmed()

    # publishing

    def append(
        self, channel: str, message: PreparedMessage, keep: Keep
    ) -> asyncio.Future[Position]:
        """Put a message into a log. When that is answered, which may be at once, the members here get it."""
        message.detach()
        appending = self._node.append(channel, message, keep)
        if appending.done():
            self._appended(channel, message, appending)
        else:
            appending.add_done_callback(partial(self._appended, channel, message))
        return appending

    def _appended(
        self, channel: str, message: PreparedMessage, appending: asyncio.Future[Position]
    ) -> None:
        feed = self._feeds.get(channel)
        if feed is not None and not appending.cancelled() and appending.exception() is None:
            feed.appended(appending.result(), message)

    async def reached(self, channel: str, position: Position) -> None:
        """Wait until the members here that are not too slow have all up to ``position``."""
        feed = self._feeds.get(channel)
        if feed is not None and feed.has_members:
            await feed.reached(position)

    # members

    def changed(self, connection: Connection, topic: str, *, is_member: bool) -> None:
        """``connection`` has subscribed to a topic with history, or does not any more."""
        if is_member:
            self._feed(topic).follow(connection)
            return
        feed = self._feeds.get(self._prefix + topic)
        if feed is None:
            return
        feed.remove(connection)
        self._not_late(connection, feed)
        self._woken(connection)
        if not feed.has_members:
            self._loop.call_later(LINGER, self._close_if_unused, feed)

    def drained(self, connection: Connection) -> None:
        """There is room in the outbox of ``connection`` again."""
        for feed in tuple(self._late.get(connection, ())):
            if not feed.catch_up(connection):
                return  # who waits for the backplane is woken by its feed
            self._not_late(connection, feed)
        self._woken(connection)

    def stop(self) -> None:
        """The node leaves: nobody is told anything any more."""
        for joining in [each for joins in self._joining.values() for each in joins]:
            joining.stop()
        self._feeds.clear()
        self._late.clear()

    def _woken(self, connection: Connection) -> None:
        for joining in tuple(self._joining.get(connection, ())):
            joining.woken()

    def _is_late(self, connection: Connection, feed: Feed) -> None:
        self._late.setdefault(connection, {})[feed] = None

    def _not_late(self, connection: Connection, feed: Feed) -> None:
        late = self._late.get(connection)
        if late is not None:
            late.pop(feed, None)
            if not late:
                del self._late[connection]

    def _feed(self, topic: str) -> Feed:
        channel = self._prefix + topic
        feed = self._feeds.get(channel)
        if feed is None:
            history = self._topics.history_of(topic)
            assert history is not None
            feed = self._feeds[channel] = Feed(
                topic,
                channel,
                history,
                self._node,
                delivery=self._registry.delivery,
                tails=self._tails,
                on_late=self._is_late,
            )
            self._subscribe(feed)
        return feed

    def _subscribe(self, feed: Feed) -> None:
        confirmation = self._node.subscribe((feed.channel,))
        if confirmation is None:
            feed.log.confirmed()
        else:
            confirmation.add_done_callback(lambda future: self._subscribed(feed, future))

    def _subscribed(self, feed: Feed, confirmation: asyncio.Future[None]) -> None:
        if confirmation.cancelled() or self._feeds.get(feed.channel) is not feed:
            return
        error = confirmation.exception()
        if error is None:
            feed.log.confirmed()
        elif isinstance(error, Exception):
            logger.error("a subscription failed: %s", error, exc_info=error)
            feed.log.failed(error)

    def _close_if_unused(self, feed: Feed) -> None:
        if feed.has_members or self._feeds.get(feed.channel) is not feed:
            return
        del self._feeds[feed.channel]
        self._tails.forget(feed.log)
        self._node.unsubscribe((feed.channel,))

    # joining

    async def join(self, connection: Connection, wishes: Mapping[str, Wish]) -> dict[str, Outcome]:
        """Make ``connection`` a member of topics with history, of all of them in one turn of the loop.

        When this returns what was missed has been sent, nothing of what follows was, and no other task has
        run since. Raises ConnectionClosed, TooManyTopics.
        """
        protocol_of(connection).check_answerable()
        self._registry.check_room(connection, wishes)
        joining = _Joining(self._loop, connection)
        joins = self._joining.setdefault(connection, {})
        joins[joining] = None
        try:
            for topic, wish in wishes.items():
                joining.add(topic, self._feed(topic), wish)
                self._registry.subscribe(connection, topic)
            return await joining.outcome()
        finally:
            for topic in joining.left_over():
                self._registry.unsubscribe(connection, topic)
            del joins[joining]
            if not joins and self._joining.get(connection) is joins:
                del self._joining[connection]


class _Way(NamedTuple):
    feed: Feed
    cursor: MemberCursor
    wish: Wish

    @property
    def is_current(self) -> bool:
        """Whether the topic was neither left nor joined again meanwhile."""
        return self.feed.cursor_of(self.cursor.reader) is self.cursor

    def enter(self) -> Joined:
        position = self.feed.enter(self.cursor)
        recovered = None if self.wish.since is None else not self.cursor.is_lost
        return Joined(position, recovered)


class _Joining:
    """One connection on its way into the rows of some topics, which it enters in one turn of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Connection) -> None:
        self._loop = loop
        self._connection = connection
        self._changed: asyncio.Future[None] | None = None
        self._has_stopped = False
        self._ways: dict[str, _Way] = {}
        self._outcome: dict[str, Outcome] = {}

    def add(self, topic: str, feed: Feed, wish: Wish) -> None:
        woken = partial(self._answered, topic)
        cursor = feed.begin(self._connection, wish.since, wish.last, woken)
        self._ways[topic] = _Way(feed, cursor, wish)

    async def outcome(self) -> dict[str, Outcome]:
        """Send what was missed, and enter. Raises ConnectionClosed, BackplaneDown if the node leaves."""
        while True:
            protocol_of(self._connection).check_answerable()
            if self._has_stopped:
                raise BackplaneDown("the hub has stopped")
            self._changed = self._loop.create_future()
            self._drop_taken_back()
            # Each is brought on, also when another one has to wait: they are read at the same time.
            is_there = [way.feed.bring(way.cursor) for way in self._ways.values()]
            if all(is_there):
                return self._enter()
            await self._changed

    def _drop_taken_back(self) -> None:
        for topic, way in tuple(self._ways.items()):
            if not way.is_current:
                del self._ways[topic]
                self._outcome[topic] = KindError(
                    "superseded", "the topic was left, or joined again, meanwhile"
                )

    def _enter(self) -> dict[str, Outcome]:
        for topic, way in self._ways.items():
            self._outcome[topic] = way.enter()
        self._ways.clear()
        return self._outcome

    def left_over(self) -> list[str]:
        """Return the topics that it did not enter, and has not been taken back from."""
        return [topic for topic, way in self._ways.items() if way.is_current] + [
            topic for topic, each in self._outcome.items() if isinstance(each, BackplaneError)
        ]

    def woken(self) -> None:
        """There may be more room, or one topic less."""
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def stop(self) -> None:
        """The node leaves."""
        self._has_stopped = True
        self.woken()

    def _answered(self, topic: str, error: Exception | None) -> None:
        """The backplane has answered, or failed."""
        if error is not None:
            self._ways.pop(topic, None)
            self._outcome[topic] = error
        self.woken()
