"""What leaves when: as few writes as can be, no message later than it must be, and always in order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiows.connection import PreparedMessage
from aiows.hub.registry import ConnectionRegistry
from fake_connection import FakeConnection
from raw_client import TEXT, build_frame


class Talker(FakeConnection):
    """A connection whose writes are seen one by one, as a number of frames each."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.writes: list[int] = []
        self.said = b""
        self.transport.write = self._written  # type: ignore[method-assign]

    def _written(self, data: Any) -> None:
        self.said += data
        self.writes.append(bytes(data).count(b"\x81"))

    def hears(self, *texts: str) -> None:
        """What the peer has sent, in one segment."""
        data = b"".join(build_frame(TEXT, text) for text in texts)
        memoryview(self._protocol.get_buffer(-1))[: len(data)] = data
        self._protocol.buffer_updated(len(data))


@pytest.fixture
async def talker() -> Talker:
    return Talker(asyncio.get_running_loop())


async def a_turn() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_single_message_leaves_at_once(talker: Talker) -> None:
    """It waits for nothing, not even for the end of the turn."""
    talker.push("one")
    assert talker.writes == [1]


async def test_what_follows_in_the_same_turn_leaves_in_one_write(talker: Talker) -> None:
    """As a loop that sends one after the other does."""
    for number in range(16):
        talker.push(f"number {number}")
    assert talker.writes == [1]
    await a_turn()
    assert talker.writes == [1, 15]
    assert [talker.said.find(f"number {number}".encode()) > 0 for number in range(16)] == [
        True
    ] * 16
    talker.push("the next turn")
    assert talker.writes == [1, 15, 1]


async def test_a_burst_of_publishes_leaves_each_connection_in_one_write() -> None:
    """However many messages it has."""
    registry = ConnectionRegistry()
    talkers = [Talker(asyncio.get_running_loop()) for _ in range(3)]
    for talker in talkers:
        registry.subscribe(talker, "news")
    for number in range(16):
        assert registry.publish("news", f"number {number}") == 3
    assert [talker.writes for talker in talkers] == [[]] * 3
    await a_turn()
    assert [talker.writes for talker in talkers] == [[16]] * 3
    assert len({talker.said for talker in talkers}) == 1


async def test_the_order_of_what_is_sent_is_kept(talker: Talker) -> None:
    """Whether it would leave at once or with the turn, corked or not."""
    talker.push("1")
    talker._outbox.push_shared(PreparedMessage("2"))
    talker.push("3")
    with talker.cork():
        talker.push("4")
        talker._outbox.push_shared(PreparedMessage("5"))
    talker.push("6")
    await a_turn()
    assert bytes(each for each in talker.said if chr(each).isdigit()) == b"123456"


async def test_a_publish_alone_is_out_before_the_loop_waits(talker: Talker) -> None:
    """A task that goes to sleep has let it go."""
    talker._outbox.push_shared(PreparedMessage("news"))
    await a_turn()
    assert talker.writes == [1]


async def test_what_a_read_causes_leaves_in_one_write_for_each_connection() -> None:
    """The peer's own answers, and what others get because of it."""
    loop = asyncio.get_running_loop()
    speaker, listener = Talker(loop), Talker(loop)

    class Relay:
        """What a handler does, for each message at once."""

        def __init__(self, taken_by: Any) -> None:
            self.connection = taken_by

        def offer(self, message: Any) -> bool:
            speaker.push("heard")
            listener.push(message.data)
            return True

    speaker._protocol.consumer = Relay(speaker)
    speaker.hears("one", "two", "three")
    assert (speaker.writes, listener.writes) == ([3], [3])


async def test_a_closed_connection_forgets_what_was_gathered(talker: Talker) -> None:
    """Nothing is written to a transport that is lost."""
    talker._outbox.push_shared(PreparedMessage("too late"))
    talker.abort()
    await a_turn()
    assert talker.writes == []
