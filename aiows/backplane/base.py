"""The contract of every engine that carries messages between nodes.

A `Backplane` describes how to connect (an address, options). It is made without a running event loop
and may be used in several loops, one after the other. ``start`` joins it and returns a `Node`, the
connection that one hub has in one event loop. Each engine guarantees the following;
``tests/backplane/test_contract.py`` has a test for each sentence.

- A message reaches every other node that is subscribed to exactly its topic, never the publisher.
- It arrives at most once, with the same bytes, and in the order in which its node called ``publish``.
- ``subscribe`` is in force once it is confirmed. To subscribe again changes nothing.
- After ``unsubscribe`` and after ``stop`` nothing more is delivered, not even what was under way.
- ``deliver`` is called from the event loop, never inside ``publish``. It must not block. If it
  raises, the loop's exception handler is told, and the next message is delivered all the same.
- ``publish``, ``subscribe`` and ``unsubscribe`` neither wait nor raise, and take effect in the order
  of the calls. If one fails, its confirmation says so.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TypeAlias

__all__ = ("Backplane", "Confirmation", "Deliver", "Node")

Deliver: TypeAlias = Callable[[str, bytes], None]
"""Called with each message that arrives: ``deliver(topic, data)``."""

Confirmation: TypeAlias = "asyncio.Future[None] | None"
"""None: it is done. A future: it is under way, and the future says when it is done or why it failed."""


class Node(ABC):
    """One node's connection to a backplane, in one event loop; `Backplane.start` returns it."""

    __slots__ = ()

    @abstractmethod
    def publish(self, topic: str, data: bytes) -> Confirmation:
        """Send ``data`` to the other nodes that subscribe to ``topic``."""

    @abstractmethod
    def subscribe(self, topics: Iterable[str]) -> Confirmation:
        """Receive what the other nodes publish on each of ``topics``."""

    @abstractmethod
    def unsubscribe(self, topics: Iterable[str]) -> Confirmation:
        """Receive it no longer. A topic that is not subscribed to changes nothing."""

    @abstractmethod
    async def stop(self) -> None:
        """Leave the backplane. A second call does nothing."""


class Backplane(ABC):
    """An engine that connects the nodes; one object may serve several hubs."""

    @abstractmethod
    async def start(self, deliver: Deliver) -> Node:
        """Join as a new node; what arrives for it is given to ``deliver``."""
