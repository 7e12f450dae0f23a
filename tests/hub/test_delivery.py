"""Delivery: who took a message, and when whoever sends in a loop lets the event loop turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from aiows.connection import PreparedMessage, protocol_of
from aiows.errors import AiowsError
from aiows.hub.delivery import TURN, TURN_UNDER_PRESSURE, Delivery
from fake_connection import FakeConnection, RecordingOutbox

Connect = Callable[[], FakeConnection]

KIB = PreparedMessage("x" * 1024)


@pytest.fixture
def delivery() -> Delivery:
    return Delivery()


@pytest.fixture
async def connect() -> Connect:
    loop = asyncio.get_running_loop()
    return lambda: FakeConnection(loop)


async def lets_the_loop_turn(delivery: Delivery) -> bool:
    """Whether the event loop turns in `Delivery.keep_pace`."""
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await delivery.keep_pace()
    return turned.is_set()


async def given_in_one_turn(
    delivery: Delivery, receivers: list[FakeConnection], message: PreparedMessage
) -> int:
    """How many messages are given in a loop before the event loop turns."""
    for count in range(1, 10_000):
        delivery.share(receivers, message)
        if await lets_the_loop_turn(delivery):
            return count
    raise AssertionError("it never turns")


def fall_behind(ws: FakeConnection) -> None:
    """Behave as if so much waited that senders should slow down, but with room for more."""
    ws.transport.waiting = 600
    protocol_of(ws).pause_writing()


# when the loop turns


async def test_a_loop_of_messages_turns_after_16_kib(delivery: Delivery, connect: Connect) -> None:
    """Before an outbox of the smallest usual size is full."""
    ws = connect()
    for _ in range(3):
        count = await given_in_one_turn(delivery, [ws], KIB)
        assert TURN <= count * 1024 <= TURN + 1024


async def test_small_messages_and_many_receivers_count_too(
    delivery: Delivery, connect: Connect
) -> None:
    """They take time, if not room: the loop is not kept from turning for long."""
    ws = connect()
    assert await given_in_one_turn(delivery, [ws], PreparedMessage("")) < 1100
    assert await given_in_one_turn(delivery, [ws] * 40_000, PreparedMessage("")) == 2


async def test_one_message_is_not_followed_by_a_turn(delivery: Delivery, connect: Connect) -> None:
    """A handler that publishes once goes on at once, however large the message is."""
    ws = connect()
    for _ in range(3):
        delivery.share([ws], PreparedMessage("x" * 100_000))
        assert not await lets_the_loop_turn(delivery)
        await asyncio.sleep(0)


async def test_what_was_given_before_the_loop_turned_does_not_count(
    delivery: Delivery, connect: Connect
) -> None:
    """Handlers that publish now and then are never held up, whatever they publish in all."""
    ws = connect()
    for _ in range(50):
        delivery.share([ws], KIB)
        delivery.push([ws], KIB)
        assert not await lets_the_loop_turn(delivery)
        await asyncio.sleep(0)


async def test_a_receiver_that_is_behind_gets_time(delivery: Delivery, connect: Connect) -> None:
    """The loop turns sooner while there is one, and as before when it has caught up."""
    slow, fast = connect(), connect()
    fall_behind(slow)
    message = PreparedMessage("x")
    under_pressure = await given_in_one_turn(delivery, [fast, slow], message)
    assert TURN_UNDER_PRESSURE <= under_pressure * 18 <= TURN_UNDER_PRESSURE + 50
    slow.empty()
    assert await given_in_one_turn(delivery, [fast, slow], message) > 4 * under_pressure


async def test_a_pause_is_one_in_which_other_threads_run(
    delivery: Delivery, connect: Connect
) -> None:
    """A reader in a thread of this process gets no time from a loop that turns without waiting."""
    ws = connect()
    fall_behind(ws)
    loop = asyncio.get_running_loop()
    for _ in range(4):
        delivery.share([ws] * 2000, PreparedMessage(""))
    before = loop.time()
    await delivery.keep_pace()
    assert loop.time() - before >= 0.0009


async def test_a_receiver_that_is_full_is_not_waited_for(
    delivery: Delivery, connect: Connect
) -> None:
    """It misses messages, and the loop turns no more often than for any other."""
    ws = connect()
    ws.fill()
    assert delivery.share([ws], KIB) == 0
    assert await given_in_one_turn(delivery, [ws], KIB) * 1024 >= TURN


def test_a_loop_that_was_closed_before_it_turned_is_forgotten(delivery: Delivery) -> None:
    """The next one, of the next test perhaps, is watched as the first one was."""

    async def give_now_and_then() -> None:
        for _ in range(2):
            delivery.share([], PreparedMessage("x" * TURN))
            await asyncio.sleep(0)
        delivery.share([], KIB)
        assert not await lets_the_loop_turn(delivery)

    first = asyncio.new_event_loop()
    first.call_soon(delivery.share, [], PreparedMessage("x" * TURN))
    first.call_soon(first.stop)
    first.run_forever()
    first.close()
    asyncio.run(give_now_and_then())


async def test_a_message_may_be_given_where_no_loop_runs(delivery: Delivery) -> None:
    """Tables need no loop."""
    assert await asyncio.to_thread(lambda: [delivery.share([], KIB) for _ in range(3)]) == [0] * 3


# who took it


async def test_send_gives_at_once_and_waits_for_who_is_full(
    delivery: Delivery, connect: Connect
) -> None:
    """Each connection that has room has the message before anybody is waited for."""
    full, free = connect(), connect()
    full.fill()
    sending = asyncio.ensure_future(delivery.send([full, free], PreparedMessage("hi")))
    await asyncio.sleep(0)
    assert free.payloads == [b"hi"]
    assert not sending.done()
    full.empty()
    assert await sending == 2


class Crowded(RecordingOutbox):
    """So many wait for room that nobody else may."""

    async def send(self, message: PreparedMessage) -> None:
        raise AiowsError("too many wait")


async def test_send_does_not_count_who_cannot_be_waited_for(
    delivery: Delivery, connect: Connect
) -> None:
    """One more task for a reader that has stalled would be one more message in memory."""
    crowded, lost = connect(), connect()
    crowded._protocol.outbox = Crowded(crowded)
    for ws in (crowded, lost):
        ws.fill()
    lost.abort()
    assert await delivery.send([crowded, lost, connect()], PreparedMessage("hi")) == 1
