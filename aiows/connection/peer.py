"""The methods that a connection has in each of the classes that users hold, so that handlers take any."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol, overload

from msgspec import Struct

from ..send_status import SendStatus
from .connection import Connection
from .topics import Joined

__all__ = ("Face", "Peer")


class Peer(Protocol):
    """The small interface that all faces of one connection share."""

    user_id: Any
    user_data: Any

    @property
    def connection(self) -> Connection: ...

    @property
    def closed(self) -> bool: ...

    @property
    def close_code(self) -> int | None: ...

    @property
    def buffered_amount(self) -> int: ...

    @property
    def app(self) -> Any: ...

    @property
    def topics(self) -> frozenset[str]: ...

    def push(self, message: Any) -> SendStatus: ...

    async def drained(self) -> None: ...

    @overload
    async def ask(
        self, kind: str, fields: Mapping[str, Any] | None = None, /, *, timeout: float | None = 10.0
    ) -> dict[str, Any]: ...

    @overload
    async def ask(self, payload: Struct, /, *, timeout: float | None = 10.0) -> dict[str, Any]: ...

    def ask_stream(
        self, kind: Any, fields: Mapping[str, Any] | None = None, /, *, timeout: float | None = 10.0
    ) -> AsyncGenerator[dict[str, Any]]: ...

    def subscribe(self, topic: str) -> bool: ...

    def unsubscribe(self, topic: str) -> bool: ...

    async def join(
        self, topic: str, *, since: tuple[str, int] | None = None, last: int = 0
    ) -> Joined: ...

    def leave(self, topic: str) -> bool: ...

    def is_subscribed(self, topic: str) -> bool: ...

    def publish(self, topic: str, message: Any, *, include_self: bool = False) -> None: ...


class Face:
    """The shared interface, passed on to ``self.connection``."""

    __slots__ = ()

    @property
    def connection(self) -> Connection:
        raise NotImplementedError

    @property
    def user_id(self) -> Any:
        """Who is at the other end; None until `ConnectionRegistry.add` or a view says so."""
        return self.connection.user_id

    @user_id.setter
    def user_id(self, value: Any) -> None:
        self.connection.user_id = value

    @property
    def user_data(self) -> Any:
        """Whatever the application wants to keep with the connection; None if nothing."""
        return self.connection.user_data

    @user_data.setter
    def user_data(self, value: Any) -> None:
        self.connection.user_data = value

    @property
    def app(self) -> Any:
        """The application that accepted the connection."""
        return self.connection.app

    @property
    def buffered_amount(self) -> int:
        """Bytes that have not been handed to the operating system yet."""
        return self.connection.buffered_amount

    @property
    def topics(self) -> frozenset[str]:
        """The names of the topics subscribed to. Raises HubMissing without ``setup(app)``."""
        return self.connection.topics

    def push(self, message: Any) -> SendStatus:
        """Send without waiting; see `Connection.push`."""
        return self.connection.push(message)

    async def drained(self) -> None:
        """Wait until the outbox is back at its limit; see `Connection.drained`."""
        await self.connection.drained()

    @overload
    async def ask(
        self, kind: str, fields: Mapping[str, Any] | None = None, /, *, timeout: float | None = 10.0
    ) -> dict[str, Any]: ...

    @overload
    async def ask(self, payload: Struct, /, *, timeout: float | None = 10.0) -> dict[str, Any]: ...

    async def ask(
        self, kind: Any, fields: Mapping[str, Any] | None = None, /, *, timeout: float | None = 10.0
    ) -> dict[str, Any]:
        """Ask the peer and return its answer; see `Connection.ask`."""
        return await self.connection.ask(kind, fields, timeout=timeout)

    def ask_stream(
        self, kind: Any, fields: Mapping[str, Any] | None = None, /, *, timeout: float | None = 10.0
    ) -> AsyncGenerator[dict[str, Any]]:
        """Ask the peer and yield its answers; see `Connection.ask_stream`."""
        return self.connection.ask_stream(kind, fields, timeout=timeout)

    def subscribe(self, topic: str) -> bool:
        """Receive what is published on ``topic``; see `Connection.subscribe`."""
        return self.connection.subscribe(topic)

    def unsubscribe(self, topic: str) -> bool:
        """No longer receive ``topic``; see `Connection.unsubscribe`."""
        return self.connection.unsubscribe(topic)

    async def join(
        self, topic: str, *, since: tuple[str, int] | None = None, last: int = 0
    ) -> Joined:
        """Receive ``topic``, after what was missed of it; see `Connection.join`."""
        return await self.connection.join(topic, since=since, last=last)

    def leave(self, topic: str) -> bool:
        """No longer receive ``topic``; the same as `unsubscribe`."""
        return self.connection.leave(topic)

    def is_subscribed(self, topic: str) -> bool:
        """Whether ``topic`` is subscribed to. Raises HubMissing without ``setup(app)``."""
        return self.connection.is_subscribed(topic)

    def publish(self, topic: str, message: Any, *, include_self: bool = False) -> None:
        """Publish to a topic's subscribers; see `Connection.publish`."""
        self.connection.publish(topic, message, include_self=include_self)
