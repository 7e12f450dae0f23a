"""What `aiows.backplane.base` promises, sentence by sentence, on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from aiows.backplane import Backplane, Confirmation, MemoryBackplane, Node
from recording_ear import RecordingEar

TIMEOUT = 5.0


class Recorder(RecordingEar):
    """Takes what a node delivers; ``node`` is that node."""

    node: Node

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def deliver(self, topic: str, data: bytes) -> None:
        self.queue.put_nowait((topic, data))

    async def next(self) -> tuple[str, bytes]:
        async with asyncio.timeout(TIMEOUT):
            return await self.queue.get()


Join = Callable[..., Awaitable[Recorder]]


@pytest.fixture(params=["memory"])
def backplane(request: pytest.FixtureRequest) -> Backplane:
    engines: dict[str, Callable[[], Backplane]] = {"memory": MemoryBackplane}
    return engines[request.param]()


@pytest.fixture
async def join(backplane: Backplane) -> AsyncIterator[Join]:
    """Join as a new node that is subscribed to ``topics``; all leave at the end of the test."""
    recorders: list[Recorder] = []

    async def join(*topics: str) -> Recorder:
        recorder = Recorder()
        recorder.node = await backplane.start(recorder)
        recorders.append(recorder)
        await confirmed(recorder.node.subscribe((*topics, "end of test")))
        return recorder

    yield join
    for recorder in recorders:
        await recorder.node.stop()


async def confirmed(confirmation: Confirmation) -> None:
    if confirmation is not None:
        async with asyncio.timeout(TIMEOUT):
            await confirmation


async def arrived_at(receiver: Recorder, *, sender: Recorder) -> list[tuple[str, bytes]]:
    """Everything that has arrived, known to be complete because a last message came after it."""
    await confirmed(sender.node.publish("end of test", b""))
    arrived = []
    while (message := await receiver.next()) != ("end of test", b""):
        arrived.append(message)
    return arrived


async def test_a_message_reaches_every_other_subscribed_node(join: Join) -> None:
    """All that subscribe to exactly the topic get it, and nobody else does."""
    sender, first, second = await join(), await join("room"), await join("room")
    others = await join("roo"), await join("room:1"), await join("*"), await join("ROOM")
    await confirmed(sender.node.publish("room", b"hi"))
    for receiver in (first, second):
        assert await arrived_at(receiver, sender=sender) == [("room", b"hi")]
        await confirmed(sender.node.publish("end of test", b""))
    for receiver in others:
        assert await receiver.next() == ("end of test", b"")


async def test_a_message_never_comes_back_to_its_publisher(join: Join) -> None:
    """A node that subscribes to its own topic gets what the others publish there."""
    node, other = await join("room"), await join("room")
    await confirmed(node.node.publish("room", b"mine"))
    await confirmed(other.node.publish("room", b"theirs"))
    assert await arrived_at(node, sender=other) == [("room", b"theirs")]


@pytest.mark.parametrize("data", [b"", bytes(range(256)), b"x" * 1_000_000, "💬 \n".encode()])
async def test_data_arrives_byte_for_byte(join: Join, data: bytes) -> None:
    """Empty, binary, large or text: what arrives is what was published."""
    sender, receiver = await join(), await join("room")
    await confirmed(sender.node.publish("room", data))
    assert await receiver.next() == ("room", data)


@pytest.mark.parametrize("topic", ["user:älice 💬", "a b\tc", "topic:*", "topic:a.b>c", "x" * 500])
async def test_a_topic_may_be_any_text(join: Join, topic: str) -> None:
    """Names are compared, not read: no blank, letter or wildcard means anything."""
    sender, receiver = await join(), await join(topic)
    await confirmed(sender.node.publish(topic, b"hi"))
    assert await receiver.next() == (topic, b"hi")


async def test_messages_arrive_once_and_in_order(join: Join) -> None:
    """What one node publishes arrives in that order, across topics too, and nothing twice."""
    sender, receiver = await join(), await join("a", "b")
    published = [("a" if number % 3 else "b", str(number).encode()) for number in range(500)]
    for topic, data in published:
        sender.node.publish(topic, data)
    assert await arrived_at(receiver, sender=sender) == published


async def test_to_subscribe_again_changes_nothing(join: Join) -> None:
    """A topic is subscribed to or not: messages come once, and one unsubscribe ends it."""
    sender, receiver = await join(), await join("room")
    await confirmed(receiver.node.subscribe(["room", "room"]))
    await confirmed(sender.node.publish("room", b"one"))
    assert await arrived_at(receiver, sender=sender) == [("room", b"one")]
    await confirmed(receiver.node.unsubscribe(["room"]))
    await confirmed(sender.node.publish("room", b"two"))
    assert await arrived_at(receiver, sender=sender) == []


async def test_nothing_arrives_after_an_unsubscribe(join: Join) -> None:
    """Not even what was published before and is still under way; other topics go on."""
    sender, receiver = await join(), await join("room", "hall")
    sender.node.publish("room", b"under way")
    receiver.node.unsubscribe(["room", "never subscribed"])
    await confirmed(sender.node.publish("hall", b"still here"))
    assert await arrived_at(receiver, sender=sender) == [("hall", b"still here")]


async def test_a_topic_can_be_subscribed_to_anew(join: Join) -> None:
    """Leave and come back: the next message arrives."""
    sender, receiver = await join(), await join("room")
    receiver.node.unsubscribe(["room"])
    await confirmed(receiver.node.subscribe(["room"]))
    await confirmed(sender.node.publish("room", b"hi"))
    assert await receiver.next() == ("room", b"hi")


async def test_nothing_arrives_after_stop(join: Join) -> None:
    """A node that has left is deaf, to what was under way as well, and may be stopped again."""
    sender, leaving, staying = await join(), await join("room"), await join("room")
    sender.node.publish("room", b"hi")
    await leaving.node.stop()
    await leaving.node.stop()
    assert await arrived_at(staying, sender=sender) == [("room", b"hi")]
    assert leaving.queue.empty()


async def test_deliver_is_not_called_inside_publish(join: Join) -> None:
    """A publisher cannot be surprised by its own message's consequences."""
    sender, receiver = await join(), await join("room")
    sender.node.publish("room", b"hi")
    assert receiver.queue.empty()
    assert await receiver.next() == ("room", b"hi")


async def test_a_deliver_that_raises_stops_nothing(backplane: Backplane, join: Join) -> None:
    """The loop's exception handler hears of it; the next message and the other nodes are served."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    attempts: list[bytes] = []

    class Broken(RecordingEar):
        def deliver(self, topic: str, data: bytes) -> None:
            attempts.append(data)
            raise LookupError(topic)

    broken = await backplane.start(Broken())
    await confirmed(broken.subscribe(["room"]))
    sender, receiver = await join(), await join("room")
    for data in (b"one", b"two"):
        await confirmed(sender.node.publish("room", data))
    assert await arrived_at(receiver, sender=sender) == [("room", b"one"), ("room", b"two")]
    assert attempts == [b"one", b"two"]
    assert [type(each["exception"]) for each in failures] == [LookupError, LookupError]
    await broken.stop()


def test_a_backplane_serves_one_event_loop_after_another(backplane: Backplane) -> None:
    """Made without a loop, used in two, also when nobody stopped the nodes of the first."""

    async def exchange() -> tuple[str, bytes]:
        sender, receiver = Recorder(), Recorder()
        sender.node = await backplane.start(sender)
        receiver.node = await backplane.start(receiver)
        await confirmed(receiver.node.subscribe(["room"]))
        await confirmed(sender.node.publish("room", b"hi"))
        return await receiver.next()

    assert asyncio.run(exchange()) == ("room", b"hi")
    assert asyncio.run(exchange()) == ("room", b"hi")
