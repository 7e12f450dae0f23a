"""The outlet: frames leave in the order they came in, in few writes, and never more wait than may."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows._wire import Opcode, build_frame
from aiows.send_status import SendStatus
from builds import Build

LIMIT = 10
MOST = 100


class Transport:
    """Keeps what is written, and is as full as it is told to be."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.held = 0
        self.closing = False

    def write(self, data: bytes, /) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.held

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Needed by who makes outlets of a connection."""

    def is_closing(self) -> bool:
        return self.closing


class Loop:
    """Calls what is to come soon when the test says so."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.closed = False

    def is_closed(self) -> bool:
        return self.closed

    def call_soon(self, callback: Callable[[], None], /) -> None:
        self.soon.append(callback)

    def time(self) -> float:
        return 0.0


class Bench:
    """An outlet with its transport and turn."""

    def __init__(
        self, build: Build, *, limit: int = LIMIT, most: int = MOST, descriptor: int = -1
    ) -> None:
        self.transport, self.loop = Transport(), Loop()
        self.turn = build.Flusher(self.loop)
        self.outlet = build.OutboxCore(self.transport, self.turn, limit, most, descriptor)

    def begin_read(self) -> None:
        if not self.turn.is_reading:
            self.turn.begin_read()

    def end_turn(self) -> None:
        """The read, if there is one, and the loop's turn."""
        if self.turn.is_reading:
            self.turn.end_read()
        soon, self.loop.soon = self.loop.soon, []
        for callback in soon:
            callback()

    @property
    def written(self) -> list[bytes]:
        return self.transport.written


def test_the_first_frame_of_a_turn_leaves_at_once(build: Build) -> None:
    """What follows leaves in one write at its end."""
    bench = Bench(build)
    for frame in (b"1", b"2", b"3"):
        assert bench.outlet.write(frame) is False
    assert bench.written == [b"1"]
    bench.end_turn()
    assert bench.written == [b"1", b"23"]
    bench.end_turn()
    assert bench.written == [b"1", b"23"]


def test_what_is_written_while_reading_leaves_in_one_write(build: Build) -> None:
    """The answers to all messages of one read."""
    bench = Bench(build)
    bench.begin_read()
    bench.outlet.write(b"1")
    bench.outlet.write(b"2")
    assert bench.written == []
    assert bench.loop.soon == []
    bench.end_turn()
    assert bench.written == [b"12"]


def test_what_is_posted_waits_for_the_end_of_the_turn(build: Build) -> None:
    """Also the first one: a burst of publishes is one write for each connection."""
    bench = Bench(build)
    bench.outlet.post(b"1")
    bench.outlet.write(b"2")
    assert bench.written == []
    bench.end_turn()
    assert bench.written == [b"12"]


def test_a_frame_that_waits_alone_is_not_copied(build: Build) -> None:
    """A published frame is one object for all connections."""
    bench = Bench(build)
    frame = bytes(5)
    bench.outlet.post(frame)
    bench.end_turn()
    assert bench.written[0] is frame


def test_more_than_the_limit_is_not_gathered(build: Build) -> None:
    """Gathering saves writes, it is no place to keep things; a write has the limit and one frame."""
    bench = Bench(build)
    for _ in range(4):
        bench.outlet.post(b"abcd")
    assert bench.written == [b"abcdabcdabcd"]
    bench.end_turn()
    assert bench.written == [b"abcdabcdabcd", b"abcd"]


def test_frames_wait_while_the_transport_holds_enough(build: Build) -> None:
    """They leave in batches of about the limit, the newest pong behind them."""
    bench = Bench(build)
    bench.outlet._writable = False
    bench.transport.held = 11
    for _ in range(5):
        assert bench.outlet.write(b"abcd") is True
    bench.outlet._pong = b"pong"
    bench.end_turn()
    assert bench.written == []
    assert (bench.outlet.amount, bench.outlet.is_full) == (31, True)
    bench.outlet._writable = True
    bench.transport.held = 0
    bench.outlet.let_go()
    assert bench.written == [b"abcdabcdabcd", b"abcdabcd", b"pong"]
    assert (bench.outlet.amount, bench.outlet.is_full) == (0, False)


def test_a_cork_outlasts_the_turn(build: Build) -> None:
    """Who holds it lets go of what it held."""
    bench = Bench(build)
    bench.outlet._corks += 1
    bench.outlet.write(b"1")
    bench.end_turn()
    assert bench.written == []
    bench.outlet._corks -= 1
    bench.outlet.let_go()
    assert bench.written == [b"1"]


@pytest.mark.parametrize(
    ("held", "size", "has_room"), [(0, 1000, True), (20, 80, True), (20, 81, False)]
)
def test_a_message_has_room_up_to_the_most_that_may_wait(
    build: Build, held: int, size: int, has_room: bool
) -> None:
    """Where nothing waits any message has: it could never be sent otherwise."""
    bench = Bench(build)
    bench.transport.held = held
    bench.outlet._writable = not held
    assert bench.outlet.takes(size) is has_room


def test_limits_may_be_of_any_size(build: Build) -> None:
    """As who wants none writes them."""
    bench = Bench(build, limit=2**70, most=2**80)
    assert bench.outlet.takes(2**40)
    assert bench.outlet.write(bytes(1000)) is False


def test_a_message_is_pushed_as_one_frame(build: Build) -> None:
    """Text as UTF-8, whatever characters it has."""
    bench = Bench(build, limit=100, most=1000)
    bench.begin_read()
    for payload in ("hi", "ö€😀", "", "é" * 100, b"", bytes(300)):
        opcode = Opcode.TEXT if isinstance(payload, str) else Opcode.BINARY
        frame = build_frame(opcode, payload.encode() if isinstance(payload, str) else payload)
        assert bench.outlet.push(opcode, payload)
        bench.end_turn()
        assert bench.written.pop() == frame


def test_a_push_says_how_full_it_is(build: Build) -> None:
    """Queued, queued with too much before it, or not at all."""
    bench = Bench(build, limit=10, most=40)
    bench.transport.held = 5
    bench.outlet._writable = False
    statuses = [(bench.outlet.push(Opcode.TEXT, "123"), bench.outlet._is_pressed)]
    statuses.append((bench.outlet.push(Opcode.BINARY, b"123"), bench.outlet._is_pressed))
    assert statuses == [(SendStatus.SUCCESS, False), (SendStatus.BACKPRESSURE, True)]
    assert bench.outlet.push(Opcode.TEXT, "x" * 26) is SendStatus.DROPPED
    assert bench.outlet.amount == 15
    assert bench.outlet.push(Opcode.TEXT, "x" * 25) is SendStatus.BACKPRESSURE


def test_what_is_no_message_is_not_pushed(build: Build) -> None:
    """Half a surrogate pair is no UTF-8, and nothing of it leaves."""
    bench = Bench(build)
    with pytest.raises(UnicodeEncodeError):
        bench.outlet.push(Opcode.TEXT, "\ud800")
    bench.end_turn()
    assert bench.written == []


def test_nothing_is_taken_once_it_is_closed(build: Build) -> None:
    """However much room there is."""
    bench = Bench(build)
    bench.outlet.is_open = False
    assert not bench.outlet.takes(0)
    assert bench.outlet.push(Opcode.TEXT, "late") is SendStatus.DROPPED
    bench.end_turn()
    assert bench.written == []


def test_who_made_it_says_what_becomes_of_what_is_not_taken(build: Build) -> None:
    """It gets the payload as it would have been sent."""
    refused: list[tuple[int, bytes]] = []

    class Outbox(build.OutboxCore):  # type: ignore[name-defined, misc]
        def refuse(self, opcode: int, payload: bytes) -> SendStatus:
            refused.append((opcode, payload))
            return SendStatus.DROPPED

    outbox = Outbox(Transport(), build.Flusher(Loop()), LIMIT, MOST)
    outbox.is_open = False
    outbox.push(Opcode.TEXT, "ö")
    outbox.push(Opcode.BINARY, b"2")
    assert refused == [(Opcode.TEXT, "ö".encode()), (Opcode.BINARY, b"2")]


@pytest.mark.parametrize("is_reading", [True, False])
def test_a_large_payload_is_not_copied(build: Build, is_reading: bool) -> None:
    """It leaves behind its header, in order with what was sent before and after, nothing in between."""
    bench = Bench(build, limit=64 * 1024, most=2**24)
    payload = bytes(range(256)) * 256
    if is_reading:
        bench.begin_read()
    for data in (b"before", payload, b"after", payload):
        assert bench.outlet.push(Opcode.BINARY, data)
    bench.outlet._pong = b"pong"
    bench.end_turn()
    frames = [build_frame(Opcode.BINARY, each) for each in (b"before", payload, b"after", payload)]
    assert b"".join(bench.written).replace(b"pong", b"") == b"".join(frames)
    assert bench.written[-1] == b"pong"
    assert sum(each is payload for each in bench.written) == 2


@pytest.mark.parametrize("text", ["ascii" * 40_000, "öäü€" * 40_000], ids=["ascii", "other"])
@pytest.mark.parametrize("limit", [64 * 1024, 2**24])
def test_a_large_text_outlives_whoever_sent_it(build: Build, text: str, limit: int) -> None:
    """Its bytes are still there when it leaves, however much may leave at once."""
    bench = Bench(build, limit=limit, most=2**24)
    bench.begin_read()
    assert bench.outlet.push(Opcode.TEXT, f"{text}!")
    assert bench.outlet.push(Opcode.TEXT, "after")
    frames = [build_frame(Opcode.TEXT, each.encode()) for each in (text + "!", "after")]
    assert bench.outlet.amount + sum(map(len, bench.written)) == sum(map(len, frames))
    bench.end_turn()
    assert b"".join(bench.written) == b"".join(frames)


def test_a_large_text_that_is_ascii_is_not_copied(build: Build) -> None:
    """The native build writes a view of it."""
    bench = Bench(build, limit=64 * 1024, most=2**24)
    text = "ascii" * 40_000
    bench.outlet.push(Opcode.TEXT, text)
    bench.end_turn()
    written: list[Any] = list(bench.written)
    views = [each for each in written if isinstance(each, memoryview)]
    assert [bytes(each) for each in views] == ([text.encode()] if build.name == "native" else [])


def test_a_large_payload_waits_as_a_whole(build: Build) -> None:
    """Its header is counted, and leaves when it does."""
    bench = Bench(build, limit=1000, most=2**20)
    bench.outlet._writable = False
    bench.transport.held = 1001
    payload = bytes(100_000)
    assert bench.outlet.push(Opcode.BINARY, payload) is SendStatus.BACKPRESSURE
    assert bench.outlet.amount == 1001 + 10 + len(payload)
    bench.end_turn()
    assert bench.written == []
    bench.outlet._writable = True
    bench.transport.held = 0
    bench.outlet.let_go()
    assert b"".join(bench.written) == build_frame(Opcode.BINARY, payload)


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
    bench.outlet.post(b"1")
    bench.outlet.write(b"2")
    bench.end_turn()
    assert (theirs.recv(100), bench.written) == (b"12", [])
    bench.outlet.write(b"3")
    assert bench.written == [b"3"], "outside of a turn's end nobody knows whether there is a loop"


def test_what_is_left_of_a_large_text_is_left_to_the_transport(build: Build, ends: Ends) -> None:
    """Its header has left with what was before it, and then there was no more room for a while."""
    ours, theirs = ends
    bench = Bench(build, limit=100_000, most=2**20, descriptor=ours.fileno())
    before, text = bytes(60_000), "a" * 70_000

    def write_and_pause(data: bytes) -> None:
        bench.written.append(data)
        bench.outlet._writable = False

    bench.transport.write = write_and_pause  # type: ignore[method-assign]
    bench.begin_read()
    bench.outlet.post(before)
    bench.outlet.push(Opcode.TEXT, text)
    assert len(bench.written) == 1
    bench.outlet._writable = True
    bench.end_turn()
    assert bench.outlet.amount == 0
    sent = b"".join(bench.written[:1]) + _arrived(theirs) + b"".join(bench.written[1:])
    assert sent == before + build_frame(Opcode.TEXT, text.encode())


def _arrived(theirs: socket.socket) -> bytes:
    try:
        return theirs.recv(2**20)
    except BlockingIOError:
        return b""


def change(bench: Bench, what: str) -> None:
    if what == "the transport holds something":
        bench.transport.held = 1
    elif what == "the transport closes":
        bench.transport.closing = True
    elif what == "the loop was closed":
        bench.loop.closed = True
    elif what == "it is told to forget the socket":
        bench.outlet._descriptor = -1
    else:
        bench.outlet.post(bytes(LIMIT))


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
    bench.outlet.post(b"1")
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
    bench.outlet.write(b"1")
    bench.transport.held = 1
    bench.outlet.write(b"2")
    bench.end_turn()
    assert bench.written == [b"1", b"2"]
    bench.transport.held = 0
    bench.outlet.post(b"3")
    bench.end_turn()
    assert (theirs.recv(100), bench.written) == (b"3", [b"1", b"2"])


def test_what_the_socket_does_not_take_the_transport_gets(build: Build, ends: Ends) -> None:
    """In one piece, behind what the socket took."""
    ours, theirs = ends
    whole = bytes(range(256)) * 16 * 1024
    bench = Bench(build, limit=len(whole), most=2 * len(whole), descriptor=ours.fileno())
    bench.outlet.post(whole)
    bench.end_turn()
    (rest,) = bench.written
    taken = b""
    with contextlib.suppress(BlockingIOError):
        while part := theirs.recv(len(whole)):
            taken += part
    assert taken
    assert rest
    assert taken + rest == whole


def test_an_error_of_the_socket_is_left_to_the_transport(build: Build, ends: Ends) -> None:
    """It meets the same one, and knows what to do."""
    ours, theirs = ends
    theirs.close()
    bench = Bench(build, descriptor=ours.fileno())
    bench.outlet.post(b"1")
    bench.end_turn()
    assert bench.written == [b"1"]


# What may happen to an outlet, with a number that only some of it needs.
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "post", "push", "read", "end", "pause", "resume", "cork", "uncork"]
        ),
        st.integers(0, 25),
    ),
    max_size=40,
)


def log_of(build: Build, taken: list[tuple[str, int]]) -> list[Any]:
    """Everything that can be seen of an outlet, step by step."""
    bench = Bench(build)
    outlet = bench.outlet
    log: list[Any] = []
    for step, number in taken:
        frame = bytes((len(log) % 256,)) * number
        if step == "write":
            log.append(outlet.write(frame))
        elif step == "post":
            log.append(outlet.post(frame))
        elif step == "push":
            log.append(outlet.push(Opcode.BINARY, frame))
        elif step == "read":
            bench.begin_read()
        elif step == "end":
            bench.end_turn()
        elif step in ("pause", "resume"):
            outlet._writable = step == "resume"
            bench.transport.held = number if step == "pause" else 0
            outlet.let_go()
        else:
            outlet._corks = int(step == "cork")
        assert outlet.is_full is (outlet.amount > LIMIT)
        log.append((len(bench.written), outlet.amount, outlet.is_full, outlet.takes(number)))
    return [*log, bench.written]


@settings(deadline=None, max_examples=200)
@given(taken=steps)
def test_the_builds_write_the_same_at_the_same_time(
    build: Build, taken: list[tuple[str, int]]
) -> None:
    """Whatever happens, in any order."""
    assert log_of(build, taken) == log_of(Build(), taken)


# the same for many


def bench_pair(build: Build) -> tuple[Bench, Bench]:
    """Two outlets of one turn."""
    one, other = Bench(build, limit=2**20, most=2**24), Bench(build, limit=2**20, most=2**24)
    other.loop, other.turn = one.loop, one.turn
    other.outlet = build.OutboxCore(other.transport, one.turn, 2**20, 2**24)
    return one, other


@pytest.mark.parametrize("payload", ["text" * 100, "öäü" * 100, b"bytes" * 100])
def test_one_object_that_many_get_is_one_frame(build: Build, payload: str | bytes) -> None:
    """In each turn; what another one has, or another opcode, is another."""
    one, other = bench_pair(build)
    opcode = Opcode.TEXT if isinstance(payload, str) else Opcode.BINARY
    data = payload.encode() if isinstance(payload, str) else payload
    for _ in range(2):
        one.begin_read()
        one.outlet.push(opcode, payload)
        other.outlet.push(opcode, payload)
        one.end_turn()
    assert one.written == other.written == [build_frame(opcode, data)] * 2
    assert one.written[0] is other.written[0]
    assert one.written[0] is not one.written[1]


def test_what_is_alike_and_not_the_same_is_another_frame(build: Build) -> None:
    """Nobody compares what is sent."""
    bench, _ = bench_pair(build)
    bench.begin_read()
    payload = b"payload" * 100
    bench.outlet.push(Opcode.BINARY, payload)
    bench.outlet.push(Opcode.TEXT, payload)
    bench.outlet.push(Opcode.TEXT, bytes(bytearray(payload)))
    bench.end_turn()
    expected = [build_frame(opcode, payload) for opcode in (2, 1, 1)]
    assert b"".join(bench.written) == b"".join(expected)


def test_what_was_said_is_let_go_with_its_turn(build: Build) -> None:
    """It may be large."""
    bench, _ = bench_pair(build)
    payload = b"payload" * 1000
    before = sys.getrefcount(payload)
    bench.outlet.push(Opcode.BINARY, payload)
    assert sys.getrefcount(payload) > before
    bench.end_turn()
    assert sys.getrefcount(payload) == before


def test_what_a_payload_does_when_it_goes_disturbs_nobody(build: Build) -> None:
    """It may send something itself."""
    one, other = bench_pair(build)

    class Chunk(bytes):
        def __del__(self) -> None:
            other.outlet.push(Opcode.TEXT, "it is free")

    one.begin_read()
    one.outlet.push(Opcode.BINARY, Chunk(b"first"))
    one.outlet.push(Opcode.TEXT, "second")
    one.end_turn()
    assert b"".join(one.written) == build_frame(2, b"first") + build_frame(1, b"second")
    assert b"".join(other.written) == build_frame(1, b"it is free")
