"""A running hub's end of the backplane: subscribes there to what this node wants, hands over what it sends.

The backplane has one channel for each user, one for each topic, and one for everybody. This node
subscribes to a channel when the first connection wants it, and unsubscribes when the last one has left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Iterable
from typing import Any, Final

from ..backplane import Node
from ..connection import Connection
from .feeds import Feeds
from .registry import ConnectionRegistry
from .topics import DeclaredTopics

__all__ = ("EVERYBODY", "TOPIC", "USER", "Link", "log_failure")

logger: Final = logging.getLogger("aiows.hub")

# What the channels of users and topics begin with. They differ, so that a client that may choose the
# name of a room cannot choose one that reads another user's messages.
USER: Final = "user:"
TOPIC: Final = "topic:"
EVERYBODY: Final = "everybody"


class Link:
    """The hub's `Node`, with the channels that the tables of ``registry`` ask for.

    It watches the registry. When it is told of a change it looks at what the tables say now, because
    another watcher, told of the same change before, may have changed them again.
    """

    __slots__ = ("_registry", "_topics", "_unconfirmed", "_user_ids", "feeds", "node")

    def __init__(
        self,
        registry: ConnectionRegistry,
        node: Node,
        topics: DeclaredTopics = DeclaredTopics(),  # noqa: B008 (it does not change)
    ) -> None:
        self.node = node
        self.feeds = Feeds(registry, topics, node, TOPIC)
        self._registry = registry
        self._topics = topics
        self._unconfirmed: dict[str, asyncio.Future[None]] = {}
        # Two user ids with the same text, 7 and "7", share a channel.
        self._user_ids: dict[str, dict[Hashable, None]] = {}
        self._subscribe_to_all()
        registry.watch(self)

    def user_ids(self, channel: str) -> tuple[Hashable, ...]:
        """The users with a connection to this node whose messages come on ``channel``."""
        return tuple(self._user_ids.get(channel, ()))

    def unwatch(self) -> None:
        """Follow the registry no longer."""
        self._registry.unwatch(self)
        self.feeds.stop()

    def _subscribe_to_all(self) -> None:
        """Subscribe to what the registry has already."""
        topics = self._registry.all_topics()
        plain = [topic for topic in topics if self._topics.history_of(topic) is None]
        self._subscribe(EVERYBODY, *(TOPIC + topic for topic in plain))
        for topic in set(topics).difference(plain):
            for connection in self._registry.row(topic):
                self.feeds.changed(connection, topic, is_member=True)
        for user_id in self._registry:
            self._add_user(user_id)

    # the registry's changes (`aiows.hub.registry.RegistryWatcher`)

    def user_changed(self, _connection: Connection, user_id: Hashable, *_counts: int) -> None:
        if user_id in self._registry:
            self._add_user(user_id)
        else:
            self._remove_user(user_id)

    def topic_changed(self, connection: Connection, topic: str, count: int, before: int, /) -> None:
        if self._topics.history_of(topic) is not None:
            is_member = connection in self._registry.row(topic)
            self.feeds.changed(connection, topic, is_member=is_member)
            return
        if count and before:
            return
        if self._registry.subscribers(topic):
            self._subscribe(TOPIC + topic)
        else:
            self._unsubscribe(TOPIC + topic)

    def _add_user(self, user_id: Hashable) -> None:
        channel = USER + str(user_id)
        user_ids = self._user_ids.setdefault(channel, {})
        if not user_ids:
            self._subscribe(channel)
        user_ids[user_id] = None

    def _remove_user(self, user_id: Hashable) -> None:
        channel = USER + str(user_id)
        user_ids = self._user_ids.get(channel, {})
        user_ids.pop(user_id, None)
        if not user_ids:
            self._user_ids.pop(channel, None)
            self._unsubscribe(channel)

    def _subscribe(self, *channels: str) -> None:
        confirmation = self.node.subscribe(channels)
        log_failure(confirmation, "a subscription failed")
        if confirmation is not None:
            for channel in channels:
                self._unconfirmed[channel] = confirmation
            confirmation.add_done_callback(lambda _: self._confirmed(channels, confirmation))

    def _confirmed(self, channels: Iterable[str], confirmation: asyncio.Future[None]) -> None:
        for channel in channels:
            if self._unconfirmed.get(channel) is confirmation:
                del self._unconfirmed[channel]

    async def subscribed(self, topic: str) -> None:
        """Wait until the subscription to ``topic`` is in force. Raises what the backplane does."""
        confirmation = self._unconfirmed.get(TOPIC + topic)
        if confirmation is not None:
            await asyncio.shield(confirmation)

    def _unsubscribe(self, *channels: str) -> None:
        log_failure(self.node.unsubscribe(channels), "an unsubscription failed")


def log_failure(confirmation: asyncio.Future[Any] | None, what: str) -> None:
    """Log why something failed that nobody waits for; ``what`` begins the line."""
    if confirmation is None:
        return

    def done(future: asyncio.Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("%s: %s", what, error, exc_info=error)

    confirmation.add_done_callback(done)
