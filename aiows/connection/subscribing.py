"""In go topics, out they go to the hub that ``setup(app)`` gave to the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import HubMissing
from .ending import Ending

if TYPE_CHECKING:
    from .peer import TopicsPort

__all__ = ("Subscribing",)


class Subscribing(Ending):
    """What a connection subscribes to, and publishes."""

    __slots__ = ()

    def subscribe(self, topic: str) -> None:
        """Receive what is published on ``topic``. Raises HubMissing without ``setup(app)``."""
        self.require_hub().subscribe(self._itself, topic)

    def unsubscribe(self, topic: str) -> None:
        """No longer receive ``topic``. Raises HubMissing without ``setup(app)``."""
        self.require_hub().unsubscribe(self._itself, topic)

    @property
    def topics(self) -> frozenset[str]:
        """The names of the topics subscribed to. Raises HubMissing without ``setup(app)``."""
        return self.require_hub().topics(self._itself)

    def is_subscribed(self, topic: str) -> bool:
        """Whether ``topic`` is subscribed to. Raises HubMissing without ``setup(app)``."""
        return topic in self.topics

    def publish(self, topic: str, message: Any, *, include_self: bool = False) -> None:
        """Send to the subscribers of ``topic`` everywhere, here at once, without waiting.

        This connection is left out unless ``include_self``. Raises HubMissing without ``setup(app)``.
        """
        self.require_hub().publish_from(self._itself, topic, message, include_self=include_self)

    def subscription_changed(self, topic: str, count: int, before: int) -> None:
        """Be told by the registry; see `Consumer.on_subscription`."""
        self._consumer.on_subscription(topic, count, before)

    @property
    def hub(self) -> TopicsPort | None:
        """What ``setup(app)`` gave to the connection, None without it."""
        return self._hub

    def require_hub(self) -> TopicsPort:
        """The same, or HubMissing."""
        if self._hub is None:
            raise HubMissing
        return self._hub
