"""`Groups`: messages of one kind and key wait for each other, and nothing is kept of those that are done."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any

import pytest

from aiows.kinds import Concurrency, InOrder, Latest, OnePerKey, Parallel
from aiows.kinds.running.scheduling import SUPERSEDED, Group, Groups, key_of


class Work:
    """A message at work, which notes why it was stopped."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def stop(self, reason: str) -> None:
        self.stopped.append(reason)


def entered(groups: Groups, key: str, concurrency: Concurrency, work: Any) -> Any:
    return groups.entered(key, concurrency, work)


@pytest.mark.parametrize(
    ("concurrency", "expected"),
    [
        (InOrder(), None),
        (Parallel(2), None),
        (Latest(), None),
        (Latest("room"), "a"),
        (OnePerKey("room"), "a"),
        (OnePerKey(len), 1),
    ],
    ids=str,
)
def test_the_key_is_a_field_or_what_a_function_returns(
    concurrency: Concurrency, expected: Any
) -> None:
    """None where all messages of the kind wait for each other."""
    assert key_of(concurrency, {"room": "a"}) == expected


def test_the_key_of_an_object_is_an_attribute() -> None:
    """Payloads have attributes, TypedDicts have items."""
    assert key_of(OnePerKey("room"), SimpleNamespace(room="a")) == "a"


@pytest.mark.parametrize(
    ("concurrency", "at_once"), [(OnePerKey("room"), 1), (Latest(), 1), (Parallel(3), 3)], ids=str
)
async def test_a_group_has_as_many_slots_as_may_run_at_once(
    concurrency: Concurrency, at_once: int
) -> None:
    """The next one has to wait until one of them is done."""
    with entered(Groups(), "a", concurrency, Work()) as group:
        for _ in range(at_once):
            assert not group.slots.locked()
            await group.slots.acquire()
        assert group.slots.locked()


async def test_messages_of_one_key_share_a_group() -> None:
    """Others have a group of their own."""
    groups = Groups()
    with ExitStack() as stack:
        one, same, other = (
            stack.enter_context(entered(groups, key, OnePerKey("room"), Work()))
            for key in ("a", "a", "b")
        )
        assert one is same
        assert one is not other


async def test_a_group_ends_with_its_last_message() -> None:
    """Stops a peer that names a new key in each message from filling the memory, also by failures."""
    groups = Groups()
    with entered(groups, "a", InOrder(), Work()) as group:
        with suppress(ZeroDivisionError), entered(groups, "a", InOrder(), Work()):
            raise ZeroDivisionError
        with entered(groups, "a", InOrder(), Work()) as same:
            assert same is group
    with entered(groups, "a", InOrder(), Work()) as another:
        assert another is not group


async def test_the_latest_message_stops_those_before_it() -> None:
    """Not itself, and none that came after it."""
    group, works = Group(1), [Work() for _ in range(4)]
    group.works.update(dict.fromkeys(works))  # type: ignore[arg-type]
    group.supersede_before(works[2])  # type: ignore[arg-type]
    assert [work.stopped for work in works] == [[SUPERSEDED], [SUPERSEDED], [], []]


async def test_who_waits_for_a_slot_gets_it_when_it_is_free() -> None:
    """In the order in which they came."""
    order: list[int] = []
    with entered(Groups(), "a", InOrder(), Work()) as group:

        async def take(number: int) -> None:
            async with group.slots:
                order.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(take(number) for number in range(3)))
    assert order == [0, 1, 2]
