"""How a connection ends: what may follow what, how long each step may take, and who is told."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

import hypothesis.strategies as st
import pytest
from hypothesis import given

from aiows.connection.closing import LINGER, NEXT, OVER, TOLD, Closing, Event, State
from aiows.errors import ConnectionClosed, ProtocolError
from memory_network import SteppedLoop

CLOSE_TIMEOUT = 10.0


@pytest.mark.parametrize(
    "state", [each for each in State if each not in (State.LOST, State.FINISHED)]
)
def test_a_peer_can_be_lost_in_every_state(state: State) -> None:
    """The network asks nobody; where the application was told before, nothing is left to be done."""
    told = (State.CLOSE_SENT, State.CLOSED)
    assert NEXT[state, Event.LOSE] is (State.FINISHED if state in told else State.LOST)


@pytest.mark.parametrize(
    "order", [(Event.SEND_CLOSE, Event.RECEIVE_CLOSE), (Event.RECEIVE_CLOSE, Event.SEND_CLOSE)]
)
def test_both_closes_in_either_order_close(order: tuple[Event, Event]) -> None:
    """RFC 6455, section 7.1.4."""
    state = State.OPEN
    for event in order:
        state = NEXT[state, event]
    assert state is State.CLOSED


def test_a_close_is_sent_and_received_once() -> None:
    """There is no way to a second one, and none back from the end."""
    assert (State.CLOSE_SENT, Event.SEND_CLOSE) not in NEXT
    assert (State.CLOSE_RECEIVED, Event.RECEIVE_CLOSE) not in NEXT
    assert State.FINISHED not in [state for state, _ in NEXT]


class Ending:
    """The parts of a connection that its closing asks, with the clock in the test's hand."""

    def __init__(self) -> None:
        self.loop = SteppedLoop()
        self.told: list[str] = []
        self.raises: dict[str, Exception] = {}
        self.is_idle = False
        self.outbox = self
        self.is_open = True
        self.close_timeout = CLOSE_TIMEOUT
        self.closing = Closing(cast(Any, self))

    # the transport

    @property
    def transport(self) -> Any:
        return self

    def _do(self, what: str) -> None:
        self.told.append(what)
        if what in self.raises:
            raise self.raises[what]

    def close(self) -> None:
        self._do("close transport")

    def abort(self) -> None:
        self._do("abort")
        self.loop.call_soon(self.closing.lose, None)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._do("write eof")

    # the outbox

    def write_close(self, frame: bytes) -> None:
        self.told.append("send close")

    def finish(self) -> None:
        pass

    def fail(self, error: Exception) -> None:
        self.told.append("outbox fails")

    # the owner

    def end_began(self) -> None:
        self.told.append("begins")

    def leave(self, error: ConnectionClosed) -> None:
        self.told.append("leaves")

    def go_on(self) -> None:
        if self.is_idle:
            self.closing.finish()

    def lost(self, error: BaseException | None) -> None:
        self.told.append("lost")

    def tell(self, code: int, reason: str) -> None:
        self.told.append(f"told {code}")

    # what the test does

    def after(self, seconds: float) -> list[str]:
        self.loop.run_until_complete(self.loop.advance(seconds))
        return self.told


@pytest.fixture
def ending() -> Any:
    ending = Ending()
    yield ending
    ending.loop.close()


WRONG = ProtocolError(1002, "wrong")


def test_a_peer_that_broke_the_protocol_is_read_for_a_while(ending: Ending) -> None:
    """A socket that is closed with unread bytes is reset, and the reset overtakes the Close."""
    ending.is_idle = True
    ending.closing.fail(WRONG)
    assert ending.told == ["begins", "leaves", "send close", "write eof", "told 1002"]
    assert "close transport" not in ending.after(LINGER - 0.5)
    assert "close transport" in ending.after(1)


def test_what_came_before_an_error_is_handled_first_but_not_for_ever(ending: Ending) -> None:
    """The registry is left at once, the Close comes after what waits, or after the timeout."""
    ending.closing.fail(WRONG)
    assert ending.told == ["begins", "leaves"]
    assert "send close" not in ending.after(CLOSE_TIMEOUT - 1)
    assert ending.after(2)[2:5] == ["send close", "write eof", "told 1002"]


def test_a_peer_that_does_not_answer_is_given_up(ending: Ending) -> None:
    """So is one that does not take what we have left to write."""
    ending.closing.close(b"", 1000, "")
    assert ending.told == ["send close", "begins", "leaves", "told 1000"]
    assert "abort" in ending.after(CLOSE_TIMEOUT + 1)
    assert ending.closing.state is State.FINISHED
    assert isinstance(ending.closing.exception, TimeoutError)


def test_a_socket_that_does_not_close_is_cut_off(ending: Ending) -> None:
    """The peer reads no more, and what is left for it would stay for ever."""
    ending.closing.close(b"", 1000, "")
    ending.closing.close_received(1000, "")
    assert ending.told[-1] == "close transport"
    assert "abort" in ending.after(CLOSE_TIMEOUT + 1)


@pytest.mark.parametrize("what", ["write eof", "close transport", "abort"])
def test_a_transport_that_raises_holds_up_nothing(ending: Ending, what: str) -> None:
    """The application is told once and at once, and the rest comes as after a loss."""
    ending.raises = {what: OSError(107, "not connected")}
    ending.is_idle = True
    ending.closing.fail(WRONG)
    assert "told 1002" in ending.told
    ending.after(LINGER + CLOSE_TIMEOUT + 1)
    assert ending.told.count("told 1002") == 1
    if what != "abort":
        assert ending.closing.state is State.FINISHED


async def test_who_waits_for_the_end_is_woken_by_it() -> None:
    """Also who waits before it has begun."""
    ending = Ending()
    ending.loop.close()
    ending.loop = cast(Any, asyncio.get_running_loop())
    waiting = asyncio.ensure_future(ending.closing.handshake_done())
    await asyncio.sleep(0)
    assert not waiting.done()
    ending.closing.lose(None)
    await waiting
    await ending.closing.handshake_done()
    ending.closing.finish()


def receive_close(closing: Closing) -> None:
    """What comes after a Close, or an error, is thrown away before it gets there."""
    if closing.state in (State.OPEN, State.CLOSE_SENT):
        closing.close_received(4001, "")


DEEDS = st.sampled_from(
    ["close", "peer closes", "fail", "lose", "finish", "handled", "abort", "wait"]
)


@given(st.lists(DEEDS, max_size=12), st.booleans())
def test_whatever_happens_each_is_told_once_and_in_order(deeds: list[str], is_idle: bool) -> None:
    """Left before told; the first code wins; after the longest waits nobody waits any more."""
    ending = Ending()
    with contextlib.closing(ending.loop):
        _play(ending, deeds, is_idle=is_idle)


def _play(ending: Ending, deeds: list[str], *, is_idle: bool) -> None:
    ending.is_idle = is_idle
    closing = ending.closing
    do: dict[str, Any] = {
        "close": lambda: closing.close(b"", 4000, ""),
        "peer closes": lambda: receive_close(closing),
        "fail": lambda: closing.fail(WRONG),
        "lose": lambda: closing.lose(None),
        "finish": closing.finish,
        "handled": closing.all_handled,
        "abort": lambda: closing.abort(None),
        "wait": lambda: ending.after(3),
    }
    code: int | None = None
    for deed in deeds:
        do[deed]()
        code = closing.code if code is None else code
        assert closing.code == code
        told = [each for each in ending.told if each.startswith("told")]
        assert len(told) <= 1
        assert bool(told) == (closing.state in TOLD)
        assert ending.is_open != closing.is_closed
        assert ending.told.count("leaves") == ("begins" in ending.told)
        assert ending.told.count("lost") <= 1
        if told:
            assert ending.told.index("leaves") < ending.told.index(told[0])
    if closing.has_begun:
        ending.after(2 * CLOSE_TIMEOUT + LINGER + 1)
        assert closing.state in OVER
        assert sum(each.startswith("told") for each in ending.told) == 1
