"""A backplane without other nodes: writes down what it is told, and confirms when and how a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from aiows.backplane import Backplane, Confirmation, Deliver, Node

__all__ = ("FakeBackplane", "FakeNode")


class FakeBackplane(Backplane):
    """``told`` is what it was told, ``confirmation`` makes what each call returns."""

    deliver: Deliver

    def __init__(self, confirmation: Callable[[], Confirmation] = lambda: None) -> None:
        self.told: list[Any] = []
        self.confirmation = confirmation

    async def start(self, deliver: Deliver) -> Node:
        self.deliver = deliver
        self.told.append("start")
        return FakeNode(self)


class FakeNode(Node):
    """The one node of a `FakeBackplane`."""

    def __init__(self, backplane: FakeBackplane) -> None:
        self.backplane = backplane

    def publish(self, topic: str, data: bytes) -> Confirmation:
        self.backplane.told.append(("publish", topic, data))
        return self.backplane.confirmation()

    def subscribe(self, topics: Iterable[str]) -> Confirmation:
        self.backplane.told.extend(("subscribe", topic) for topic in topics)
        return self.backplane.confirmation()

    def unsubscribe(self, topics: Iterable[str]) -> Confirmation:
        self.backplane.told.extend(("unsubscribe", topic) for topic in topics)
        return self.backplane.confirmation()

    async def stop(self) -> None:
        self.backplane.told.append("stop")
