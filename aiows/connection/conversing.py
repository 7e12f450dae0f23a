"""In go questions to the peer, out come its answers; and what its requests need to be answered in turn."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, overload

import msgspec

from .ending import Ending
from .exchange.exchange import Exchange
from .state import State

__all__ = ("Conversing",)


class Conversing(Ending):
    """Questions and answers of a connection, in both directions."""

    __slots__ = ()

    @property
    def exchange(self) -> Exchange:
        """What goes on between requests and answers; made when it is first asked for."""
        if self._exchange is None:
            self._exchange = Exchange(self._itself)
            self._protocol.consumer = None  # from now on messages pass the exchange first
            self.in_flight = self._exchange.in_flight
        return self._exchange

    @property
    def has_peer_left(self) -> bool:
        """Whether the peer is going or has gone, and not because we closed."""
        return self._state is State.CLOSE_RECEIVED or self.was_cut or self.failure is not None

    @property
    def has_waiting(self) -> bool:
        """Whether messages wait that nobody has begun to handle."""
        return self._protocol.waiting > 0 or self._consumer.is_holding

    def sift(self) -> None:
        """Have the exchange take its own out of what waits."""
        self._protocol.sift(self.exchange.take)

    @property
    def is_ending(self) -> bool:
        """Whether the peer will say no more, or what it says is thrown away."""
        return self._state is not State.OPEN or self.failure is not None

    def check_answerable(self) -> None:
        """Raise ConnectionClosed where no answer can come any more."""
        if self.is_ending:
            raise self._closed_error()

    def hold(self, weight: int) -> None:
        """So many bytes wait elsewhere than in the inbox: they count as if they were there."""
        self._protocol.hold(weight)
        self._block_soon()

    def release(self, weight: int) -> None:
        """Take back `hold`."""
        self._protocol.release(weight)

    def _block_soon(self) -> None:
        """Let questions fail if reading has paused; but who is just being woken may make room."""
        if self._exchange is not None and self._protocol.is_paused:
            self._shared.loop.call_soon(self._check_blocked)

    def _check_blocked(self) -> None:
        if self._exchange is not None and self._protocol.is_paused:
            self._exchange.blocked()

    @overload
    async def ask(
        self, kind: str, fields: Mapping[str, Any] | None = None, /, *, timeout: float | None = 10.0
    ) -> dict[str, Any]: ...

    @overload
    async def ask(
        self, payload: msgspec.Struct, /, *, timeout: float | None = 10.0
    ) -> dict[str, Any]: ...

    async def ask(
        self,
        kind: object,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = 10.0,
    ) -> dict[str, Any]:
        """Ask the peer and return the fields of its answer, without ``kind`` and ``ref``.

        ``kind`` and ``fields``, or a `Payload`, are sent as a flat message with a ``ref``; the answer is
        the message that comes back with it, of whatever kind. It is taken out of what is received
        before any queue or handler, so a handler may ask while it is at work.

        ``timeout``: seconds until the question is given up, None: never. A question that is given up,
        also because its task is cancelled, is taken back with a ``cancel``.

        Raises AskRefused for an error as the answer, AskTimeout, AskBlocked if what waits to be handled
        holds up the answer, TooManyAsks over 64 questions at once, AskFailed for a stream,
        ConnectionClosed if the peer leaves, ValueError for reserved kinds and keys.
        """
        return await self.exchange.asking.ask(kind, fields, timeout)

    def ask_stream(
        self,
        kind: object,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = 10.0,
    ) -> AsyncGenerator[dict[str, Any]]:
        """Ask as `ask` does, and yield the fields of each ``item`` of the answer until its ``end``.

        ``timeout`` is the time for each of them. A peer that is faster than the loop feels TCP. To
        leave the loop is to take the question back (at once in ``async with contextlib.aclosing``).
        Raises as `ask`, when it is iterated over.
        """
        return self.exchange.asking.ask_stream(kind, fields, timeout)
