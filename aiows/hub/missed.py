"""Who missed messages of declared topics without history, and was not told so yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ..connection import Connection
from .notices import lost

__all__ = ("Missed",)


class Missed:
    """Tells each connection that messages of a topic are missing, before it gets the next one."""

    __slots__ = ("_connections", "_topics")

    def __init__(self) -> None:
        self._topics: dict[str, dict[Connection, None]] = {}
        self._connections: dict[Connection, dict[str, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._topics)

    def add(self, topic: str, connections: Iterable[Connection]) -> None:
        """They did not get a message of ``topic``."""
        for connection in connections:
            self._topics.setdefault(topic, {})[connection] = None
            self._connections.setdefault(connection, {})[topic] = None

    def tell(self, topic: str) -> frozenset[Connection]:
        """Tell all that missed something of ``topic``; return those for whom there is no room yet."""
        told = tuple(self._topics.get(topic, ()))
        return frozenset(each for each in told if not self._tell(each, topic))

    def drained(self, connection: Connection) -> None:
        """There is room in the outbox of ``connection`` again."""
        for topic in tuple(self._connections.get(connection, ())):
            self._tell(connection, topic)

    def forget(self, connection: Connection, topic: str | None = None) -> None:
        """``connection`` has left ``topic``, None: it has ended."""
        missed = self._connections.get(connection, {})
        for each in tuple(missed) if topic is None else (topic,):
            if each in missed:
                self._remove(connection, each)

    def _tell(self, connection: Connection, topic: str) -> bool:
        if not connection.push(lost(topic)):
            return False
        self._remove(connection, topic)
        return True

    def _remove(self, connection: Connection, topic: str) -> None:
        _take_out(self._topics, topic, connection)
        _take_out(self._connections, connection, topic)


K = TypeVar("K")
V = TypeVar("V")


def _take_out(table: dict[K, dict[V, None]], key: K, value: V) -> None:
    row = table.get(key, {})
    row.pop(value, None)
    if not row:
        table.pop(key, None)
