"""A running hub's end of the backplane: subscribes there to what this node wants, hands over what it sends.

The backplane has one channel for each user, one for each topic, and one for everybody. This node
subscribes to a channel when the first connection wants it, and unsubscribes when the last one has left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from typing import Final

from ..backplane import Confirmation, Node, encode
from ..connection import Connection, PreparedMessage
from .registry import ConnectionRegistry

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

    __slots__ = ("_registry", "_user_ids", "node")

    def __init__(self, registry: ConnectionRegistry, node: Node) -> None:
        self.node = node
        self._registry = registry
        # Two user ids with the same text, 7 and "7", share a channel.
        self._user_ids: dict[str, dict[Hashable, None]] = {}
        self._subscribe_to_all()
        registry.watch(self)

    def publish(self, channel: str, message: PreparedMessage) -> Confirmation:
        """Hand ``message`` to the backplane, for the other nodes that subscribe to ``channel``."""
        return self.node.publish(channel, encode(message))

    def user_ids(self, channel: str) -> tuple[Hashable, ...]:
        """The users with a connection to this node whose messages come on ``channel``."""
        return tuple(self._user_ids.get(channel, ()))

    def unwatch(self) -> None:
        """Follow the registry no longer."""
        self._registry.unwatch(self)

    def _subscribe_to_all(self) -> None:
        """Subscribe to what the registry has already."""
        self._subscribe(EVERYBODY, *(TOPIC + topic for topic in self._registry.all_topics()))
        for user_id in self._registry:
            self._add_user(user_id)

    # the registry's changes (`aiows.hub.registry.RegistryWatcher`)

    def user_changed(self, _connection: Connection, user_id: Hashable, *_counts: int) -> None:
        if user_id in self._registry:
            self._add_user(user_id)
        else:
            self._remove_user(user_id)

    def topic_changed(
        self, _connection: Connection, topic: str, count: int, before: int, /
    ) -> None:
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
        log_failure(self.node.subscribe(channels), "a subscription failed")

    def _unsubscribe(self, *channels: str) -> None:
        log_failure(self.node.unsubscribe(channels), "an unsubscription failed")


def log_failure(confirmation: Confirmation, what: str) -> None:
    """Log why something failed that nobody waits for; ``what`` begins the line."""
    if confirmation is None:
        return

    def done(future: asyncio.Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("%s: %s", what, error, exc_info=error)

    confirmation.add_done_callback(done)
