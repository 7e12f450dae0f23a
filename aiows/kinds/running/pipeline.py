"""In go messages, out they go to a reader and from there to a runner: what each message with a kind takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

__all__ = ("Pipeline",)


class Codec(Protocol):
    """How answers are said."""

    @property
    def opcode(self) -> int: ...

    def encode(self, value: Any, /) -> bytes: ...


class Route(Protocol):
    """Whose messages they are. ``is_plain``: nothing but a call is needed, and an answer to it.

    ``arguments``: what that calls ``handler`` with, as expressions of ``peer``, ``message`` and
    ``instance``; None: it does more than that.
    """

    @property
    def is_plain(self) -> bool: ...

    @property
    def needs_instance(self) -> bool: ...

    @property
    def call(self) -> Callable[[Any, Any, Any], Any]: ...

    @property
    def handler(self) -> Callable[..., Any]: ...

    @property
    def arguments(self) -> tuple[str, ...] | None: ...


class Reader(Protocol):
    """What messages are, in one codec.

    ``read_at_once``: the one pass that most of them need; None: there is none. ``by_type``: the routes, by
    the types that it returns.
    """

    @property
    def codec(self) -> Codec: ...

    @property
    def read_at_once(self) -> Callable[[str | bytes], Any] | None: ...

    @property
    def by_type(self) -> Mapping[Any, Route]: ...

    def read(self, data: str | bytes, /) -> Any: ...

    def requested(self, message: Any, data: str | bytes, /) -> Any: ...

    def request_of(self, route: Any, message: Any, ref: Any, /) -> Any: ...


class Runner(Protocol):
    """What becomes of a request, and of what its handler has returned or raised; returns what waits.

    ``payload_type``: the base of typed answers, which have a ``ref`` of their own.
    """

    @property
    def payload_type(self) -> type: ...

    def reply(self, value: Any, ref: Any, codec: Any, /) -> bytes: ...

    def run(
        self, ws: Any, request: Any, instance: Any, codec: Any, *, is_in_task: bool
    ) -> Awaitable[None] | None: ...

    def returned(
        self, value: Any, ws: Any, request: Any, codec: Any, *, is_in_task: bool
    ) -> Awaitable[None] | None: ...

    def ended(self, value: Any, ws: Any, request: Any, codec: Any) -> Awaitable[None] | None: ...

    def suspended(
        self, steps: Any, waits_for: Any, ws: Any, request: Any, codec: Any
    ) -> Awaitable[None] | None: ...

    def raised(
        self, error: BaseException, ws: Any, request: Any, codec: Any
    ) -> Awaitable[None] | None: ...

    def send_late(self, ws: Any, answer: bytes, codec: Any) -> Awaitable[None] | None: ...


class BadMessageLimit(Protocol):
    """What becomes of what cannot be read. ``in_a_row``: what a good message makes up for."""

    in_a_row: dict[Any, int]

    def refuse(self, ws: Any, error: Any, codec: Any, /) -> Awaitable[None]: ...

    def forgive(self, connection: Any, /) -> None: ...


class Pipeline:
    """From the data of a message to the answer of its handler, or to a refusal.

    The native one does by itself what `Runner.run` does with a plain route where nothing waits, and where
    the codec is JSON and has ``writers`` what `Runner.reply` does with objects. Both ways return what is
    left to be awaited, None if the handler did not wait. ``given_as``: the NamedTuple of most messages that
    are dispatched, with a ``type`` and ``data``.
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
        self, ws: Any, connection: Any, data: str | bytes, instance: Any
    ) -> Awaitable[None] | None:
        """Outside of a task: no step is made of a handler that is a coroutine function."""
        return self._take(ws, connection, data, instance, is_in_task=False)

    def dispatch(self, ws: Any, connection: Any, msg: Any, instance: Any) -> Awaitable[None] | bool:
        """In the task that the handler may have: its first step is made at once.

        Returns False for a message of the other type, TEXT or BINARY; otherwise what is left to be awaited,
        True if nothing is.
        """
        if msg.type != self.opcode:
            return False
        waiting = self._take(ws, connection, msg.data, instance, is_in_task=True)
        return True if waiting is None else waiting

    def _take(
        self, ws: Any, connection: Any, data: str | bytes, instance: Any, *, is_in_task: bool
    ) -> Awaitable[None] | None:
        try:
            request = self._reader.read(data)
        except Exception as error:
            return self._bad_messages.refuse(ws, error, self.codec)
        if self._bad_messages.in_a_row:
            self._bad_messages.forgive(connection)
        return self._runner.run(ws, request, instance, self.codec, is_in_task=is_in_task)
