"""Who missed messages of declared topics without history, and was not told so yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from ..connection import Connection, PreparedMessage, outbox_of
from .notices import lost

__all__ = ("Missed",)


class Missed:
    """Tells each connection that messages of a topic are missing, once, before it gets the next one.

    Mostly that is at its drain, when there is room for any message. Until then it gets nothing of the topic:
    a small message that there would be room for would hide that others are missing.
    """

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

    def pass_on(
        self, topic: str, row: Collection[Connection], message: PreparedMessage
    ) -> Collection[Connection]:
        """Return those of ``row`` who may get ``message``; the others miss it, too, and are told of that."""
        missed = self._topics.get(topic)
        if not missed:
            return row
        return [
            each for each in tuple(row) if each not in missed or self._is_told(each, topic, message)
        ]

    def _is_told(self, connection: Connection, topic: str, message: PreparedMessage) -> bool:
        spoken = message.spoken_in(connection.codec)
        if spoken is None:
            return False  # no message, so nothing that it has to be told before
        outbox = outbox_of(connection)
        if outbox.has_dropped or not self._tell(connection, topic):
            outbox.refuse(spoken)
            return False
        return True

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
