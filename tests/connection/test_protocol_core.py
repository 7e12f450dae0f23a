"""The reading half of a protocol: reads become messages, gathered for one flush each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aiows._wire import Message
from aiows.connection.flusher import Flusher
from aiows.connection.protocol_core import ProtocolCore
from aiows.errors import ProtocolError
from builds import Build
from raw_client import BINARY, PING, TEXT
from wire.streams import binary, frame, text

KIB = 1024


class Diary:
    """A receiver, and its loop with a transport: what they were told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.unfinished: list[int] = []
        self.now = 0.0
        self.then: Callable[[], None] = lambda: None

    def received(self, message: Message) -> None:
        self.told.append(message)
        self.then()

    def failed(self, error: ProtocolError) -> None:
        self.told.append(error.code)

    def time(self) -> float:
        return self.now

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Callable[[], None], /) -> None:
        raise AssertionError("a read has its own end")

    def write(self, data: bytes, /) -> None:
        self.told.append(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Needed by who makes outlets of a connection."""

    def is_closing(self) -> bool:
        return False

    @property
    def messages(self) -> list[Message]:
        return [each for each in self.told if isinstance(each, Message)]


def reading(
    build: Build, diary: Diary, flusher: Flusher | None = None, *, size: int = 64 * KIB
) -> ProtocolCore:
    """A protocol that writes into ``diary`` what it is given."""

    class Protocol(build.ProtocolCore):  # type: ignore[name-defined, misc]
        def received(self, message: Message) -> None:
            diary.received(message)

        def failed(self, error: ProtocolError) -> None:
            diary.failed(error)

        def unfinished_changed(self, size: int) -> None:
            diary.unfinished.append(size)

    protocol: ProtocolCore = Protocol(
        build.MessageReader(), flusher or build.Flusher(diary), memoryview(bytearray(size))
    )
    return protocol


def hear(to: ProtocolCore, data: bytes) -> None:
    """Bytes come in as a transport brings them."""
    while data:
        buffer = to.get_buffer(-1)
        part, data = data[: len(buffer)], data[len(buffer) :]
        buffer[: len(part)] = part
        to.buffer_updated(len(part))
        del buffer


def test_the_messages_of_a_read_are_given_out_in_one_turn(build: Build) -> None:
    """What answers them is gathered from its begin to its end."""
    diary = Diary()
    turn = build.Flusher(diary)
    outlet = build.OutboxCore(diary, turn, KIB, KIB)
    to = reading(build, diary, turn, size=KIB)

    def answer() -> None:
        outlet.write(b"answer")

    diary.then = answer
    hear(to, frame(TEXT, "1") + frame(TEXT, "2") + frame(TEXT, "3")[:3])
    assert diary.told == [text("1"), text("2"), b"answeranswer"]
    assert not turn.is_reading


def test_a_frame_may_come_in_any_number_of_reads(build: Build) -> None:
    """The shared buffer is overwritten by others between them."""
    diary = Diary()
    to = reading(build, diary)
    for byte in frame(TEXT, "slowly"):
        hear(to, bytes((byte,)))
        to.get_buffer(-1)[:] = bytes(64 * KIB)
    assert diary.messages == [text("slowly")]


def test_a_large_message_is_read_into_its_own_memory(build: Build) -> None:
    """After that the shared buffer serves again."""
    diary = Diary()
    to = reading(build, diary)
    payload = bytes(range(256)) * 4 * KIB
    stream = frame(BINARY, payload)
    hear(to, stream[: 300 * KIB])
    assert len(to.get_buffer(-1)) == 256 * KIB
    hear(to, stream[300 * KIB :])
    hear(to, frame(TEXT, "after"))
    assert diary.messages == [binary(payload), text("after")]
    assert len(to.get_buffer(-1)) == 64 * KIB


def test_bytes_that_came_before_are_read_first(build: Build) -> None:
    """In the same segment as the handshake, say."""
    diary = Diary()
    to = reading(build, diary)
    to.feed(frame(TEXT, "early")[:-1])
    hear(to, frame(TEXT, "early")[-1:])
    assert diary.messages == [text("early")]


def test_nothing_is_given_out_while_it_is_paused(build: Build) -> None:
    """What waits comes when it is not any more, in order."""
    diary = Diary()
    to = reading(build, diary)

    def pause() -> None:
        to.is_paused = True

    diary.then = pause
    hear(to, frame(TEXT, "1") + frame(TEXT, "2"))
    assert diary.messages == [text("1")]
    to.is_paused = False
    to.read_messages()
    assert diary.messages == [text("1"), text("2")]


def test_a_receiver_that_makes_room_is_not_called_inside_itself(build: Build) -> None:
    """The loop that called it goes on by itself, so order is kept."""
    diary = Diary()
    to = reading(build, diary)
    diary.then = to.read_messages
    hear(to, frame(TEXT, "1") + frame(TEXT, "2"))
    assert diary.told == [text("1"), text("2")]


def test_what_is_ignored_is_thrown_away(build: Build) -> None:
    """Also what is already here, and however large."""
    diary = Diary()
    to = reading(build, diary)

    def ignore() -> None:
        to.is_ignoring = True

    diary.then = ignore
    hear(to, frame(TEXT, "last") + frame(TEXT, "never") + frame(BINARY, bytes(1024 * KIB)))
    hear(to, bytes(1024 * KIB))
    assert diary.messages == [text("last")]
    assert len(to.get_buffer(-1)) == 64 * KIB


def test_a_broken_protocol_is_told_once_after_what_came_before(build: Build) -> None:
    """And the turn ends all the same."""
    diary = Diary()
    hear(reading(build, diary), frame(TEXT, "fine") + frame(3))
    assert diary.told == [text("fine"), 1002]


def test_a_receiver_that_raises_ends_the_turn(build: Build) -> None:
    """The error is the transport's to handle, and what follows is read as if nothing had been."""

    def fail() -> None:
        raise LookupError

    diary = Diary()
    diary.then = fail
    turn = build.Flusher(diary)
    to = reading(build, diary, turn, size=KIB)
    with pytest.raises(LookupError):
        hear(to, frame(TEXT, "1") + frame(TEXT, "2"))
    assert not turn.is_reading
    diary.then = lambda: None
    hear(to, frame(TEXT, "3"))
    assert diary.told == [text("1"), text("2"), text("3")]


def test_every_read_is_a_sign_of_life(build: Build) -> None:
    """Half a frame as well, and what is ignored; where anybody wants to know."""
    diary = Diary()
    to = reading(build, diary)
    diary.now = 1.0
    hear(to, frame(TEXT, "half")[:4])
    assert to.heard_at == 0.0
    to.hear()
    assert to.heard_at == 1.0
    diary.now = 2.0
    hear(to, frame(TEXT, "half")[4:])
    assert to.heard_at == 2.0
    to.is_ignoring = True
    diary.now = 3.0
    hear(to, b"more")
    assert to.heard_at == 3.0


class Choosy:
    """A consumer that takes what is short."""

    def __init__(self) -> None:
        self.taken: list[Message] = []

    def offer(self, message: Message, /) -> bool:
        if message.size > 1:
            return False
        self.taken.append(message)
        return True


def test_a_consumer_is_offered_messages_first(build: Build) -> None:
    """What it does not take the receiver gets, and all that is no TEXT or BINARY; each once."""
    diary = Diary()
    to = reading(build, diary)
    to.consumer = choosy = Choosy()
    hear(to, frame(TEXT, "1") + frame(BINARY, b"22") + frame(PING, b"3") + frame(BINARY, b"4"))
    assert choosy.taken == [text("1"), binary(b"4")]
    assert [message.data for message in diary.messages] == [b"22", b"3"]
    to.consumer = None
    hear(to, frame(TEXT, "5"))
    assert diary.messages[-1] == text("5")


@pytest.mark.parametrize("count", [-1, 64 * KIB + 1])
def test_no_more_is_read_than_the_buffer_holds(build: Build, count: int) -> None:
    """A transport that counts wrong is told so."""
    to = reading(build, Diary())
    to.get_buffer(-1)
    with pytest.raises(ValueError, match=f"{count} bytes cannot be in the read buffer"):
        to.buffer_updated(count)


def test_it_is_half_of_an_asyncio_protocol(build: Build) -> None:
    """A class may be made of it and the other half, without a dict."""

    class Whole(build.ProtocolCore, asyncio.BufferedProtocol):  # type: ignore[name-defined, misc]
        __slots__ = ("heard",)

        def received(self, message: Message) -> None:
            self.heard = message

    whole = Whole(build.MessageReader(), build.Flusher(Diary()), memoryview(bytearray(KIB)))
    assert isinstance(whole, asyncio.BufferedProtocol)
    assert not hasattr(whole, "__dict__")
    hear(whole, frame(TEXT, "hi"))
    assert whole.heard == text("hi")


def test_it_is_told_of_a_message_that_a_read_has_not_ended(build: Build) -> None:
    """When it has begun, when it has grown, and when it is whole; what comes in one read is none."""
    diary = Diary()
    to = reading(build, diary)
    hear(to, frame(BINARY, bytes(KIB)))
    assert diary.unfinished == []
    whole = frame(BINARY, bytes(200 * KIB))
    hear(to, whole[: 10 * KIB])
    assert len(diary.unfinished) == 1
    hear(to, whole[10 * KIB : 20 * KIB])
    assert len(diary.unfinished) == 1
    hear(to, whole[20 * KIB : 100 * KIB])
    assert 64 * KIB <= diary.unfinished[-1] <= 100 * KIB
    hear(to, whole[100 * KIB :])
    assert diary.unfinished[-1] == 0
    assert len(diary.messages) == 2


def test_a_peer_that_breaks_the_protocol_holds_no_message(build: Build) -> None:
    """What it had begun is gone."""
    diary = Diary()
    to = reading(build, diary)
    hear(to, frame(BINARY, bytes(100 * KIB))[: 50 * KIB])
    assert diary.unfinished[-1] > 0
    to = reading(build, diary)
    hear(to, frame(BINARY, bytes(10), fin=False))
    hear(to, frame(TEXT, "no continuation"))
    assert diary.unfinished[-2:] == [10, 0]
