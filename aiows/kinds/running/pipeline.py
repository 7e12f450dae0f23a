"""Takes each message with a kind to its handler, and the handler's answer back to the peer."""

from __future__ import annotations

from collections.abc import Awaitable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ...connection import InContext, first_step, protocol_of, rest_of
from ..reading.reader import Unreadable

if TYPE_CHECKING:
    from ...connection import Connection, Peer
    from ..reading.reader import Reader
    from .bad_messages import BadMessageLimit
    from .runner import Runner

__all__ = ("Pipeline",)


class Pipeline:
    """From the data of a message to the answer of its handler, or to a refusal.

    The native one does by itself what `Runner.run` does with a plain route where nothing waits, and where
    the codec is `JSON` what `Runner.reply` does with objects. ``given_as``: the NamedTuple
    of most messages that are dispatched, with a ``type`` and ``data``.
    """

    __slots__ = ("_bad_messages", "_reader", "_runner", "codec", "opcode")

    def __init__(
        self,
        reader: Reader,
        runner: Runner,
        bad_messages: BadMessageLimit,
        given_as: type[tuple[Any, ...]],
    ) -> None:
        self._reader = reader
        self._runner = runner
        self._bad_messages = bad_messages
        self.codec = reader.codec
        self.opcode = reader.codec.opcode

    def handle(
        self, ws: Peer, connection: Connection, data: str | bytes, instance: Any
    ) -> Awaitable[None] | None:
        """Handle a message in the current context; return what is left to be awaited, None if nothing is.

        No step is made of a handler that is a coroutine function, as that has to be in a task.
        """
        try:
            request = self._reader.read(data)
        except Unreadable as error:
            return self._bad_messages.refuse(ws, error, self.codec)
        if self._bad_messages.in_a_row:
            self._bad_messages.forgive(connection)
        observer = protocol_of(connection).observer
        if observer is not None:
            observer.kind_in(connection, request.kind)
        return self._runner.run(ws, request, instance, self.codec)

    def dispatch(
        self, ws: Peer, connection: Connection, msg: Any, instance: Any
    ) -> Awaitable[None] | bool:
        """Handle a message in a copy of the current context.

        Returns False for a message of the other type, TEXT or BINARY; otherwise what is left to be awaited
        in the task that has called this, True if nothing is.
        """
        if msg.type != self.opcode:
            return False
        context = copy_context()
        waiting: Any = context.run(self.handle, ws, connection, msg.data, instance)
        if waiting is None:
            return True
        has_ended, waits_for = context.run(first_step, waiting)
        if has_ended:
            return True
        rest: Any = rest_of(waiting, waits_for)
        return InContext(rest, context)
