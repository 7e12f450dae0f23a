"""The hot half of an outbox: frames leave in the order they came in, in few writes."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from aiows._wire import Opcode, build_frame
from aiows.connection import PreparedMessage
from aiows.send_status import SendStatus
from builds import Build
from outbox_bench import LIMIT, Bench


def shared(bench: Bench, payload: bytes) -> SendStatus:
    """Push what many get."""
    return bench.outbox.push_shared(PreparedMessage(payload))


def frame(payload: bytes) -> bytes:
    return build_frame(Opcode.BINARY, payload)


def test_the_first_frame_of_a_turn_leaves_at_once(build: Build) -> None:
    """What follows leaves in one write at its end."""
    bench = Bench(build)
    for data in (b"1", b"2", b"3"):
        bench.outbox.write(data)
    assert bench.written == [b"1"]
    bench.end_turn()
    assert bench.written == [b"1", b"23"]
    bench.end_turn()
    assert bench.written == [b"1", b"23"]


def test_what_is_written_while_reading_leaves_in_one_write(build: Build) -> None:
    """The answers to all messages of one read."""
    bench = Bench(build)
    bench.begin_read()
    bench.outbox.write(b"1")
    bench.outbox.write(b"2")
    assert bench.written == []
    assert bench.loop.soon == []
    bench.end_turn()
    assert bench.written == [b"12"]


def test_what_many_get_waits_for_the_end_of_the_turn(build: Build) -> None:
    """Also the first one: a burst of publishes is one write for each connection."""
    bench = Bench(build)
    shared(bench, b"1")
    bench.outbox.push(Opcode.BINARY, b"2")
    assert bench.written == []
    bench.end_turn()
    assert bench.written == [frame(b"1") + frame(b"2")]


def test_a_frame_that_waits_alone_is_not_copied(build: Build) -> None:
    """A published frame is one object for all connections."""
    bench = Bench(build)
    message = PreparedMessage(bytes(5))
    bench.outbox.push_shared(message)
    bench.end_turn()
    assert bench.written[0] is message.plain


def test_more_than_the_limit_is_not_gathered(build: Build) -> None:
    """Gathering saves writes, it is no place to keep things; a write has the limit and one frame."""
    bench = Bench(build)
    for _ in range(4):
        shared(bench, b"ab")
    assert bench.written == [frame(b"ab") * 3]
    bench.end_turn()
    assert bench.written == [frame(b"ab") * 3, frame(b"ab")]


def test_a_cork_outlasts_the_turn(build: Build) -> None:
    """Who holds it lets go of what it held."""
    bench = Bench(build)
    bench.outbox.cork()
    bench.outbox.write(b"1")
    bench.end_turn()
    assert bench.written == []
    bench.outbox.uncork()
    assert bench.written == [b"1"]


def test_limits_may_be_of_any_size(build: Build) -> None:
    """As who wants none writes them."""
    bench = Bench(build, limit=2**70, most=2**80)
    assert bench.outbox.push(Opcode.BINARY, bytes(1000)) is SendStatus.SUCCESS
    assert shared(bench, bytes(1000)) is SendStatus.SUCCESS


def test_a_message_is_pushed_as_one_frame(build: Build) -> None:
    """Text as UTF-8, whatever characters it has."""
    bench = Bench(build, limit=100, most=1000)
    bench.begin_read()
    for payload in ("hi", "ö€😀", "", "é" * 100, b"", bytes(300)):
        opcode = Opcode.TEXT if isinstance(payload, str) else Opcode.BINARY
        whole = build_frame(opcode, payload.encode() if isinstance(payload, str) else payload)
        assert bench.outbox.push(opcode, payload)
        bench.end_turn()
        assert bench.written.pop() == whole


@pytest.mark.parametrize("payload", ["text", b"bytes", b""])
def test_what_need_not_wait_is_sent_at_once(build: Build, payload: str | bytes) -> None:
    """And what may have to is left to `Outbox.send`."""
    bench = Bench(build)
    assert bench.outbox.send_at_once(Opcode.TEXT, payload)
    data = payload.encode() if isinstance(payload, str) else payload
    assert bench.written == [build_frame(Opcode.TEXT, data)]
    bench.outbox.is_open = False
    assert not bench.outbox.send_at_once(Opcode.TEXT, payload)
    assert len(bench.written) == 1


def test_what_is_no_message_is_not_pushed(build: Build) -> None:
    """Half a surrogate pair is no UTF-8, and nothing of it leaves."""
    bench = Bench(build)
    with pytest.raises(UnicodeEncodeError):
        bench.outbox.push(Opcode.TEXT, "\ud800")
    bench.end_turn()
    assert bench.written == []


def test_nothing_is_taken_once_it_is_closed(build: Build) -> None:
    """However much room there is; and it is no drop that anybody is told of."""
    bench = Bench(build)
    bench.outbox.is_open = False
    assert bench.outbox.push(Opcode.TEXT, "late") is SendStatus.DROPPED
    assert bench.outbox.push_message(PreparedMessage("late")) is SendStatus.DROPPED
    assert shared(bench, b"late") is SendStatus.DROPPED
    bench.end_turn()
    assert (bench.written, bench.owner.dropped) == ([], [])


@pytest.mark.parametrize("is_reading", [True, False])
def test_a_large_payload_is_not_copied(build: Build, is_reading: bool) -> None:
    """It leaves behind its header, in order with what was sent before and after, nothing in between."""
    bench = Bench(build, limit=64 * 1024, most=2**24)
    payload = bytes(range(256)) * 256
    if is_reading:
        bench.begin_read()
    for data in (b"before", payload, b"after", payload):
        assert bench.outbox.push(Opcode.BINARY, data)
    bench.end_turn()
    assert b"".join(bench.written) == b"".join(map(frame, (b"before", payload, b"after", payload)))
    assert sum(each is payload for each in bench.written) == 2


@pytest.mark.parametrize("text", ["ascii" * 40_000, "öäü€" * 40_000], ids=["ascii", "other"])
@pytest.mark.parametrize("limit", [64 * 1024, 2**24])
def test_a_large_text_outlives_whoever_sent_it(build: Build, text: str, limit: int) -> None:
    """Its bytes are still there when it leaves, however much may leave at once."""
    bench = Bench(build, limit=limit, most=2**24)
    bench.begin_read()
    assert bench.outbox.push(Opcode.TEXT, f"{text}!")
    assert bench.outbox.push(Opcode.TEXT, "after")
    frames = [build_frame(Opcode.TEXT, each.encode()) for each in (text + "!", "after")]
    assert bench.outbox.amount + sum(map(len, bench.written)) == sum(map(len, frames))
    bench.end_turn()
    assert b"".join(bench.written) == b"".join(frames)


def test_a_large_text_that_is_ascii_is_not_copied(build: Build) -> None:
    """The native build writes a view of it."""
    bench = Bench(build, limit=64 * 1024, most=2**24)
    text = "ascii" * 40_000
    bench.outbox.push(Opcode.TEXT, text)
    bench.end_turn()
    written: list[Any] = list(bench.written)
    views = [each for each in written if isinstance(each, memoryview)]
    assert [bytes(each) for each in views] == ([text.encode()] if build.name == "native" else [])


# a transport that fails


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("write after write_eof")])
@pytest.mark.parametrize("is_reading", [True, False])
def test_one_that_cannot_write_leaves_nobody_waiting(
    build: Build, error: Exception, is_reading: bool
) -> None:
    """It is over for that one, its owner is told soon, and whoever sends to all goes on."""
    one = Bench(build)
    others = [Bench(build, beside=one) for _ in range(3)]
    others[1].transport.error = error
    if is_reading:
        one.begin_read()
    for bench in (one, *others):
        shared(bench, b"news")
    one.flusher.end_read() if is_reading else one.loop.turn()
    assert [each.written for each in (one, *others)] == [
        [frame(b"news")],
        [frame(b"news")],
        [],
        [frame(b"news")],
    ]
    assert others[1].owner.failed == []
    one.loop.turn()
    assert others[1].owner.failed == [error]
    assert shared(others[1], b"more") is SendStatus.DROPPED
    assert others[1].outbox.amount == 0


def test_a_push_that_cannot_write_does_not_raise(build: Build) -> None:
    """What the transport has is no error of whoever sends to many."""
    bench = Bench(build)
    bench.transport.error = OSError("gone")
    bench.outbox.push(Opcode.TEXT, "1")
    bench.end_turn()
    assert bench.owner.failed == [bench.transport.error]


@pytest.mark.parametrize("is_reading", [True, False])
def test_what_else_goes_wrong_leaves_nobody_waiting(build: Build, is_reading: bool) -> None:
    """A transport may have no answer either."""
    one = Bench(build)
    other, last = Bench(build, beside=one), Bench(build, beside=one)
    if is_reading:
        one.begin_read()
    for bench in (one, other, last):
        shared(bench, b"news")
    other.outbox._descriptor = 0
    error = RuntimeError("the handler is closed")

    def fail() -> bool:
        raise error

    other.transport.is_closing = fail  # type: ignore[method-assign]
    one.end_turn()
    assert last.written == [frame(b"news")]
    one.end_turn()
    assert other.owner.failed == [error]


# a socket to write to


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Ours, which never waits, and the peer's."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


Ends = tuple[socket.socket, socket.socket]


def test_what_leaves_with_a_turn_goes_to_the_socket_itself(build: Build, ends: Ends) -> None:
    """The transport would do no more than that."""
    ours, theirs = ends
    bench = Bench(build, descriptor=ours.fileno())
    shared(bench, b"1")
    bench.outbox.write(b"2")
    bench.end_turn()
    assert (theirs.recv(100), bench.written) == (frame(b"1") + b"2", [])
    bench.outbox.write(b"3")
    assert bench.written == [b"3"], "outside of a turn's end nobody knows whether there is a loop"


def test_what_is_left_of_a_large_text_is_left_to_the_transport(build: Build, ends: Ends) -> None:
    """Its header has left with what was before it, and then there was no more room for a while."""
    ours, theirs = ends
    bench = Bench(build, limit=100_000, most=2**20, descriptor=ours.fileno())
    before, text = bytes(60_000), "a" * 70_000

    def write_and_pause(data: bytes) -> None:
        bench.written.append(data)
        bench.outbox._writable = False

    bench.transport.write = write_and_pause  # type: ignore[method-assign]
    bench.begin_read()
    shared(bench, before)
    bench.outbox.push(Opcode.TEXT, text)
    assert len(bench.written) == 1
    bench.outbox._writable = True
    bench.end_turn()
    assert bench.outbox.amount == 0
    sent = b"".join(bench.written[:1]) + _arrived(theirs) + b"".join(bench.written[1:])
    assert sent == frame(before) + build_frame(Opcode.TEXT, text.encode())


def _arrived(theirs: socket.socket) -> bytes:
    try:
        return theirs.recv(2**20)
    except BlockingIOError:
        return b""


def change(bench: Bench, what: str) -> None:
    if what == "the transport holds something":
        bench.transport.held += b"0"
    elif what == "the transport closes":
        bench.transport.closing = True
    elif what == "the loop was closed":
        bench.loop.closed = True
    elif what == "it is told to forget the socket":
        bench.outbox._descriptor = -1
    else:
        shared(bench, bytes(LIMIT - 2))


@pytest.mark.parametrize(
    "what",
    [
        "the transport holds something",
        "the transport closes",
        "the loop was closed",
        "it is told to forget the socket",
        "there is much",
    ],
)
def test_the_transport_gets_what_the_socket_must_not(build: Build, ends: Ends, what: str) -> None:
    """Nothing may overtake what it holds, and the number of a closed socket may be another's by now."""
    ours, theirs = ends
    bench = Bench(build, descriptor=ours.fileno())
    change(bench, what)
    shared(bench, b"1")
    bench.end_turn()
    assert b"".join(bench.written).endswith(b"1")
    with pytest.raises(BlockingIOError):
        theirs.recv(1)


def test_after_the_transport_was_given_something_it_is_asked_again(
    build: Build, ends: Ends
) -> None:
    """Once it has got rid of that the socket is written to as before."""
    ours, theirs = ends
    bench = Bench(build, descriptor=ours.fileno())
    bench.transport.room = 0
    bench.outbox.write(b"1")
    bench.outbox.write(b"2")
    bench.end_turn()
    assert bench.written == [b"1", b"2"]
    bench.transport.take(2)
    shared(bench, b"3")
    bench.end_turn()
    assert (theirs.recv(100), bench.written) == (frame(b"3"), [b"1", b"2"])


def test_what_the_socket_does_not_take_the_transport_gets(build: Build, ends: Ends) -> None:
    """In one piece, behind what the socket took."""
    ours, theirs = ends
    whole = bytes(range(256)) * 16 * 1024
    bench = Bench(build, limit=2 * len(whole), most=4 * len(whole), descriptor=ours.fileno())
    shared(bench, whole)
    bench.end_turn()
    (rest,) = bench.written
    taken = b""
    with contextlib.suppress(BlockingIOError):
        while part := theirs.recv(len(whole)):
            taken += part
    assert taken
    assert rest
    assert taken + rest == frame(whole)


def test_an_error_of_the_socket_is_left_to_the_transport(build: Build, ends: Ends) -> None:
    """It meets the same one, and knows what to do."""
    ours, theirs = ends
    theirs.close()
    bench = Bench(build, descriptor=ours.fileno())
    shared(bench, b"1")
    bench.end_turn()
    assert bench.written == [frame(b"1")]


# the same for many


def bench_pair(build: Build) -> tuple[Bench, Bench]:
    """Two outboxes of one turn."""
    one = Bench(build, limit=2**20, most=2**24)
    return one, Bench(build, limit=2**20, most=2**24, beside=one)


@pytest.mark.parametrize("payload", ["text" * 100, "öäü" * 100, b"bytes" * 100])
def test_one_object_that_many_get_is_one_frame(build: Build, payload: str | bytes) -> None:
    """In each turn; what another one has, or another opcode, is another."""
    one, other = bench_pair(build)
    opcode = Opcode.TEXT if isinstance(payload, str) else Opcode.BINARY
    data = payload.encode() if isinstance(payload, str) else payload
    for _ in range(2):
        one.begin_read()
        one.outbox.push(opcode, payload)
        other.outbox.push(opcode, payload)
        one.end_turn()
    assert one.written == other.written == [build_frame(opcode, data)] * 2
    assert one.written[0] is other.written[0]
    assert one.written[0] is not one.written[1]


def test_what_is_alike_and_not_the_same_is_another_frame(build: Build) -> None:
    """Nobody compares what is sent."""
    bench, _ = bench_pair(build)
    bench.begin_read()
    payload = b"payload" * 100
    bench.outbox.push(Opcode.BINARY, payload)
    bench.outbox.push(Opcode.TEXT, payload)
    bench.outbox.push(Opcode.TEXT, bytes(bytearray(payload)))
    bench.end_turn()
    expected = [build_frame(opcode, payload) for opcode in (2, 1, 1)]
    assert b"".join(bench.written) == b"".join(expected)


def test_what_was_said_is_let_go_with_its_turn(build: Build) -> None:
    """It may be large."""
    bench, _ = bench_pair(build)
    payload = b"payload" * 1000
    before = sys.getrefcount(payload)
    bench.outbox.push(Opcode.BINARY, payload)
    assert sys.getrefcount(payload) > before
    bench.end_turn()
    assert sys.getrefcount(payload) == before


def test_what_a_payload_does_when_it_goes_disturbs_nobody(build: Build) -> None:
    """It may send something itself."""
    one, other = bench_pair(build)

    class Chunk(bytes):
        def __del__(self) -> None:
            other.outbox.push(Opcode.TEXT, "it is free")

    one.begin_read()
    one.outbox.push(Opcode.BINARY, Chunk(b"first"))
    one.outbox.push(Opcode.TEXT, "second")
    one.end_turn()
    assert b"".join(one.written) == build_frame(2, b"first") + build_frame(1, b"second")
    assert b"".join(other.written) == build_frame(1, b"it is free")
