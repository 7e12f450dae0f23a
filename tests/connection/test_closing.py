"""The table of a connection's life."""

from __future__ import annotations

import pytest

from aiows.connection.closing import NEXT, Event, State


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
    """There is no way to a second one."""
    assert (State.CLOSE_SENT, Event.SEND_CLOSE) not in NEXT
    assert (State.CLOSE_RECEIVED, Event.RECEIVE_CLOSE) not in NEXT
    assert [state for state, _ in NEXT].count(State.LOST) == 1
    assert State.FINISHED not in [state for state, _ in NEXT]
