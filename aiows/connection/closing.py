"""How a connection ends: what may follow what, who is told, and how long each step may take.

A connection that lives has no `Closing`. One is made when the end begins, or when somebody waits for it.

::

                 SEND_CLOSE                    RECEIVE_CLOSE
        OPEN ───────────────► CLOSE_SENT ──────────────────► CLOSED
          │                       ▲  │ LOSE                   ▲ │ LOSE
          │ FAIL       SEND_CLOSE │  └───────► FINISHED ◄─────┼─┘
          ├──────────► FAILED ────┘               ▲           │
          │               │ LOSE                  │ FINISH    │
          │ LOSE          └──────────► LOST ──────┘           │
          ├──────────────────────────► LOST                   │
          │ RECEIVE_CLOSE                          SEND_CLOSE │
          └──────────► CLOSE_RECEIVED ────────────────────────┘
                              │ LOSE
                              └──────► LOST

RFC 6455, section 7.1: a side that has sent its Close sends nothing more; a side that has seen both Close
frames is closed; the TCP connection goes last. In FAILED (the peer broke the protocol), CLOSE_RECEIVED and
LOST the application still handles what came before; in CLOSE_SENT, CLOSED and FINISHED it has been told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final, Protocol

from .._wire import Opcode, build_close, build_frame
from ..errors import ConnectionClosed, ProtocolError

__all__ = ("NEXT", "Closing", "Event", "State")

logger: Final = logging.getLogger("aiows.connection")

NO_STATUS: Final = 1005  # RFC 6455, section 7.1.5: the Close frame carried no code
ABNORMAL: Final = 1006  # the connection went without a Close frame

# After a protocol error the peer may still be sending. Closing at once would reset the TCP connection, and
# our Close with its reason would be lost. For so many seconds what comes is read and thrown away.
LINGER: Final = 2.0


class State(Enum):
    """How far the end is."""

    OPEN = auto()
    FAILED = auto()
    CLOSE_SENT = auto()
    CLOSE_RECEIVED = auto()
    CLOSED = auto()
    LOST = auto()
    FINISHED = auto()


class Event(Enum):
    """What moves it on."""

    SEND_CLOSE = auto()
    RECEIVE_CLOSE = auto()
    FAIL = auto()
    LOSE = auto()
    FINISH = auto()


NEXT: Final[dict[tuple[State, Event], State]] = {
    (State.OPEN, Event.SEND_CLOSE): State.CLOSE_SENT,
    (State.OPEN, Event.RECEIVE_CLOSE): State.CLOSE_RECEIVED,
    (State.OPEN, Event.FAIL): State.FAILED,
    (State.OPEN, Event.LOSE): State.LOST,
    (State.FAILED, Event.SEND_CLOSE): State.CLOSE_SENT,
    (State.FAILED, Event.LOSE): State.LOST,
    (State.CLOSE_SENT, Event.RECEIVE_CLOSE): State.CLOSED,
    (State.CLOSE_SENT, Event.LOSE): State.FINISHED,
    (State.CLOSE_RECEIVED, Event.SEND_CLOSE): State.CLOSED,
    (State.CLOSE_RECEIVED, Event.LOSE): State.LOST,
    (State.CLOSED, Event.LOSE): State.FINISHED,
    (State.LOST, Event.FINISH): State.FINISHED,
}

# Where messages may still be sent (RFC 6455, section 5.5.1: not after our Close).
SENDING: Final = frozenset({State.OPEN, State.FAILED, State.CLOSE_RECEIVED})

# Where the application knows.
TOLD: Final = frozenset({State.CLOSE_SENT, State.CLOSED, State.FINISHED})

# Where both Close frames have passed, or the TCP connection is gone.
OVER: Final = frozenset({State.CLOSED, State.LOST, State.FINISHED})


class Outgoing(Protocol):
    """The outbox of the connection."""

    is_open: bool

    def write_close(self, frame: bytes) -> None: ...

    def finish(self) -> None: ...

    def fail(self, error: Exception) -> None: ...


class Owner(Protocol):
    """The connection that ends."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    @property
    def transport(self) -> asyncio.Transport: ...

    @property
    def outbox(self) -> Outgoing: ...

    @property
    def close_timeout(self) -> float: ...

    def end_began(self) -> None:
        """Give out no more messages but those that came before."""

    def leave(self, error: ConnectionClosed) -> None:
        """Leave the users and topics, and whatever else it is a member of. Called once."""

    def go_on(self) -> None:
        """Handle what came before; call `Closing.finish` if that is nothing."""

    def lost(self, error: BaseException | None) -> None:
        """The TCP connection is gone."""

    def tell(self, code: int, reason: str) -> None:
        """Tell the application that it is over. Called once, and nothing is given out afterwards."""


class Closing:
    """The end of one connection. The first close code wins, whoever gave it."""

    __slots__ = (
        "_deadline",
        "_done",
        "_has_left",
        "_is_leaving",
        "_is_to_tell",
        "_owner",
        "code",
        "exception",
        "failure",
        "first_event",
        "is_aborted",
        "is_cut",
        "is_drained",
        "reason",
        "state",
        "was_clean",
    )

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._deadline: asyncio.TimerHandle | None = None
        self._done: asyncio.Future[None] | None = None
        self._has_left = self._is_leaving = self._is_to_tell = False
        self.state = State.OPEN
        self.first_event: Event | None = None
        """With what the end has begun; None while it has not."""
        self.code: int | None = None
        self.reason = ""
        self.exception: BaseException | None = None
        """What it ended with; None for a clean end."""
        self.failure: Exception | None = None
        """What the peer did wrong: it broke the protocol, or fell silent."""
        self.is_drained = False
        """What comes from now on is not handled any more: our Close is about to be sent."""
        self.is_cut = False
        """It was lost while messages could be sent."""
        self.is_aborted = False
        """The application has dropped the connection."""
        self.was_clean = False
        """Both Close frames have passed."""

    @property
    def has_begun(self) -> bool:
        """Whether the peer will say no more, or what it says is thrown away."""
        return self.state is not State.OPEN

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.state not in SENDING

    @property
    def is_told(self) -> bool:
        """Whether the application has been told, or is just being told."""
        return self.state in TOLD

    @property
    def has_peer_left(self) -> bool:
        """Whether the peer has begun the end, or was lost before we closed."""
        return self.first_event not in (None, Event.SEND_CLOSE)

    @property
    def is_over(self) -> bool:
        """Whether both Close frames have passed, or the TCP connection is gone."""
        return self.state in OVER

    @property
    def is_sent(self) -> bool:
        """Whether our Close is out and the peer's has not come."""
        return self.state is State.CLOSE_SENT

    @property
    def is_answerable(self) -> bool:
        """Whether the peer's Close has come, and ours is not out."""
        return self.state is State.CLOSE_RECEIVED

    @property
    def is_lost(self) -> bool:
        """Whether the TCP connection is gone."""
        return self.state in (State.LOST, State.FINISHED)

    def is_next(self, waiting: int) -> bool:
        """Whether nothing is left to be handled but the end, where so many messages wait."""
        if self.state is State.CLOSE_RECEIVED:
            return waiting <= 1  # the Close itself
        return not waiting and self.state in (State.LOST, State.FAILED)

    def error(self) -> ConnectionClosed:
        """The error of whoever sends now."""
        return ConnectionClosed(self.code, self.reason)

    # what our side does

    def close(self, payload: bytes, code: int, reason: str) -> None:
        """Send a Close, and tell the application; where the peer is lost, let the end come now."""
        if self.is_closed:
            if not self._is_leaving:
                self.all_handled()
            return
        self._send_close(payload, code, reason)

    def finish(self) -> None:
        """What came before has been handled, or has had its time: let the end come now."""
        if self.state is State.LOST:
            self._clear_deadline()
            self._step(Event.FINISH)
            self._tell()
        elif self.state is State.FAILED:
            self._send_failure()
        else:
            self.answer_close()

    def all_handled(self) -> None:
        """Nothing waits any more: if there is an end that nobody reads, it comes now."""
        if self.state in (State.LOST, State.FAILED):
            self.finish()

    def answer_close(self) -> None:
        """Answer the peer's Close with its own code, once (RFC 6455, section 5.5.1)."""
        if not self.is_answerable:
            return
        assert self.code is not None
        payload = b"" if self.code == NO_STATUS else build_close(self.code, self.reason)
        self._send_close(payload, self.code, self.reason)

    def abort(self, error: BaseException | None) -> None:
        """Drop the TCP connection without a word."""
        self._cut_off()
        self.lose(error)

    def hang_up(self) -> None:
        """Close the TCP connection once everything is written; a peer that does not read is cut off."""
        self._set_deadline(self._owner.close_timeout, self._cut_off)
        self._owner.outbox.finish()
        self._on_transport(self._owner.transport.close)

    def _cut_off(self) -> None:
        self._on_transport(self._owner.transport.abort)

    # what the peer did

    def close_received(self, code: int, reason: str) -> None:
        """The peer's Close has come; its answer waits until what came before is handled."""
        if self.is_over:
            return
        self._note(code, reason)
        self._step(Event.RECEIVE_CLOSE)
        if not self.is_answerable:
            self.hang_up()
            return
        self._set_deadline(self._owner.close_timeout, self.answer_close)
        self._leave()

    def fail(self, error: ProtocolError) -> None:
        """The peer broke the protocol; our Close waits until what came before is handled."""
        if self.is_over:
            return
        self.exception = error
        if self.is_sent:
            self.hang_up()
        if self.has_begun:
            return
        self.failure = error
        self._step(Event.FAIL)
        self._set_deadline(self._owner.close_timeout, self.finish)
        self._leave()
        self._owner.go_on()

    def lose(self, error: BaseException | None) -> None:
        """The TCP connection is gone; what came before is still handled."""
        if self.is_lost:
            return
        self.is_cut = not self.is_closed
        self._note(ABNORMAL, "")
        closed = self.error()
        if not self.was_clean:
            self.exception = self.exception or error or closed
        self._step(Event.LOSE)
        self._owner.outbox.fail(closed)
        self._leave()
        if self.is_told:
            self._clear_deadline()
        else:
            self._set_deadline(self._owner.close_timeout, self.finish)
            self._owner.go_on()
        self._owner.lost(error)

    # waiting for it

    async def handshake_done(self) -> None:
        """Wait until both Close frames have passed, or the peer is lost."""
        if self.is_over:
            return
        if self._done is None:
            self._done = self._owner.loop.create_future()
        await asyncio.shield(self._done)

    # how it is done

    def _send_failure(self) -> None:
        """Tell the peer what it did wrong, and close (RFC 6455, section 7.1.7)."""
        error = self.failure
        assert isinstance(error, ProtocolError)
        self._send_close(build_close(error.code, error.text), error.code, error.text)

    def _linger(self) -> None:
        """No answer is read of a peer that broke the protocol: it gets our Close, and some time for that."""
        self._set_deadline(min(LINGER, self._owner.close_timeout), self.hang_up)
        self._owner.outbox.finish()
        self._on_transport(self._end_writing)

    def _end_writing(self) -> None:
        if self._owner.transport.can_write_eof():
            self._owner.transport.write_eof()

    def _send_close(self, payload: bytes, code: int, reason: str) -> None:
        has_failed = self.state is State.FAILED
        self._note(code, reason)
        self._owner.outbox.write_close(build_frame(Opcode.CLOSE, payload))
        self._step(Event.SEND_CLOSE)
        if self.state is State.CLOSED:
            self.hang_up()
        elif has_failed:
            self._linger()
        else:
            self._set_deadline(self._owner.close_timeout, self._give_up_on_close)
        self._leave()
        self._tell()

    def _give_up_on_close(self) -> None:
        """The peer did not answer our Close in time."""
        seconds = self._owner.close_timeout
        self.abort(TimeoutError(f"no answer to Close after {seconds} seconds"))

    def _on_transport(self, call: Callable[[], None]) -> None:
        """Have the transport do something; where it cannot any more the peer is lost."""
        try:
            call()
        except Exception as error:
            logger.debug("the transport of %r raised", self._owner, exc_info=error)
            self._owner.loop.call_soon(self.lose, error)

    def _note(self, code: int, reason: str) -> None:
        if self.code is None:
            self.code = code
            self.reason = reason

    def _step(self, event: Event) -> None:
        self.state = NEXT[self.state, event]
        if self.first_event is None:
            self.first_event = event
            self._owner.end_began()
        self._owner.outbox.is_open = not self.is_closed
        self.was_clean = self.was_clean or self.state is State.CLOSED
        if self._done is not None and self.is_over and not self._done.done():
            self._done.set_result(None)

    def _leave(self) -> None:
        if self._has_left:
            return
        self._has_left = self._is_leaving = True
        self._owner.leave(self.error())
        self._is_leaving = False
        if self._is_to_tell:
            self._tell()

    def _tell(self) -> None:
        """Tell the application; a callback of those who leave may have ended it: then after the others."""
        self._is_to_tell = self._is_leaving
        if self._is_leaving:
            return
        assert self.code is not None
        self._owner.tell(self.code, self.reason)

    def _set_deadline(self, seconds: float, callback: Callable[..., Any]) -> None:
        self._clear_deadline()
        self._deadline = self._owner.loop.call_later(seconds, callback)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
