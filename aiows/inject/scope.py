"""How long the values of factories with ``reuse=True`` live: made once, closed with their connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from typing import Any, Final, Self, TypeAlias, cast
from weakref import WeakKeyDictionary, ref

from ..connection import Peer, WebSocketProtocol, protocol_of
from ..endpoint import WebSocket

__all__ = ("ConnectionScope", "EndpointScope", "Scope", "scope_of")

logger: Final = logging.getLogger("aiows.inject")

Make: TypeAlias = Callable[[AsyncExitStack], Awaitable[Any]]

# The scope of an endpoint is found by its WebSocket, which exists before the connection does; other scopes by
# their connection.
_scopes: Final[WeakKeyDictionary[object, Scope]] = WeakKeyDictionary()


class Scope:
    """The values that factories with ``reuse=True`` have made; ``stack`` has their clean-up."""

    def __init__(self) -> None:
        self.stack = AsyncExitStack()
        self._values: dict[object, Any] = {}
        self._being_made: dict[object, asyncio.Event] = {}

    async def value_of(self, key: object, make: Make) -> Any:
        """Return the one value of ``key``: the first caller makes it, others wait for it."""
        while key in self._being_made:
            await self._being_made[key].wait()
        if key not in self._values:
            made = self._being_made[key] = asyncio.Event()
            try:
                self._values[key] = await self._keep(make)
            finally:
                del self._being_made[key]
                made.set()
        return self._values[key]

    async def _keep(self, make: Make) -> Any:
        """Make a value; a failure leaves nothing of it on the stack."""
        async with AsyncExitStack() as own:
            value = await make(own)
            self.stack.push_async_exit(own.pop_all())
        return value


class EndpointScope(Scope):
    """The scope of one call of an endpoint, which lasts as long as its connection."""

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
    """The scope of a connection whose messages go to handlers.

    Each handler enters it, so that nothing is closed while a handler still uses it.
    """

    def __init__(self, protocol: WebSocketProtocol) -> None:
        super().__init__()
        self._protocol = ref(
            protocol
        )  # a scope is the value of a table whose key the protocol keeps
        self._entered = 0
        self._has_ended = False

    async def __aenter__(self) -> Self:
        self._entered += 1
        return self

    async def __aexit__(self, *error: object) -> None:
        self._entered -= 1
        protocol = self._protocol()
        if self._has_ended and not self._entered and protocol is not None:
            protocol.add_cleanup(self._clean_up)  # in the connection's context, not the handler's

    async def end(self) -> None:
        """The connection has ended: close everything once no handler uses it."""
        self._has_ended = True
        await self._clean_up()

    async def _clean_up(self) -> None:
        if self._entered or not self._has_ended:
            return
        stack, self.stack = self.stack, AsyncExitStack()
        self._values.clear()
        try:
            await stack.aclose()
        except Exception as error:
            if (protocol := self._protocol()) is None:
                logger.exception("the cleaning up of factories failed")
            else:
                protocol.failed_in("the cleaning up of factories", error, logger)


def scope_of(peer: Peer) -> AbstractAsyncContextManager[Scope]:
    """Return the scope of ``peer``'s connection, for a handler to enter while it uses shared values."""
    if isinstance(peer, WebSocket) and peer in _scopes:
        return nullcontext(_scopes[peer])
    connection = peer.connection
    scope = _scopes.get(connection)
    if not isinstance(scope, ConnectionScope):
        protocol = protocol_of(connection)
        scope = _scopes[connection] = ConnectionScope(protocol)
        protocol.add_cleanup(scope.end)
    return scope
