"""What `aiows.backplane.base` promises, sentence by sentence, on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import pytest

from aiows.backplane import Backplane, Claim, Confirmation, Entry, Keep, MemoryBackplane, Node
from aiows.backplane.redis import RedisBackplane
from aiows.codecs import JSON, MSGPACK
from aiows.connection import PreparedMessage
from recording_ear import RecordingEar
from redis_server import RedisServer

TIMEOUT = 5.0

T = TypeVar("T")


class Recorder(RecordingEar):
    """Takes what a node delivers; ``node`` is that node."""

    node: Node

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.messages: list[PreparedMessage] = []

    def deliver(self, topic: str, message: PreparedMessage) -> None:
        if message.is_object:
            self.messages.append(message)
        self.queue.put_nowait((topic, message.payload))

    async def next(self) -> tuple[str, bytes]:
        async with asyncio.timeout(TIMEOUT):
            return await self.queue.get()


Join = Callable[..., Awaitable[Recorder]]


@pytest.fixture(params=["memory", "redis"])
def backplane(request: pytest.FixtureRequest) -> Backplane:
    if request.param == "memory":
        return MemoryBackplane()
    # Each test has keys of its own.
    redis: RedisServer = request.getfixturevalue("redis")
    return RedisBackplane(redis.url, prefix=request.node.name)


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
    await confirmed(sender.node.publish("end of test", PreparedMessage(b"")))
    arrived = []
    while (message := await receiver.next()) != ("end of test", b""):
        arrived.append(message)
    return arrived


async def test_a_message_reaches_every_other_subscribed_node(join: Join) -> None:
    """All that subscribe to exactly the topic get it, and nobody else does."""
    sender, first, second = await join(), await join("room"), await join("room")
    others = await join("roo"), await join("room:1"), await join("*"), await join("ROOM")
    await confirmed(sender.node.publish("room", PreparedMessage(b"hi")))
    for receiver in (first, second):
        assert await arrived_at(receiver, sender=sender) == [("room", b"hi")]
        await confirmed(sender.node.publish("end of test", PreparedMessage(b"")))
    for receiver in others:
        assert await receiver.next() == ("end of test", b"")


async def test_a_message_never_comes_back_to_its_publisher(join: Join) -> None:
    """A node that subscribes to its own topic gets what the others publish there."""
    node, other = await join("room"), await join("room")
    await confirmed(node.node.publish("room", PreparedMessage(b"mine")))
    await confirmed(other.node.publish("room", PreparedMessage(b"theirs")))
    assert await arrived_at(node, sender=other) == [("room", b"theirs")]


@pytest.mark.parametrize("data", [b"", bytes(range(256)), b"x" * 1_000_000, "💬 \n".encode()])
async def test_a_payload_arrives_byte_for_byte(join: Join, data: bytes) -> None:
    """Empty, binary, large or text: what arrives is what was published."""
    sender, receiver = await join(), await join("room")
    await confirmed(sender.node.publish("room", PreparedMessage(data)))
    assert await receiver.next() == ("room", data)


@pytest.mark.parametrize("topic", ["user:älice 💬", "a b\tc", "topic:*", "topic:a.b>c", "x" * 500])
async def test_a_topic_may_be_any_text(join: Join, topic: str) -> None:
    """Names are compared, not read: no blank, letter or wildcard means anything."""
    sender, receiver = await join(), await join(topic)
    await confirmed(sender.node.publish(topic, PreparedMessage(b"hi")))
    assert await receiver.next() == (topic, b"hi")


@pytest.mark.parametrize("more", [None, b"\xff"], ids=["JSON", "MessagePack"])
async def test_what_was_published_does_not_change_any_more(join: Join, more: Any) -> None:
    """Its object may, as soon as ``publish`` has returned: what arrives is what it was."""
    sender, receiver = await join(), await join("room")
    state = {"kind": "state", "n": 1, "more": more}
    before = dict(state)
    confirmation = sender.node.publish("room", PreparedMessage(state))
    state["n"] = 2
    await confirmed(confirmation)
    await arrived_at(receiver, sender=sender)
    [message] = receiver.messages
    packed = message.spoken_in(MSGPACK)
    assert packed is not None
    assert MSGPACK.loads(packed.payload) == before
    assert message.read() == before


async def test_messages_arrive_once_and_in_order(join: Join) -> None:
    """What one node publishes arrives in that order, across topics too, and nothing twice."""
    sender, receiver = await join(), await join("a", "b")
    published = [("a" if number % 3 else "b", str(number).encode()) for number in range(500)]
    for topic, data in published:
        sender.node.publish(topic, PreparedMessage(data))
    assert await arrived_at(receiver, sender=sender) == published


async def test_to_subscribe_again_changes_nothing(join: Join) -> None:
    """A topic is subscribed to or not: messages come once, and one unsubscribe ends it."""
    sender, receiver = await join(), await join("room")
    await confirmed(receiver.node.subscribe(["room", "room"]))
    await confirmed(sender.node.publish("room", PreparedMessage(b"one")))
    assert await arrived_at(receiver, sender=sender) == [("room", b"one")]
    await confirmed(receiver.node.unsubscribe(["room"]))
    await confirmed(sender.node.publish("room", PreparedMessage(b"two")))
    assert await arrived_at(receiver, sender=sender) == []


async def test_nothing_arrives_after_an_unsubscribe(join: Join) -> None:
    """Not even what was published before and is still under way; other topics go on."""
    sender, receiver = await join(), await join("room", "hall")
    sender.node.publish("room", PreparedMessage(b"under way"))
    receiver.node.unsubscribe(["room", "never subscribed"])
    await confirmed(sender.node.publish("hall", PreparedMessage(b"still here")))
    assert await arrived_at(receiver, sender=sender) == [("hall", b"still here")]


async def test_a_topic_can_be_subscribed_to_anew(join: Join) -> None:
    """Leave and come back: the next message arrives."""
    sender, receiver = await join(), await join("room")
    receiver.node.unsubscribe(["room"])
    await confirmed(receiver.node.subscribe(["room"]))
    await confirmed(sender.node.publish("room", PreparedMessage(b"hi")))
    assert await receiver.next() == ("room", b"hi")


async def test_nothing_arrives_after_stop(join: Join) -> None:
    """A node that has left is deaf, to what was under way as well, and may be stopped again."""
    sender, leaving, staying = await join(), await join("room"), await join("room")
    sender.node.publish("room", PreparedMessage(b"hi"))
    await leaving.node.stop()
    await leaving.node.stop()
    assert await arrived_at(staying, sender=sender) == [("room", b"hi")]
    assert leaving.queue.empty()


async def test_deliver_is_not_called_inside_publish(join: Join) -> None:
    """A publisher cannot be surprised by its own message's consequences."""
    sender, receiver = await join(), await join("room")
    sender.node.publish("room", PreparedMessage(b"hi"))
    assert receiver.queue.empty()
    assert await receiver.next() == ("room", b"hi")


async def test_a_deliver_that_raises_stops_nothing(backplane: Backplane, join: Join) -> None:
    """The loop's exception handler hears of it; the next message and the other nodes are served."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    attempts: list[bytes] = []

    class Broken(RecordingEar):
        def deliver(self, topic: str, message: PreparedMessage) -> None:
            attempts.append(message.payload)
            raise LookupError(topic)

    broken = await backplane.start(Broken())
    await confirmed(broken.subscribe(["room"]))
    sender, receiver = await join(), await join("room")
    for data in (b"one", b"two"):
        await confirmed(sender.node.publish("room", PreparedMessage(data)))
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
        await confirmed(sender.node.publish("room", PreparedMessage(b"hi")))
        return await receiver.next()

    assert asyncio.run(exchange()) == ("room", b"hi")
    assert asyncio.run(exchange()) == ("room", b"hi")


# history, where an engine keeps any

KEEP = Keep(size=100, seconds=3600)


@pytest.fixture
def keeping(backplane: Backplane) -> Backplane:
    if not backplane.keeps_history:
        pytest.skip("this engine keeps no history")
    return backplane


async def answered(future: asyncio.Future[T]) -> T:
    async with asyncio.timeout(TIMEOUT):
        return await future


def numbered(number: int) -> PreparedMessage:
    return PreparedMessage(str(number).encode())


def payload_of(entry: Entry) -> bytes:
    assert entry.message is not None
    return entry.message.payload


async def test_each_message_of_a_log_has_the_next_number(keeping: Backplane, join: Join) -> None:
    """In one epoch, whichever node appends, and of each topic for itself."""
    first, second = await join(), await join()
    positions = [
        await answered(node.append("room", PreparedMessage(data), KEEP))
        for node, data in ((first.node, b"1"), (second.node, b"2"), (first.node, b"3"))
    ]
    assert [offset for _, offset in positions] == [1, 2, 3]
    assert len({epoch for epoch, _ in positions}) == 1
    assert (await answered(first.node.append("hall", PreparedMessage(b"1"), KEEP))).offset == 1


async def test_a_log_reaches_every_subscribed_node_its_publisher_too(
    keeping: Backplane, join: Join
) -> None:
    """With the position behind each message; whoever is not subscribed gets nothing."""
    publisher, other, stranger = await join("room"), await join("room"), await join("hall")
    for data in (b"1", b"2"):
        await answered(publisher.node.append("room", PreparedMessage(data), KEEP))
    await arrived_at(other, sender=stranger)
    await arrived_at(publisher, sender=stranger)
    expected = [("room", 1, b"1"), ("room", 2, b"2")]
    for each in (publisher, other):
        assert [(topic, position.offset, data) for topic, position, data in each.logged] == expected
    assert stranger.logged == []


async def test_what_was_appended_does_not_change_any_more(keeping: Backplane, join: Join) -> None:
    """Neither what arrives, nor what is read later."""
    node = (await join("room")).node
    state = {"kind": "state", "n": 1}
    appending = node.append("room", PreparedMessage(state), KEEP)
    state["n"] = 2
    await answered(appending)
    page = await answered(node.read("room", -1))
    assert [payload_of(each) for each in page.entries] == [JSON.encode({"kind": "state", "n": 1})]
    message = page.entries[0].message
    assert message is not None
    assert message.value == {"kind": "state", "n": 1}


async def test_deliver_at_is_not_called_inside_append(keeping: Backplane, join: Join) -> None:
    """Nor is anything delivered that was under way when the topic was left."""
    node, other = await join("room"), await join()
    appending = node.node.append("room", PreparedMessage(b"1"), KEEP)
    assert node.logged == []
    node.node.unsubscribe(["room"])
    await answered(appending)
    await arrived_at(node, sender=other)
    assert node.logged == []


async def test_a_read_has_what_came_after_without_a_hole(keeping: Backplane, join: Join) -> None:
    """Or begins with the first that is kept."""
    node = (await join()).node
    for number in range(1, 6):
        await answered(node.append("room", numbered(number), Keep(size=3, seconds=3600)))
    for after, expected in ((4, [5]), (2, [3, 4, 5]), (-1, [3, 4, 5]), (5, []), (9, [])):
        page = await answered(node.read("room", after))
        assert page.position.offset == 5
        assert [(each.offset, payload_of(each)) for each in page.entries] == [
            (number, str(number).encode()) for number in expected
        ]
    page = await answered(node.read("room", 2, limit=2))
    assert [each.offset for each in page.entries] == [3, 4]


async def test_the_last_messages_can_be_read(keeping: Backplane, join: Join) -> None:
    """As many as are kept; none is the position alone."""
    node = (await join()).node
    assert (await answered(node.read_last("room", 3))).entries == []
    for number in range(1, 6):
        await answered(node.append("room", numbered(number), KEEP))
    for count, expected in ((0, []), (2, [4, 5]), (99, [1, 2, 3, 4, 5])):
        page = await answered(node.read_last("room", count))
        assert page.position.offset == 5
        assert [each.offset for each in page.entries] == expected


async def test_a_position_that_was_read_is_kept(keeping: Backplane, join: Join) -> None:
    """Also of a topic on which nothing was published: what comes next is behind it."""
    node = (await join()).node
    before = (await answered(node.read_last("room", 0))).position
    after = await answered(node.append("room", PreparedMessage(b"1"), KEEP))
    assert after == (before.epoch, before.offset + 1)


async def test_a_key_is_claimed_once(keeping: Backplane, join: Join) -> None:
    """By one node; all others learn what became of it."""
    first, second = (await join()).node, (await join()).node
    assert (await answered(first.claim("key", 60))).is_new
    assert await answered(second.claim("key", 60)) == Claim(is_new=False)
    assert (await answered(second.claim("other", 60))).is_new
    await confirmed(first.settle("key", b"answer", 60))
    done = Claim(is_new=False, is_done=True, answer=b"answer")
    assert await answered(second.claim("key", 60)) == done
    await confirmed(second.settle("other", None, 60))
    assert await answered(first.claim("other", 60)) == Claim(is_new=False, is_done=True)
