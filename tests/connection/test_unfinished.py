"""Messages that have begun and not ended: what all of them may hold, and how long each may take."""

from __future__ import annotations

import asyncio
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from aiows.connection import unfinished as module
from aiows.connection.unfinished import (
    LEAST_GROWTH,
    LONGEST_STALL,
    MOST_UNFINISHED,
    Unfinished,
)
from memory_network import SteppedLoop


class Holder:
    """A connection that holds a message."""

    def __init__(self) -> None:
        self.is_deaf = False
        self.longest_stall = LONGEST_STALL
        self.reasons: list[str] = []

    def give_up_message(self, reason: str) -> None:
        self.reasons.append(reason)


def test_those_that_are_too_large_together_go_the_oldest_first() -> None:
    """Each of them is below the limit of its own connection."""
    unfinished = Unfinished(asyncio.new_event_loop())
    unfinished._loop.close()
    unfinished._look_at = lambda due: None  # type: ignore[method-assign]
    holders = [Holder() for _ in range(5)]
    for holder in holders:
        unfinished.changed(holder, MOST_UNFINISHED // 4)
    assert [bool(holder.reasons) for holder in holders] == [True, False, False, False, False]
    assert "memory" in holders[0].reasons[0]
    unfinished.changed(holders[1], MOST_UNFINISHED)
    assert [bool(holder.reasons) for holder in holders] == [True, False, True, True, True]
    assert unfinished.total == MOST_UNFINISHED


def test_one_that_is_alone_may_be_as_large_as_its_connection_allows() -> None:
    """A server of large uploads sets max_msg_size, and no second limit."""
    unfinished = Unfinished(asyncio.new_event_loop())
    unfinished._loop.close()
    unfinished._look_at = lambda due: None  # type: ignore[method-assign]
    holder = Holder()
    unfinished.changed(holder, 10 * MOST_UNFINISHED)
    assert not holder.reasons


@pytest.fixture
def loop() -> Any:
    loop = SteppedLoop()
    yield loop
    loop.close()


def test_one_that_does_not_grow_is_given_up(loop: SteppedLoop) -> None:
    """A byte now and then is no growth; one that arrives as fast as a modem brings it goes on."""
    unfinished = Unfinished(loop)
    still, steady, deaf = Holder(), Holder(), Holder()
    deaf.is_deaf = True
    for holder in (still, steady, deaf):
        unfinished.changed(holder, 1)

    async def wait() -> None:
        size = 1
        for _ in range(4):
            await loop.advance(LONGEST_STALL / 2)
            size += int(LEAST_GROWTH * LONGEST_STALL)
            unfinished.changed(steady, size)
            if not still.reasons:
                unfinished.changed(still, size // 10_000 + 2)

    loop.run_until_complete(wait())
    assert [bool(holder.reasons) for holder in (still, steady, deaf)] == [True, False, False]
    assert "time" in still.reasons[0]


def test_nothing_is_looked_at_where_nothing_is_unfinished(loop: SteppedLoop) -> None:
    """The timer goes with the last message."""
    unfinished = Unfinished(loop)
    holder = Holder()
    timers: list[bool] = []
    for size in (5, 0, 0):
        unfinished.changed(holder, size)
        timers.append(unfinished._timer is not None)
    assert timers == [True, False, False]
    assert unfinished.total == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40))))
def test_the_total_is_what_all_hold_and_never_too_much(changes: list[tuple[int, int]]) -> None:
    """Whatever grows, shrinks, ends or is given up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_UNFINISHED", 100)
        loop = SteppedLoop()
        unfinished = Unfinished(loop)
        sizes: dict[Holder, int] = {}
        holders = [Holder() for _ in range(6)]
        for index, size in changes:
            holder = holders[index]
            before = {each: len(each.reasons) for each in holders}
            unfinished.changed(holder, size)
            sizes[holder] = size
            for each in holders:
                if len(each.reasons) > before[each]:
                    assert each is not holder
                    del sizes[each]
            sizes = {each: held for each, held in sizes.items() if held}
            assert unfinished.total == sum(sizes.values())
            assert unfinished.total <= 100 or len(sizes) == 1
        loop.close()
