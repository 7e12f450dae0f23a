"""A backplane without other nodes: writes down what it is told, and answers when and how a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from aiows.backplane import Backplane, Claim, Confirmation, Ear, Keep, Node, Page
from aiows.connection import PreparedMessage
from aiows.position import Position

__all__ = ("FakeBackplane", "FakeNode")


class FakeBackplane(Backplane):
    """``told`` is what it was told, ``confirmation`` makes what each call returns.

    ``asked`` are the questions in their order, each with the future for its answer.
    """

    keeps_history: ClassVar[bool] = True

    ear: Ear

    def __init__(self, confirmation: Callable[[], Confirmation] = lambda: None) -> None:
        self.told: list[Any] = []
        self.asked: list[tuple[str, asyncio.Future[Any]]] = []
        self.confirmation = confirmation

    async def start(self, ear: Ear) -> Node:
        self.ear = ear
        self.told.append("start")
        return FakeNode(self)

    def question(self, *told: Any) -> asyncio.Future[Any]:
        self.told.append(told)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.asked.append((told[0], future))
        return future


class FakeNode(Node):
    """The one node of a `FakeBackplane`."""

    id = b"the node"

    def __init__(self, backplane: FakeBackplane) -> None:
        self.backplane = backplane

    def publish(self, topic: str, message: PreparedMessage) -> Confirmation:
        self.backplane.told.append(("publish", topic, message))
        return self.backplane.confirmation()

    def subscribe(self, topics: Iterable[str]) -> Confirmation:
        self.backplane.told.extend(("subscribe", topic) for topic in topics)
        return self.backplane.confirmation()

    def unsubscribe(self, topics: Iterable[str]) -> Confirmation:
        self.backplane.told.extend(("unsubscribe", topic) for topic in topics)
        return self.backplane.confirmation()

    async def stop(self) -> None:
        self.backplane.told.append("stop")

    def append(self, topic: str, message: PreparedMessage, keep: Keep) -> asyncio.Future[Position]:
        return self.backplane.question("append", topic, message, keep)

    def read(self, topic: str, after: int, limit: int | None = None) -> asyncio.Future[Page]:
        return self.backplane.question("read", topic, after)

    def read_last(self, topic: str, count: int) -> asyncio.Future[Page]:
        return self.backplane.question("read_last", topic, count)

    def claim(self, key: str, seconds: float) -> asyncio.Future[Claim]:
        return self.backplane.question("claim", key, seconds)

    def settle(self, key: str, answer: bytes | None, seconds: float) -> Confirmation:
        self.backplane.told.append(("settle", key, answer, seconds))
        return self.backplane.confirmation()
