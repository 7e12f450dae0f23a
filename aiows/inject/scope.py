"""In goes who shares a value, out comes that value: made once, and cleaned up with what it belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from typing import Any, Final, Self, TypeAlias, cast
from weakref import WeakKeyDictionary

from ..connection import Peer, protocol_of
from ..endpoint import WebSocket

__all__ = ("ConnectionScope", "EndpointScope", "Scope", "scope_of")

logger: Final = logging.getLogger("aiows.inject")

Make: TypeAlias = Callable[[AsyncExitStack], Awaitable[Any]]

# An endpoint's by its WebSocket, which is there before the connection is; others by their connection.
_scopes: Final[WeakKeyDictionary[object, Scope]] = WeakKeyDictionary()


class Scope:
    """The values that factories with ``reuse=True`` have made; ``stack`` has what ends them."""

    def __init__(self) -> None:
        self.stack = AsyncExitStack()
        self._values: dict[object, Any] = {}
        self._in_the_making: dict[object, asyncio.Event] = {}

    async def value_of(self, key: object, make: Make) -> Any:
        """Return the one value of ``key``, made by the first who asks; the others wait for it."""
        while key in self._in_the_making:
            await self._in_the_making[key].wait()
        if key not in self._values:
            made = self._in_the_making[key] = asyncio.Event()
            try:
                self._values[key] = await self._keep(make)
            finally:
                del self._in_the_making[key]
                made.set()
        return self._values[key]

    async def _keep(self, make: Make) -> Any:
        """Make a value; what fails half-way leaves nothing on the stack."""
        async with AsyncExitStack() as own:
            value = await make(own)
            self.stack.push_async_exit(own.pop_all())
        return value


class EndpointScope(Scope):
    """What belongs to one call of an endpoint, which lasts as long as its connection."""

    def __init__(self, ws: WebSocket) -> None:
        super().__init__()
        self._ws = ws

    async def __aenter__(self) -> Self:
        _scopes[self._ws] = self
        return self

    async def __aexit__(self, *error: object) -> None:
        del _scopes[self._ws]
        await cast("Any", self.stack).__aexit__(*error)


class ConnectionScope(Scope):
    """What belongs to a connection whose messages are handled one by one.

    Entered for each of them, so that nothing is cleaned up under a handler that still uses it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._users = 0
        self._is_over = False

    async def __aenter__(self) -> Self:
        self._users += 1
        return self

    async def __aexit__(self, *error: object) -> None:
        self._users -= 1
        await self._clean_up()

    async def end(self) -> None:
        """The connection is over."""
        self._is_over = True
        await self._clean_up()

    async def _clean_up(self) -> None:
        if self._users or not self._is_over:
            return
        stack, self.stack = self.stack, AsyncExitStack()
        self._values.clear()
        try:
            await stack.aclose()
        except Exception:
            logger.exception("cleaning up after a connection failed")


def scope_of(peer: Peer) -> AbstractAsyncContextManager[Scope]:
    """Return what a handler enters while it uses values that ``peer``'s connection shares."""
    if isinstance(peer, WebSocket) and peer in _scopes:
        return nullcontext(_scopes[peer])
    connection = peer.connection
    scope = _scopes.get(connection)
    if not isinstance(scope, ConnectionScope):
        scope = _scopes[connection] = ConnectionScope()
        protocol_of(connection).add_cleanup(scope.end)
    return scope
