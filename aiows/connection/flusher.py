"""When what outboxes have gathered leaves: with the read, or before the loop looks for events again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .._wire.frames import build_frame
from ..events import Observer
from .counters import Counters
from .stepper import Stepper

__all__ = ("Flusher",)


class Loop(Protocol):
    """What turns belong to, as asyncio has it."""

    def call_soon(self, callback: Callable[[], None], /) -> object: ...

    def is_closed(self) -> bool: ...

    def time(self) -> float: ...


class Gatherer(Protocol):
    """What gathers what is to leave: the outbox of one connection."""

    def let_go(self, *, is_live: bool) -> None:
        """The turn is over; ``is_live``: the loop is not closed."""

    def broke(self, error: Exception) -> None:
        """`let_go` has raised ``error``."""


class Flusher:
    """The outboxes of one loop that have something to let go of, each of them once.

    While a read is processed it is over with the read, otherwise with the turn of the loop. So a message
    waits for what runs at the same time and never for anything that takes time.

    ``stepper``: the native one stays inside a task from one message of a read to the next. It is told here of
    the end of the read; the pure one need not be.
    """

    __slots__ = (
        "_call_soon",
        "_gathering",
        "_is_closed",
        "_is_scheduled",
        "_loop",
        "_reads",
        "_said",
        "counters",
        "is_reading",
        "observer",
    )

    def __init__(
        self, loop: Loop, counters: Counters | None = None, stepper: Stepper | None = None
    ) -> None:
        self.counters = Counters() if counters is None else counters
        self.observer: Observer | None = None
        """Who is told what happens; None while nobody listens."""
        self._call_soon = loop.call_soon
        self._is_closed = loop.is_closed
        self._gathering: list[Gatherer] = []
        self._is_scheduled = False
        self._reads = 0
        self.is_reading = False
        self._loop = loop
        self._said: tuple[int, str | bytes, bytes] | None = None

    def time(self) -> float:
        """The loop's time; asked for each time, as a clock for tests takes the place of the loop's own."""
        return self._loop.time()

    def begin_read(self) -> None:
        """What is written from now on is an answer: gather it. Reads nest."""
        self._reads += 1
        self.is_reading = True

    def end_read(self) -> None:
        """The read has been processed: let everything go."""
        self._reads -= 1
        if not self._reads:
            self.is_reading = False
            if self._gathering:
                self._let_go()

    def frame_of(self, opcode: int, payload: str | bytes) -> bytes:
        """Return a message as a frame: where one object is sent to many in a row it is the same for all.

        A thousand frames of their own would wait for the end of the turn, each with a copy.
        """
        said = self._said
        if said is not None and said[1] is payload and said[0] == opcode:
            return said[2]
        data = payload.encode() if isinstance(payload, str) else payload
        frame = build_frame(opcode, data)
        if type(payload) in (str, bytes):  # what never changes, and runs no code when it goes
            self._said = opcode, payload, frame
        return frame

    def join(self, outbox: Gatherer) -> None:
        """Let ``outbox`` go when it is time."""
        self._gathering.append(outbox)
        if not self.is_reading and not self._is_scheduled:
            self._is_scheduled = True
            self._call_soon(self._end)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call it in the loop's next turn, if there will be one."""
        if not self._is_closed():
            self._call_soon(callback)

    def _end(self) -> None:
        self._is_scheduled = False
        self._let_go()

    def _let_go(self) -> None:
        self._said = None
        gathering, self._gathering = self._gathering, []
        is_live = not self._is_closed()
        for outbox in gathering:
            try:
                outbox.let_go(is_live=is_live)
            except Exception as error:
                outbox.broke(error)  # and the others do not wait for it
