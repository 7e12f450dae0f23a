"""`KindDispatcher`: brings each message to the handler of its kind, and answers.

A `Reader` reads a message and finds its route, a `Runner` calls the handler; a `Pipeline`
is the two in a row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from functools import cached_property, partial
from typing import Any, Final, Protocol

from aiohttp import WSMessage, WSMsgType

from ..codecs import JSON, Codec
from ..connection import Peer, protocol_of
from ..inject import Factory
from .declaring.calls import Guard, Middleware
from .declaring.contract import KindContract
from .declaring.table import KindTable
from .payload import RESERVED
from .reading.reader import Reader, Unreadable
from .reading.refusals import wrong_message_type
from .running import Pipeline
from .running.bad_messages import BadMessageLimit
from .running.runner import Runner
from .system import MaySubscribe, system_kinds

__all__ = ("KindDispatcher",)

MESSAGES: Final = (WSMsgType.TEXT, WSMsgType.BINARY)


class _Messages(Peer, Protocol):
    """A face that is iterated over."""

    def __aiter__(self) -> AsyncIterator[WSMessage]: ...


class KindDispatcher(KindTable):
    """Brings each message to the handler of its kind, checked and converted, and answers.

    ``payload_key``: None (the default) for flat messages, ``{"kind": ..., "value": 40}``, or the
    key under which the fields lie, ``{"kind": ..., "payload": {"value": 40}}``; replies are alike.

    ``max_bad_messages``: so many messages in a row that no handler could take close the connection
    with 1008 (default 20; 0: never). Stops a peer that makes us write errors for ever.

    ``codecs``: what messages may be in (`aiows.codecs`; default: JSON alone). A connection's own is used,
    or the first of these if its own is none of them; messages of the other type, TEXT or BINARY, have no
    kind there. Give them to the connection, too: ``WebSocketResponse(codecs=kinds.codecs)``.

    ``in_flight``: so many handlers of one connection may wait at once (default 16), without those that
    wait for the peer's answer in `Connection.ask`; what comes then is read later. Stops a peer that makes
    handlers pile up.

    ``timeout``: seconds that a handler may take where its kind says nothing else (default None: any);
    then it is cancelled, and the answer is the error ``timeout``. For a stream it is the time to each item.

    ``middleware`` and ``guards`` stand around every handler, outside of those of its kind; guards come
    first. See `Guard` and `Middleware`. ``dependencies`` are factories, or `use` of one: a parameter of a
    handler that is registered here gets its value by the class that the factory says it returns.

    ``may_subscribe``: ``may_subscribe(ws, topic)``, plain or ``async``, is True if a client may have that
    declared topic. With it clients can join topics, see ``aiows.kinds.system``; None (the default): they
    cannot. It is not used where this dispatcher is included in another one.

    Handlers can be added at any time. Raises ValueError for options that cannot be.
    """

    def __init__(
        self,
        *,
        payload_key: str | None = None,
        max_bad_messages: int = 20,
        codecs: Iterable[Codec] = (JSON,),
        in_flight: int = 16,
        timeout: float | None = None,
        middleware: Iterable[Middleware] = (),
        guards: Iterable[Guard] = (),
        dependencies: Iterable[Factory] = (),
        may_subscribe: MaySubscribe | None = None,
    ) -> None:
        middleware, guards = tuple(middleware), tuple(guards)
        super().__init__(
            middleware=middleware, guards=guards, dependencies=dependencies, timeout=timeout
        )
        if payload_key is not None and (not payload_key or payload_key in RESERVED):
            raise ValueError(f"payload_key cannot be {payload_key!r}")
        if max_bad_messages < 0:
            raise ValueError("max_bad_messages is 0 (no limit) or more")
        self._payload_key = payload_key
        self._runner = Runner(payload_key=payload_key, in_flight=in_flight)
        self._bad_messages = BadMessageLimit(max_bad_messages)
        self.codecs = _checked(codecs)
        self._pipelines: dict[Codec, Pipeline] = {}
        self._has_topics = may_subscribe is not None
        self._make_system = partial(system_kinds, self._handled_once)
        if may_subscribe is not None:  # otherwise there is nothing to guard
            self._make_system = partial(
                self._make_system,
                may_subscribe,
                middleware=middleware,
                guards=guards,
                timeout=timeout,
            )
        self._once: tuple[str, ...] | None = None

    @property
    def payload_key(self) -> str | None:
        """The key under which the fields lie; None: beside the kind."""
        return self._payload_key

    async def serve(self, ws: _Messages, *, instance: Any = None) -> None:
        """Dispatch every message until the connection ends, and wait for the handlers that still run.

        TEXT on a connection whose codec is binary, or BINARY where it is not, gets an error reply.
        """
        async for msg in ws:
            if not await self.dispatch(ws, msg, instance=instance) and msg.type in MESSAGES:
                await self.refuse_type(ws)
        in_flight = protocol_of(ws.connection).in_flight
        if in_flight is not None:
            await in_flight.settle(None)

    async def refuse_type(self, ws: Peer) -> None:
        """Answer a message that is BINARY where the connection's codec is text, or TEXT where it is not."""
        codec = self._spoken(ws.connection.codec)
        await self._bad_messages.refuse(ws, Unreadable(wrong_message_type(codec)), codec)

    async def dispatch(self, ws: Peer, msg: WSMessage, instance: Any = None) -> bool:
        """Bring one message to its handler and answer it; False if it is none with a kind.

        TEXT is one where the connection's codec is text, BINARY where it is not.

        Returns when the handler has, or where messages of its kind may overlap when it was started;
        before that it waits while ``in_flight`` handlers wait already. Raises what is not an
        `Exception` (a cancellation), and TypeError if a handler registered with ``method=True`` gets
        no ``instance``; all else is answered and logged.

        The handler runs in the caller's task, and in a copy of its context: what it sets, nobody else sees.
        """
        connection = ws.connection
        pipeline = self._pipelines.get(connection.codec) or self.pipeline(connection.codec)
        outcome = pipeline.dispatch(ws, connection, msg, instance)
        if outcome is True or outcome is False:
            return outcome
        await outcome
        return True

    def pipeline(self, codec: Codec) -> Pipeline:
        """Return what takes the messages of connections that speak ``codec``, with the handlers of now."""
        try:
            return self._pipelines[codec]
        except KeyError:
            return self._make_pipeline(codec)

    def contracts(self) -> tuple[KindContract, ...]:
        """Return what was declared; the kinds of aiows itself are in it where clients can join topics."""
        declared = super().contracts()
        return (*declared, *self._system.contracts()) if self._has_topics else declared

    def _changed(self) -> None:
        super()._changed()
        self._pipelines.clear()
        self._once = None

    @cached_property
    def _system(self) -> KindTable:
        """The kinds of aiows itself, made when they are first needed: each has a type of its own."""
        return self._make_system()

    def _handled_once(self) -> tuple[str, ...]:
        if self._once is None:
            routes = self._tree.routes()
            self._once = tuple(kind for kind, route in routes.items() if route.once)
        return self._once

    def _make_pipeline(self, codec: Codec) -> Pipeline:
        pipeline = self._pipelines[codec] = Pipeline(
            self._make_reader(codec),
            self._runner,
            self._bad_messages,
            WSMessage,
        )
        return pipeline

    def _make_reader(self, codec: Codec) -> Reader:
        routes = self._routes_beside(self._system)
        return Reader(routes, self._tree.fallback(), self._payload_key, self._spoken(codec))

    def _spoken(self, codec: Codec) -> Codec:
        return codec if codec in self.codecs else self.codecs[0]


def _checked(codecs: Iterable[Codec]) -> tuple[Codec, ...]:
    """Return ``codecs``. Raises ValueError for none, for others, and for two that nobody can tell apart."""
    checked = tuple(codecs)
    if not checked or not all(isinstance(each, Codec) for each in checked):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"codecs= takes at least one codec, not {checked!r}")
    if len({each.subprotocol for each in checked}) < len(checked):
        raise ValueError(f"codecs= takes one codec for each subprotocol, not {checked!r}")
    return checked
