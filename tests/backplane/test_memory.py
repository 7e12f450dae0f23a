"""The backplane in memory: what holds for it beyond the contract."""

from __future__ import annotations

import asyncio

import pytest

from aiows.backplane import MemoryBackplane
from aiows.connection import PreparedMessage
from recording_ear import RecordingEar


async def test_a_subscription_is_in_force_at_once() -> None:
    """Nothing has to be awaited between subscribe and publish."""
    ear = RecordingEar()
    backplane = MemoryBackplane()
    sender = await backplane.start(RecordingEar())
    receiver = await backplane.start(ear)
    assert receiver.subscribe(["room"]) is None
    assert sender.publish("room", PreparedMessage(b"hi")) is None
    await asyncio.sleep(0)
    assert ear.arrived == [("room", b"hi")]


async def test_two_objects_are_two_backplanes() -> None:
    """Who does not share the object hears nothing."""
    ear = RecordingEar()
    receiver = await MemoryBackplane().start(ear)
    receiver.subscribe(["room"])
    sender = await MemoryBackplane().start(RecordingEar())
    sender.publish("room", PreparedMessage(b"hi"))
    await asyncio.sleep(0)
    assert ear.arrived == []


async def test_no_table_keeps_what_nobody_wants() -> None:
    """After the last unsubscribe and stop the shared table is empty, rows included."""
    backplane = MemoryBackplane()
    first = await backplane.start(RecordingEar())
    second = await backplane.start(RecordingEar())
    first.subscribe(["a", "b"])
    second.subscribe(["b", "c"])
    first.unsubscribe(["a", "b"])
    assert set(backplane._subscribers) == {"b", "c"}
    await second.stop()
    assert backplane._subscribers == {}


def join_and_leave_behind(backplane: MemoryBackplane) -> None:
    async def join() -> None:
        (await backplane.start(RecordingEar())).subscribe(["room", "hall"])

    asyncio.run(join())


async def test_nodes_of_a_closed_loop_are_dropped() -> None:
    """A hub that nobody stopped does not stay in the tables for ever."""
    backplane = MemoryBackplane()
    await asyncio.to_thread(join_and_leave_behind, backplane)
    await backplane.start(RecordingEar())
    assert backplane._subscribers == {}


async def test_it_is_of_one_event_loop_at_a_time() -> None:
    """Two loops in two threads would tear the tables apart: the second one is refused."""
    backplane = MemoryBackplane()
    node = await backplane.start(RecordingEar())
    node.subscribe(["room"])
    with pytest.raises(RuntimeError, match="in use in another event loop"):
        await asyncio.to_thread(join_and_leave_behind, backplane)
    await node.stop()
    await asyncio.to_thread(join_and_leave_behind, backplane)
