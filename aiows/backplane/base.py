"""The contract of every engine that carries messages between nodes, and keeps those of topics with history.

A `Backplane` describes how to connect (an address, options). It is made without a running event loop
and may be used in several loops, one after the other. ``start`` joins it and returns a `Node`, the
connection that one hub has in one event loop. Each engine guarantees the following;
``tests/backplane/test_contract.py`` has a test for each sentence.

- A message reaches every other node that is subscribed to exactly its topic, never the publisher.
- It arrives at most once, with the same payload, and in the order in which its node called ``publish``.
- What was published does not change any more, whatever becomes of the object that the message was made of.
  An engine that sends it elsewhere makes bytes of it with ``encode``, and of bytes a message with ``decode``.
  Within a process ``PreparedMessage.detach`` is enough. Bytes that are no message are dropped, with a line in
  the log; in a topic's history they are delivered as None.
- ``subscribe`` is in force once it is confirmed. To subscribe again changes nothing.
- After ``unsubscribe`` and after ``stop`` nothing more is delivered, not even what was under way.
- The methods of an `Ear` are called from the event loop, never inside a call of `Node`. They must not
  block. If one raises, the loop's exception handler is told, and the next message is delivered all the same.
- ``publish``, ``subscribe`` and ``unsubscribe`` neither wait nor raise, and take effect in the order
  of the calls. If one fails, its confirmation says so.

Where an engine ``keeps_history``:

- ``append`` gives each message of a topic the next number, and every subscribed node gets it with that
  position, the node that has appended it, too. Around a lost connection an engine may repeat messages, or
  skip some: whoever needs them reads them.
- An ``append`` is confirmed when the message is kept; one that was under way when a connection was lost is
  sent again, and is not kept twice. It fails with ``BackplaneDown`` when it takes too long.
- ``read`` answers with the position at that moment, and with what came after the one that was asked for,
  without a hole: if the first of it is not the next one, what is between is no longer kept.
- Positions of two epochs have nothing to do with each other. An epoch ends when an engine cannot say for
  sure that its log is the one that it was.
- After a lost connection the node is subscribed again first, and then the ear is told that it has
  ``resumed``.
- ``claim`` of a key is new once; until its time is over, everybody else learns what became of it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

from ..connection import PreparedMessage
from ..position import Position

__all__ = (
    "Backplane",
    "Claim",
    "Confirmation",
    "Ear",
    "Entry",
    "Keep",
    "Loss",
    "Node",
    "Page",
)

Confirmation: TypeAlias = "asyncio.Future[None] | None"
"""None: it is done. A future: it is under way, and the future says when it is done or why it failed."""


class Entry(NamedTuple):
    """A message of a log, with its number there."""

    offset: int
    message: PreparedMessage | None
    """None: what is there is no message."""


class Page(NamedTuple):
    """What a log had to say: its position, and ``entries`` in their order."""

    position: Position
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of a topic is kept: its last ``size`` messages, each for so many ``seconds``."""

    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Loss:
    """Plain messages may be missing that were published between two times of the event loop's clock."""

    since: float
    until: float


class Claim(NamedTuple):
    """The answer to ``claim``: ``is_new`` for the first, who is to handle it.

    For all others ``is_done`` says whether that was settled, with ``answer``; None for one that was too large
    to be kept.
    """

    is_new: bool
    is_done: bool = False
    answer: bytes | None = None


class Ear(Protocol):
    """What a node calls with all that it hears. Every method is called from the event loop."""

    def deliver(self, topic: str, message: PreparedMessage, /) -> None:
        """A message that another node has published."""

    def deliver_at(
        self, topic: str, position: Position, message: PreparedMessage | None, /
    ) -> None:
        """A message of a log, appended by any node, this one too; ``position`` is behind it.

        None: somebody has put bytes there that are no message.
        """

    def resumed(self, loss: Loss | None, /) -> None:
        """A connection that was lost is back, and all subscriptions are in force again.

        None: no plain message can be missing.
        """


class Node(ABC):
    """One node's connection to a backplane, in one event loop; `Backplane.start` returns it."""

    __slots__ = ()

    id: bytes
    """Eight random bytes, new at each start: they tell one node's messages from another's."""

    @abstractmethod
    def publish(self, topic: str, message: PreparedMessage) -> Confirmation:
        """Send ``message`` to the other nodes that subscribe to ``topic``."""

    @abstractmethod
    def subscribe(self, topics: Iterable[str]) -> Confirmation:
        """Receive what is sent on each of ``topics``."""

    @abstractmethod
    def unsubscribe(self, topics: Iterable[str]) -> Confirmation:
        """Receive it no longer. A topic that is not subscribed to changes nothing."""

    @abstractmethod
    async def stop(self) -> None:
        """Leave the backplane. A second call does nothing."""

    # history; an engine without any raises `NoHistory`

    @abstractmethod
    def append(self, topic: str, message: PreparedMessage, keep: Keep) -> asyncio.Future[Position]:
        """Add ``message`` to the log of ``topic``, for all nodes that subscribe; answers its position."""

    @abstractmethod
    def read(self, topic: str, after: int, limit: int | None = None) -> asyncio.Future[Page]:
        """Answer with the position and what has a number above ``after``, the first ``limit`` of it."""

    @abstractmethod
    def read_last(self, topic: str, count: int) -> asyncio.Future[Page]:
        """Answer with the position and the last ``count`` messages before it."""

    # requests that are handled once

    @abstractmethod
    def claim(self, key: str, seconds: float) -> asyncio.Future[Claim]:
        """Take ``key`` for ``seconds``, if nobody has; answers what became of it."""

    @abstractmethod
    def settle(self, key: str, answer: bytes | None, seconds: float) -> Confirmation:
        """Keep what a claim has led to, for ``seconds``; None: it is done, and the answer is too large."""


class Backplane(ABC):
    """An engine that connects the nodes; one object may serve several hubs."""

    keeps_history: ClassVar[bool] = False
    """Whether topics may have history here."""

    @abstractmethod
    async def start(self, ear: Ear) -> Node:
        """Join as a new node, which tells ``ear`` what arrives for it."""
