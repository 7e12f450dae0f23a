"""Calls the handler of a request and answers for it: one after the other, or beside each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Hashable
from contextlib import suppress
from types import AsyncGeneratorType, CoroutineType
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

from msgspec import structs

from ...codecs import Codec
from ...connection import (
    Connection,
    Peer,
    PreparedMessage,
    Stopped,
    Work,
    gone_on,
    is_cancelled,
    protocol_of,
    run_cancellable,
)
from ...errors import ConnectionClosed, KindError
from ...inject import refusal
from ...send_status import SendStatus
from ...wire_form import END, ERROR, REPLY, kind_of
from ..concurrency import Latest
from ..declaring.calls import Caller
from ..payload import Payload, Ref
from ..reading.reader import Request
from ..reading.refusals import INTERNAL, missing_ref, quote, ref_in_use, superseded, taken_back
from .once import claim, is_named
from .replies import end, error_reply, item, reply
from .scheduling import SUPERSEDED, Groups, key_of
from .streams import send_items
from .timeouts import within

__all__ = ("Runner", "answer_to_error", "send")

logger: Final = logging.getLogger("aiows.kinds")

# What is answered when a handler raises it. A cancellation that is not its task's is what it awaited.
FAILURES: Final = (Exception, asyncio.CancelledError)

# Members of an enum are looked up by way of its class, for each message.
DROPPED: Final = SendStatus.DROPPED


class Runner:
    """Runs the handlers of one dispatcher, and answers.

    ``in_flight``: so many handlers of one connection may wait at once. Raises ValueError for less than 1.
    """

    payload_type: type = Payload

    def __init__(self, *, payload_key: str | None, in_flight: int) -> None:
        if in_flight < 1:
            raise ValueError(f"in_flight is 1 or more, not {in_flight!r}")
        self._payload_key = payload_key
        self._in_flight = in_flight
        self._groups: WeakKeyDictionary[Connection, Groups] = WeakKeyDictionary()

    def run(
        self, ws: Peer, request: Request, instance: Any, codec: Codec
    ) -> Awaitable[None] | None:
        """Handle ``request``, or start that where messages of its kind may overlap.

        Returns what is left to be awaited, None if nothing is. Of a handler that is a coroutine function no
        step is made before: its first line may need a task already.
        """
        route, flight = request.route, protocol_of(ws.connection).in_flight
        if instance is None and route.needs_instance:
            raise refusal(route.plan.function, "registered with method=True: needs instance=")
        if not route.is_in_order or route.once or (flight is not None and not flight.is_empty):
            return self._run_among_others(ws, request, instance, codec)
        try:
            value: Any = route.call(ws, request.message, instance)
        except BaseException as error:
            return self.raised(error, ws, request, codec)
        return self.returned(value, ws, request, codec)

    # what a handler that was called has led to

    def returned(
        self, value: Any, ws: Peer, request: Request, codec: Codec
    ) -> Awaitable[None] | None:
        """Go on with what a handler returned; if that is nothing to wait for, answer with it."""
        if value.__class__ is SendStatus:  # may be awaited, and says nothing new
            return self._answer_with(value, ws, request, codec)
        if hasattr(value, "__await__") or value.__class__ is AsyncGeneratorType:
            return self._answer(self._finished(value, ws, request), ws, request, codec)
        return self._answer_with(value, ws, request, codec)

    def ended(self, value: Any, ws: Peer, request: Request, codec: Codec) -> Awaitable[None] | None:
        """Answer with what a coroutine has ended with; a stream is one, too."""
        if isinstance(value, AsyncGeneratorType):
            return self._answer(self._finished(value, ws, request), ws, request, codec)
        return self._answer_with(value, ws, request, codec)

    def raised(
        self, error: BaseException, ws: Peer, request: Request, codec: Codec
    ) -> Awaitable[None]:
        """Answer to what a handler raised. Raises it if it is none of `FAILURES`."""
        if not isinstance(error, FAILURES):
            raise error
        return _send_failure(ws, error, request, codec)

    def suspended(
        self,
        steps: CoroutineType[Any, Any, Any],
        waits_for: Any,
        ws: Peer,
        request: Request,
        codec: Codec,
    ) -> Awaitable[None]:
        """Go on with a handler whose first step has led to ``waits_for``."""
        gone_on_with = gone_on(steps, waits_for, protocol_of(ws.connection), request.ref)
        return self._answer(gone_on_with, ws, request, codec)

    def reply(self, value: Any, ref: Ref, codec: Codec) -> bytes:
        """Return the answer with what a handler returned. Raises what `reply` of `replies` does."""
        return reply(value, ref, self._payload_key, codec)

    def send_late(self, ws: Peer, answer: bytes, codec: Codec) -> Awaitable[None]:
        """Send an answer that there was no room for."""
        return _send_late(ws.connection, answer, codec)

    # how it is done

    def _answer_with(
        self, value: Any, ws: Peer, request: Request, codec: Codec
    ) -> Awaitable[None] | None:
        """Answer with what the handler has returned."""
        if request.ref is None:
            return None
        try:
            answer = self.reply(value, request.ref, codec)
        except Exception as error:
            return _send_error(ws, error, request, codec)
        if request.claim is not None:
            request.claim.settle(answer, codec)
        self.replied(ws.connection, value)
        if protocol_of(ws.connection).outbox.try_push(codec.opcode, answer) is DROPPED:
            return self.send_late(ws, answer, codec)
        return None

    def replied(self, connection: Connection, value: Any) -> None:
        """Tell who observes of the answer with what a handler has returned."""
        kind = kind_of(value) if isinstance(value, Payload) else REPLY
        protocol_of(connection).kind_sent(kind or REPLY)

    async def _run_among_others(
        self, ws: Peer, request: Request, instance: Any, codec: Codec
    ) -> None:
        """Wait while too many handlers wait: what comes then stays in the inbox, and reading pauses."""
        flight = protocol_of(ws.connection).exchange.in_flight
        await flight.room(self._in_flight)
        if flight.was_called_off(request.ref):
            return
        if flight.has(request.ref) and not isinstance(request.route.concurrency, Latest):
            await _send_error(ws, ref_in_use(request.ref), request, codec)
            return
        if request.route.once and is_named(request.ref):
            await self._run_once(ws, request, instance, codec)
        else:
            await self._run(request.route.call, ws, request, instance, codec)

    async def _run_once(self, ws: Peer, request: Request, instance: Any, codec: Codec) -> None:
        """Handle a request that was not sent before; else send the answer that it has got."""
        try:
            await self._called(request.route.admit, ws, request, instance)
            claimed = await claim(ws, request)
        except FAILURES as error:
            await _send_failure(ws, error, request, codec)
            return
        if isinstance(claimed, PreparedMessage):
            spoken = claimed.spoken_in(codec)
            assert spoken is not None
            await send(ws, spoken.payload, codec, REPLY)
            return
        request = structs.replace(request, claim=claimed)
        await self._run(request.route.enter, ws, request, instance, codec)

    async def _run(
        self, call: Caller, ws: Peer, request: Request, instance: Any, codec: Codec
    ) -> None:
        if request.route.is_in_order:
            called = self._called(call, ws, request, instance)
            await self._answer(called, ws, request, codec)
        else:
            await self._begin(call, ws, request, instance, codec)

    async def _called(
        self, call: Caller, ws: Peer, request: Request, instance: Any, work: Work | None = None
    ) -> Any:
        """Call what is around the handler, or a part of it; ``work``: in a task of its own."""
        value = call(ws, request.message, instance)
        return await self._finished(value, ws, request, work)

    async def _finished(
        self, value: Any, ws: Peer, request: Request, work: Work | None = None
    ) -> Any:
        """Await what a handler returned, if it can be, within the time that it may take."""
        if not hasattr(value, "__await__"):
            return value
        if (limit := request.route.timeout) is not None:
            value = within(limit, value)
        if request.ref is not None and work is None:
            protocol, is_once = protocol_of(ws.connection), request.claim is not None
            value = run_cancellable(value, protocol, request.ref, is_once=is_once)
        return await value

    async def _answer(
        self,
        called: Awaitable[Any],
        ws: Peer,
        request: Request,
        codec: Codec,
        work: Work | None = None,
    ) -> None:
        """Answer with what the handler returns or raises."""
        try:
            value = await called
            if isinstance(value, AsyncGeneratorType):
                await self._stream(cast("Any", value), ws, request, codec, work)
                return
        except FAILURES as error:
            if work is not None and is_cancelled(error):
                raise  # `Work` knows whether it was told to stop
            await _send_failure(ws, error, request, codec)
            return
        waiting = self._answer_with(value, ws, request, codec)
        if waiting is not None:
            await waiting

    async def _stream(
        self,
        items: AsyncGenerator[Any, Any],
        ws: Peer,
        request: Request,
        codec: Codec,
        work: Work | None,
    ) -> None:
        """Send the items of a stream, and what ends it."""
        ref = request.ref
        if ref is None:
            raise missing_ref(request.kind)
        if request.claim is not None:
            await items.aclose()
            raise TypeError("a request that is handled once has one answer, not a stream")
        sending = send_items(
            ws.connection,
            items,
            message_of=lambda value: PreparedMessage(
                item(value, ref, self._payload_key, codec), codec.opcode
            ),
            timeout=request.route.timeout,
        )
        if work is None:
            await run_cancellable(sending, protocol_of(ws.connection), ref, is_stream=True)
        else:
            work.become_stream()
            await sending
        await send(ws, end(ref, codec), codec, END)

    async def _begin(
        self, call: Caller, ws: Peer, request: Request, instance: Any, codec: Codec
    ) -> None:
        """Start the handler beside others; it makes its first step at once if it is its turn."""
        try:
            key = (request.kind, key_of(request.route.concurrency, request.message))
            hash(key)
        except Exception as error:
            await _send_error(ws, error, request, codec)
            return
        flight = protocol_of(ws.connection).exchange.in_flight
        work = Work(flight, request.ref, is_once=request.claim is not None)
        work.start(self._handle_beside(key, call, ws, request, instance, codec, work))

    async def _handle_beside(
        self,
        key: Hashable,
        call: Caller,
        ws: Peer,
        request: Request,
        instance: Any,
        codec: Codec,
        work: Work,
    ) -> None:
        groups = self._groups.setdefault(ws.connection, Groups())
        route = request.route
        try:
            with work, groups.entered(key, route.concurrency, work) as group:
                if isinstance(route.concurrency, Latest):  # what a guard refuses replaces nothing
                    if call is route.call:
                        await self._called(route.admit, ws, request, instance, work)
                    group.supersede_before(work)
                    call = route.enter
                async with group.slots:
                    called = self._called(call, ws, request, instance, work)
                    await self._answer(called, ws, request, codec, work)
        except FAILURES as error:
            await _send_failure(ws, error, request, codec)


def _send_failure(
    ws: Peer, error: BaseException, request: Request, codec: Codec
) -> Awaitable[None]:
    """Answer to what a handler raised; a cancellation of the task itself passes, for who waits for it."""
    if is_cancelled(error):
        if request.claim is not None:  # it may have done half
            request.claim.settle(error_reply(INTERNAL, request.ref, codec), codec)
        raise error
    return _send_error(ws, error, request, codec)


async def _send_error(ws: Peer, error: BaseException, request: Request, codec: Codec) -> None:
    answer = answer_to_error(ws, error, request.kind, request.ref, codec)
    if request.claim is not None:
        kept = error_reply(_unanswered(error), request.ref, codec) if answer is None else answer
        request.claim.settle(kept, codec)
    if answer is not None:
        await send(ws, answer, codec, ERROR)


def _unanswered(error: BaseException) -> KindError:
    """Return what is kept of a request to which nothing was answered."""
    return taken_back() if isinstance(error, Stopped) else INTERNAL


def answer_to_error(
    ws: Peer, error: BaseException, kind: str | None, ref: Ref, codec: Codec
) -> bytes | None:
    """Return the answer to what was raised, None if nobody waits for one.

    All but a `KindError` is for the log, not the peer.
    """
    protocol = protocol_of(ws.connection)
    if protocol.is_departure(error):
        logger.debug("%r ended while a handler was at work", ws.connection, exc_info=error)
        return None
    if isinstance(error, Stopped):
        is_awaited = error.reason is SUPERSEDED and ref is not None
        return error_reply(superseded(), ref, codec) if is_awaited else None
    if isinstance(error, KindError):
        if error.silent and ref is None:
            return None
        try:
            return error_reply(error, ref, codec)
        except Exception as unsayable:  # its details are not for the codec
            error = unsayable
    protocol.failed_in(f"the handler of kind {quote(kind)}", error, logger, kind=kind)
    return error_reply(INTERNAL, ref, codec)


async def send(ws: Peer, answer: bytes, codec: Codec, kind: str) -> None:
    """Send at once, or when there is room; not at all once the connection is closed."""
    protocol_of(ws.connection).kind_sent(kind)
    if protocol_of(ws.connection).outbox.try_push(codec.opcode, answer) is DROPPED:
        await _send_late(ws.connection, answer, codec)


async def _send_late(connection: Connection, answer: bytes, codec: Codec) -> None:
    """Send what there was no room for; not at all once the connection is closed."""
    with suppress(ConnectionClosed):
        await protocol_of(connection).send_message(PreparedMessage(answer, codec.opcode))
