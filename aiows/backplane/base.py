"""The contract of every engine: in go bytes on topics, out they come on the other nodes.

A `Backplane` is a description (an address, options): it is made without a running loop and may be
used again in the next one. ``start`` joins it and gives a `Node`, the live end in one event loop; a
hub is one node. What each engine guarantees, sentence by sentence in
``tests/backplane/test_contract.py``:

- A message reaches every other node that is subscribed to exactly its topic, never the publisher.
- At most once, unchanged byte for byte, and in the order in which one node called ``publish``.
- ``subscribe`` is in force once it is confirmed; subscribing again changes nothing.
- After ``unsubscribe`` and after ``stop`` nothing more is delivered, not even what was under way.
- ``deliver`` is called from the event loop, never inside ``publish``. It must not block; if it
  raises, the loop's exception handler is told and the next message comes all the same.
- ``publish``, ``subscribe`` and ``unsubscribe`` neither wait nor raise and take effect in the order
  of the calls; what fails, fails in the confirmation.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TypeAlias

__all__ = ("Backplane", "Confirmation", "Deliver", "Node")

Deliver: TypeAlias = Callable[[str, bytes], None]
"""Who takes what arrives: ``deliver(topic, data)``."""

Confirmation: TypeAlias = "asyncio.Future[None] | None"
"""None: it is done. A future: it is handed over; the future says when it is done, or why not."""


class Node(ABC):
    """One end of a backplane in one event loop, as `Backplane.start` gives it."""

    __slots__ = ()

    @abstractmethod
    def publish(self, topic: str, data: bytes) -> Confirmation:
        """Send ``data`` to the other nodes that subscribe to ``topic``."""

    @abstractmethod
    def subscribe(self, topics: Iterable[str]) -> Confirmation:
        """Have ``deliver`` called for what the other nodes publish on each of ``topics``."""

    @abstractmethod
    def unsubscribe(self, topics: Iterable[str]) -> Confirmation:
        """Undo `subscribe`; a topic that is not subscribed to changes nothing."""

    @abstractmethod
    async def stop(self) -> None:
        """Leave the backplane; does nothing the second time."""


class Backplane(ABC):
    """What connects the nodes; one object may serve several hubs."""

    @abstractmethod
    async def start(self, deliver: Deliver) -> Node:
        """Join as a new node, whose messages go to ``deliver``."""
