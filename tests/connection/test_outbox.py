"""What waits in an outbox: as messages, in order, bounded, and whoever is to be told of its end is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows._wire import (
    DeflateParams,
    Deflater,
    Inflater,
    Message,
    MessageReader,
    Opcode,
    build_frame,
)
from aiows.connection import PreparedMessage
from aiows.connection.backlog import MAX_SENDERS, MAX_SENDING
from aiows.connection.outbox import PONG_BACKLOG, Outbox
from aiows.errors import ConnectionClosed, TooManySenders
from aiows.send_status import SendStatus
from builds import Build
from outbox_bench import LIMIT, MOST, Bench, Transport

SUCCESS, BACKPRESSURE, DROPPED = SendStatus


def full(build: Build, **options: Any) -> Bench:
    """A bench whose transport takes nothing, and holds a byte more than the limit."""
    bench = Bench(build, transport=Transport(room=0), **options)
    bench.outbox.write(bytes(bench.outbox.limit + 1))
    bench.end_turn()
    return bench


def emptied(bench: Bench) -> bytes:
    """The peer reads everything; return what it gets behind what made it full."""
    bench.transport.take(2**30)
    bench.end_turn()
    return bytes(bench.transport.sent[bench.outbox.limit + 1 :])


def read(data: bytes) -> Iterator[Message]:
    """The messages in what a peer gets that keeps its window."""
    reader = MessageReader(require_mask=False, inflater=Inflater(DeflateParams()))
    reader.feed(data)
    while (message := reader.next_message()) is not None:
        yield message


def binary(payload: bytes) -> bytes:
    return build_frame(Opcode.BINARY, payload)


# what waits


def test_messages_wait_while_the_transport_holds_enough(build: Build) -> None:
    """They leave in batches of about the limit, in order with frames that are no messages."""
    bench = full(build)
    bench.written.clear()
    for number in range(5):
        assert bench.outbox.push(Opcode.BINARY, b"%d" % number) is BACKPRESSURE
    bench.outbox.write(b"ping")
    bench.end_turn()
    assert bench.written == []
    assert bench.outbox.amount == LIMIT + 1 + 5 * 3 + 4
    assert emptied(bench) == b"".join(binary(b"%d" % number) for number in range(5)) + b"ping"
    assert [len(each) for each in bench.written] == [12, 7]
    assert (bench.outbox.amount, bench.outbox.is_full) == (0, False)


def test_what_waits_is_deflated_when_it_leaves(build: Build) -> None:
    """Each with the window that the peer has then; what says so itself is not."""
    bench = Bench(build, limit=100, most=10_000, deflater=Deflater(has_takeover=True))
    bench.outbox.push(Opcode.TEXT, "before " * 5)
    bench.transport.room = 0
    bench.outbox.write(bytes(101))
    bench.end_turn()
    sent = len(bench.transport.sent)
    said: list[Any] = ["one " * 20, b"two " * 20, "three " * 20, "as it is"]
    bench.outbox.push(Opcode.TEXT, said[0])
    bench.outbox.push(Opcode.BINARY, said[1])
    bench.outbox.push_shared(PreparedMessage(said[2]))
    bench.outbox.push_message(PreparedMessage(said[3], compress=0))
    assert bench.outbox.amount - 101 == sum(2 + len(PreparedMessage(each).payload) for each in said)
    bench.transport.take(2**30)
    data = bytes(bench.transport.sent)
    got = list(read(data[:sent] + data[sent + 101 :]))
    assert [each.data for each in got] == ["before " * 5, *said]
    assert b"as it is" in data
    assert b"three" not in data


class Latest:
    """Drops what has waited longest in place of what is new: what a policy may do is not much."""

    def decide(self, outbox: Any, message: PreparedMessage) -> SendStatus:
        outbox.drop(outbox._backlog.take())
        status: SendStatus = outbox.push_message(message)
        return status


def test_what_waits_can_be_dropped_although_there_is_a_window(build: Build) -> None:
    """Nothing was deflated yet, so nobody has heard of it."""
    bench = full(build, limit=10, most=120, deflater=Deflater(has_takeover=True), overflow=Latest())
    for number in range(6):
        assert bench.outbox.push(Opcode.TEXT, f"price {number} " * 4) is BACKPRESSURE
    assert [each.data for each in read(emptied(bench))] == [f"price {n} " * 4 for n in (3, 4, 5)]
    assert len(bench.owner.dropped) == 3


def test_a_large_payload_that_waited_is_not_copied(build: Build) -> None:
    """It leaves behind its header, and both are counted."""
    bench = full(build, limit=1000, most=2**20)
    payload = bytes(100_000)
    assert bench.outbox.push(Opcode.BINARY, payload) is BACKPRESSURE
    assert bench.outbox.amount == 1001 + 10 + len(payload)
    assert emptied(bench) == binary(payload)
    assert any(each is bench.written[-1] for each in bench.written)
    assert len(bench.written[-1]) == len(payload)


def test_a_push_says_how_full_it_is(build: Build) -> None:
    """Queued, queued with too much before it, or not at all, which its owner is told."""
    bench = Bench(build, limit=10, most=40, transport=Transport(room=0))
    assert bench.outbox.push(Opcode.TEXT, "123") is SUCCESS
    assert bench.outbox.push(Opcode.BINARY, b"1234") is BACKPRESSURE
    assert bench.outbox.push(Opcode.TEXT, "x" * 30) is DROPPED
    assert bench.owner.dropped == [(Opcode.TEXT, b"x" * 30)]
    assert bench.outbox.amount == 11
    assert bench.outbox.push(Opcode.TEXT, "x" * 29) is BACKPRESSURE


def test_nothing_waits_before_any_message(build: Build) -> None:
    """However large it is: it could never be sent otherwise."""
    bench = Bench(build, transport=Transport(room=0))
    assert bench.outbox.push(Opcode.BINARY, bytes(1000)) is BACKPRESSURE
    assert bench.outbox.push(Opcode.BINARY, b"") is DROPPED


# what we hold back ourselves is no backpressure


@pytest.mark.parametrize("where", ["read", "cork", "turn"])
@pytest.mark.parametrize("is_shared", [True, False])
def test_what_we_hold_back_is_handed_over_before_anything_is_refused(
    build: Build, where: str, is_shared: bool
) -> None:
    """A peer that keeps up gets all, with bounds that are smaller than what is said in one turn."""
    bench = Bench(build, limit=100, most=100)
    if where == "read":
        bench.begin_read()
    elif where == "cork":
        bench.outbox.cork()
    payloads = [b"%03d" % number * 7 for number in range(50)]
    for payload in payloads:
        if is_shared:
            status = bench.outbox.push_shared(PreparedMessage(payload))
        else:
            status = bench.outbox.push(Opcode.BINARY, payload)
        assert status is SUCCESS
    assert len(bench.written) < 25
    if where == "cork":
        bench.outbox.uncork()
    bench.end_turn()
    assert bytes(bench.transport.sent) == b"".join(map(binary, payloads))
    assert bench.owner.drains == 0


# drains


@pytest.mark.parametrize("pauses_empty", [True, False])
@pytest.mark.parametrize("threshold", [1, 30, 64, 100, 150])
def test_a_feed_that_stops_by_the_number_goes_on(
    build: Build, threshold: int, pauses_empty: bool
) -> None:
    """Whatever number that is, on a peer that reads a little at a time."""
    bench = Bench(
        build, limit=64, most=400, transport=Transport(room=70, pauses_empty=pauses_empty)
    )
    left = [b"%04d" % number * 4 for number in range(200)]
    expected = b"".join(map(binary, left))

    def feed() -> None:
        while left and bench.outbox.observe() < threshold:
            assert bench.outbox.push(Opcode.BINARY, left.pop(0)) is not DROPPED

    bench.owner.outbox_drained = feed  # type: ignore[method-assign]
    feed()
    for _ in range(2000):
        bench.end_turn()
        bench.transport.take(13)
    assert bytes(bench.transport.sent) == expected


def test_frames_of_just_the_limit_do_not_stall_who_looks(build: Build) -> None:
    """They are no backpressure, and whoever has seen that they wait is told when they do not."""
    bench = Bench(build, limit=64, most=400)
    bench.begin_read()
    for _ in range(4):
        assert bench.outbox.push(Opcode.BINARY, bytes(14)) is SUCCESS
    assert bench.outbox.observe() == 64
    bench.end_turn()
    assert bench.owner.drains == 1


def test_nobody_is_told_of_a_drain_who_has_not_looked(build: Build) -> None:
    """Nor who has seen that nothing waits."""
    bench = Bench(build, limit=64, most=400)
    for _ in range(100):
        assert bench.outbox.observe() == 0
        bench.outbox.push(Opcode.BINARY, bytes(14))
        bench.end_turn()
    bench.begin_read()
    bench.outbox.push(Opcode.BINARY, bytes(14))
    bench.end_turn()
    assert bench.owner.drains == 0
    assert bench.outbox._backlog is None


def test_looking_often_is_one_drain(build: Build) -> None:
    """And one more where it was above the limit: both are told of, each once."""
    bench = full(build, limit=64, most=4000)
    for _ in range(10):
        assert bench.outbox.push(Opcode.BINARY, bytes(14)) is BACKPRESSURE
        assert bench.outbox.observe() > 64
    bench.transport.take(65)
    assert (bench.owner.drains, bench.outbox.amount) == (0, 160)
    emptied(bench)
    assert (bench.owner.drains, bench.outbox.amount) == (1, 0)
    assert bench.transport.high == 64


def test_a_drain_after_a_drop_comes_when_nothing_waits(build: Build) -> None:
    """Then any message is taken."""
    bench = full(build, limit=64, most=100)
    assert bench.outbox.push(Opcode.BINARY, bytes(80)) is DROPPED
    bench.transport.take(64)
    assert bench.owner.drains == 0
    bench.transport.take(1)
    assert bench.owner.drains == 1
    assert bench.outbox.push(Opcode.BINARY, bytes(1000))


def test_whoever_feeds_in_a_cork_leaves_the_loop_its_turns(build: Build) -> None:
    """What is told of a drain is told once in a turn: an endless feed is no endless loop."""
    bench = Bench(build, limit=64, most=400)
    fed = 0

    def feed() -> None:
        nonlocal fed
        fed += 1
        bench.outbox.cork()
        while bench.outbox.observe() < 40:
            bench.outbox.push(Opcode.BINARY, bytes(14))
        bench.outbox.uncork()

    bench.owner.outbox_drained = feed  # type: ignore[method-assign]
    feed()
    for turn in range(1, 10):
        assert fed == turn
        bench.end_turn()


# pongs and the end


def test_of_many_pongs_the_newest_leaves(build: Build) -> None:
    """Where much waits; it leaves at the end of the turn if the transport takes it."""
    bench = full(build, limit=PONG_BACKLOG, most=2**20)
    bench.outbox.push(Opcode.BINARY, b"waits")
    for number in range(10):
        bench.outbox.write_pong(b"pong %d" % number)
    assert emptied(bench) == binary(b"waits") + b"pong 9"

    bench = Bench(build, limit=2 * PONG_BACKLOG, most=2**20, transport=Transport(room=0))
    bench.outbox.write(bytes(PONG_BACKLOG + 1))
    bench.end_turn()
    bench.outbox.write_pong(b"pong")
    bench.end_turn()
    assert bench.written[-1] == b"pong"


def test_nothing_follows_a_close(build: Build) -> None:
    """A pong that was put off goes before; what waits goes before both, and all of it is handed over."""
    bench = full(build, limit=PONG_BACKLOG, most=2**20)
    bench.outbox.push(Opcode.BINARY, b"waits")
    bench.outbox.write_pong(b"pong")
    bench.outbox.write_close(b"close")
    bench.outbox.finish()
    bench.outbox.finish()
    assert emptied(bench) == binary(b"waits") + b"pongclose"


def test_what_is_lost_is_forgotten(build: Build) -> None:
    """Nothing is written any more."""
    bench = full(build)
    bench.outbox.push(Opcode.BINARY, b"waits")
    bench.outbox.fail(ConnectionClosed(1006))
    bench.outbox.resume()
    bench.end_turn()
    assert len(bench.written) == 1


def test_a_compressor_that_fails_ends_its_connection_alone(build: Build) -> None:
    """What waits cannot leave any more, and nothing is left to wait for."""
    broken = Deflater(has_takeover=True)
    bench = full(build, deflater=broken)
    bench.outbox.push(Opcode.BINARY, b"waits")
    error = MemoryError()

    def fail(data: bytes) -> bytes:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Deflater, "compress", lambda self, data: fail(data))
        bench.transport.take(2**20)
    bench.end_turn()
    assert bench.owner.failed == [error]
    assert bench.outbox.amount == 0


# those who wait


async def started(*sends: Any) -> list[asyncio.Task[None]]:
    tasks = [asyncio.ensure_future(send) for send in sends]
    await asyncio.sleep(0)
    return tasks


async def test_those_who_send_wait_in_order(build: Build) -> None:
    """For room, and for those before them."""
    bench = full(build)
    outbox = bench.outbox
    tasks = await started(*(outbox.send(PreparedMessage(b"%d" % each * 8)) for each in range(5)))
    assert not outbox.send_at_once(Opcode.TEXT, "me first")
    while not all(task.done() for task in tasks):
        bench.transport.take(5)
        await asyncio.sleep(0)
    assert emptied(bench) == b"".join(binary(b"%d" % each * 8) for each in range(5))
    assert outbox._backlog is None


async def test_who_is_cancelled_has_sent_nothing(build: Build) -> None:
    """And keeps nobody waiting."""
    bench = full(build)
    first, second = await started(
        bench.outbox.send(PreparedMessage(b"1")), bench.outbox.send(PreparedMessage(b"2"))
    )
    first.cancel()
    await asyncio.wait([first])
    bench.transport.take(2**20)
    await second
    assert emptied(bench) == binary(b"2")


@pytest.mark.parametrize("size", [1, 1024 * 1024])
async def test_a_bounded_number_waits_to_send(build: Build, size: int) -> None:
    """In tasks and in bytes; who comes then learns so at once, and the others lose nothing."""
    bench = full(build, most=2**30)
    allowed = min(MAX_SENDERS, MAX_SENDING // size)
    tasks = await started(
        *(bench.outbox.send(PreparedMessage(bytes(size))) for _ in range(allowed))
    )
    assert not any(task.done() for task in tasks)
    with pytest.raises(TooManySenders) as caught:
        await bench.outbox.send(PreparedMessage(bytes(size)))
    assert (caught.value.senders, caught.value.size) == (allowed, allowed * size)
    assert str(allowed) in str(caught.value)
    bench.outbox.fail(ConnectionClosed(1006))
    bench.outbox.is_open = False
    done, _ = await asyncio.wait(tasks)
    assert {type(task.exception()) for task in done} == {ConnectionClosed}


async def test_one_message_of_any_size_may_wait(build: Build) -> None:
    """It could never be sent otherwise."""
    bench = full(build)
    (task,) = await started(bench.outbox.send(PreparedMessage(bytes(2 * MAX_SENDING))))
    assert not task.done()
    bench.transport.take(2**30)
    await task


async def test_a_bounded_number_waits_for_the_drain(build: Build) -> None:
    """They wait as senders do."""
    bench = full(build)
    tasks = await started(*(bench.outbox.drained() for _ in range(MAX_SENDERS)))
    with pytest.raises(TooManySenders):
        await bench.outbox.drained()
    bench.transport.take(2**20)
    await asyncio.gather(*tasks)
    assert bench.owner.drains == 1
    await bench.outbox.drained()


async def test_what_a_cork_holds_is_handed_over_to_who_waits_for_the_drain(build: Build) -> None:
    """The end of the cork may come after it."""
    bench = Bench(build, limit=64, most=400)
    bench.outbox.push(Opcode.BINARY, bytes(500))
    bench.transport.room = 0
    bench.outbox.cork()
    bench.outbox.push(Opcode.BINARY, bytes(60))
    (task,) = await started(bench.outbox.drained())
    await task
    bench.outbox.uncork()


# all of it together, held against a model


STEPS = ["push", "text", "shared", "message", "control", "cork", "uncork", "read", "end", "turn"]
STEPS += ["stall", "take", "take", "look", "close", "loss", "error", "thread", "thread", "finish"]

steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 60)), min_size=25, max_size=80)


def payload_of(message: Message) -> bytes:
    if message.opcode == Opcode.CLOSE:
        return b""
    assert not isinstance(message.data, int)
    return message.data.encode() if isinstance(message.data, str) else message.data


class Thread:
    """In place of a `Deflation`: it works when the test says so."""

    begun: ClassVar[list[Thread]] = []

    def __init__(self, work: Callable[[], bytes]) -> None:
        self.work = work
        self.future: Future[bytes] = Future()
        self.waiting: list[Callable[[Any], None]] = []
        self.begun.append(self)

    @property
    def is_at_work(self) -> bool:
        return not self.future.done()

    def wait(self, done: Callable[[Any], None]) -> None:
        self.waiting.append(done)

    def forget(self, done: Callable[[Any], None]) -> None:
        self.waiting.remove(done)

    def finish(self) -> None:
        """Do the work, also where nobody waits for it any more."""
        self.begun.remove(self)
        self.future.set_result(self.work())
        for done in self.waiting:
            done(self.future)


class Model:
    """Does what it is told to an outbox, and objects to what must not be."""

    def __init__(self, build: Build, *, pauses_empty: bool, deflater: Deflater | None) -> None:
        self.bench = Bench(build, transport=Transport(pauses_empty=pauses_empty), deflater=deflater)
        Thread.begun = []
        self.expected: list[tuple[int, bytes]] = []
        self.corks = self.count = 0
        self.is_over = False
        self.owes_drain = False
        self.drains = 0
        self.log: list[Any] = []

    @property
    def outbox(self) -> Outbox:
        return self.bench.outbox

    def do(self, step: str, number: int) -> None:
        getattr(self, f"do_{step}")(number)
        assert self.bench.invariant, step
        outbox, is_paused = self.outbox, self.bench.transport.is_paused
        assert not (outbox._writable and is_paused), step
        if outbox._backlog is not None and outbox._backlog.deflation is not None:
            assert outbox._frames is None, "what came before does not wait for a thread"
        self.log.append((step, len(self.bench.written), self.outbox.amount, self.outbox.is_full))

    def payload(self, size: int) -> bytes:
        self.count += 1
        return bytes((self.count % 256,)) * size

    def sent(self, opcode: int, payload: bytes, status: SendStatus) -> None:
        self.log.append(status)
        outbox, truth = self.outbox, len(self.bench.transport.held)
        if not outbox._writable and (status is not DROPPED or self.bench.transport.is_paused):
            truth = outbox.amount
        if status is not DROPPED:
            assert not self.is_over
            self.expected.append((opcode, payload))
        elif self.outbox.is_open:
            assert truth, "an outbox with nothing in it takes any message"
            assert truth + len(payload) > MOST, "what we hold back ourselves is no backpressure"
        if status is BACKPRESSURE:
            assert truth > LIMIT, "what we hold back ourselves is no backpressure"
        if status is not SUCCESS and not self.is_over:
            self.owes()

    def owes(self) -> None:
        self.owes_drain, self.drains = True, self.bench.owner.drains

    def do_push(self, size: int) -> None:
        payload = self.payload(size)
        self.sent(Opcode.BINARY, payload, self.outbox.push(Opcode.BINARY, payload))

    def do_text(self, size: int) -> None:
        text = "abc"[size % 3] * size
        self.sent(Opcode.TEXT, text.encode(), self.outbox.push(Opcode.TEXT, text))

    def do_shared(self, size: int) -> None:
        payload = self.payload(size)
        self.sent(Opcode.BINARY, payload, self.outbox.push_shared(PreparedMessage(payload)))

    def do_message(self, size: int) -> None:
        message = PreparedMessage(self.payload(size), compress=size % 2)
        self.sent(Opcode.BINARY, message.payload, self.outbox.push_message(message))

    def do_control(self, size: int) -> None:
        if self.outbox.is_open:
            payload = self.payload(size)
            self.outbox.send_control(Opcode.PING, payload)
            self.expected.append((Opcode.PING, payload))

    def do_cork(self, _: int) -> None:
        self.corks += 1
        self.outbox.cork()

    def do_uncork(self, _: int) -> None:
        if self.corks:
            self.corks -= 1
            self.outbox.uncork()

    def do_read(self, _: int) -> None:
        self.bench.begin_read()

    def do_end(self, _: int) -> None:
        if self.bench.flusher.is_reading:
            self.bench.flusher.end_read()

    def do_turn(self, _: int) -> None:
        if not self.bench.flusher.is_reading:
            self.bench.loop.turn()

    def do_stall(self, _: int) -> None:
        self.bench.transport.room = 0

    def do_take(self, size: int) -> None:
        self.bench.transport.take(size)

    def do_look(self, _: int) -> None:
        if self.outbox.observe() and not self.is_over:
            self.owes()

    def do_close(self, _: int) -> None:
        if self.outbox.is_open:
            self.outbox.write_close(build_frame(Opcode.CLOSE, b""))
            self.outbox.is_open = False
            self.expected.append((Opcode.CLOSE, b""))
            self.is_over, self.owes_drain = True, False

    def do_finish(self, number: int) -> None:
        if number < 5 and not self.outbox.is_open:
            self.outbox.finish()

    def do_thread(self, number: int) -> None:
        if Thread.begun:
            Thread.begun[number % len(Thread.begun)].finish()

    def do_loss(self, number: int) -> None:
        if number == 0:
            self.is_over, self.owes_drain = True, False
            self.expected = self.arrived()
            self.outbox.is_open = False
            self.outbox.fail(ConnectionClosed(1006))
            self.bench.transport.held.clear()

    def do_error(self, number: int) -> None:
        if number == 0:
            self.bench.transport.error = OSError("gone")

    def arrived(self) -> list[tuple[int, bytes]]:
        """Every message that the peer has got whole, in order."""
        return [(each.opcode, payload_of(each)) for each in read(bytes(self.bench.transport.sent))]

    def finish(self) -> None:
        """All corks end, and reads, and turns, and the peer reads on: nothing is left anywhere."""
        while self.corks:
            self.do_uncork(0)
        for number in range(100):
            self.bench.end_turn()
            self.bench.transport.take(7)
            self.do_thread(number)
        self.bench.transport.take(2**20)
        while Thread.begun:
            self.do_thread(0)
        self.bench.end_turn()
        arrived, pings = in_order(self.arrived())
        expected, all_pings = in_order(self.expected)
        if self.bench.owner.failed:
            assert arrived == expected[: len(arrived)]
            assert not pings - all_pings
            return
        assert (arrived, pings) == (expected, all_pings)
        assert self.outbox.amount == 0
        if self.owes_drain:
            assert self.bench.owner.drains > self.drains, "who was to be told of a drain was not"
        if not self.is_over:
            assert self.outbox._backlog is None
            assert self.bench.transport.high == LIMIT


def in_order(
    frames: list[tuple[int, bytes]],
) -> tuple[list[tuple[int, bytes]], Counter[tuple[int, bytes]]]:
    """Everything whose order counts; and the pings, which overtake a message that a thread deflates."""
    pings = [each for each in frames if each[0] == Opcode.PING]
    return [each for each in frames if each not in pings], Counter(pings)


def log_of(
    build: Build,
    taken: list[tuple[str, int]],
    *,
    pauses_empty: bool,
    has_takeover: bool | None,
    long_to_deflate: int,
) -> list[Any]:
    """Everything that can be seen of an outbox, step by step; ``has_takeover``: None for no deflater."""
    deflater = None if has_takeover is None else Deflater(has_takeover=has_takeover)
    model = Model(build, pauses_empty=pauses_empty, deflater=deflater)
    with pytest.MonkeyPatch.context() as patch:
        names = type(model.outbox).finish.__globals__  # of this build's own module
        patch.setitem(names, "LONG_TO_DEFLATE", long_to_deflate)
        patch.setitem(names, "Deflation", Thread)
        patch.setattr("aiows.connection.prepared.Deflation", Thread)
        for step, number in taken:
            model.do(step, number)
        model.finish()
    return [*model.log, model.bench.written, model.bench.owner.dropped, model.bench.owner.drains]


@settings(deadline=None, max_examples=300)
@given(
    taken=steps,
    pauses_empty=st.booleans(),
    has_takeover=st.sampled_from([None, False, True]),
    long_to_deflate=st.sampled_from([20, 40, 64 * 1024]),
)
def test_whatever_happens_nothing_is_lost_or_stuck_and_order_is_kept(
    build: Build, taken: list[tuple[str, int]], **options: Any
) -> None:
    """And both builds write the same at the same time. Some messages are deflated in threads."""
    assert log_of(build, taken, **options) == log_of(Build(), taken, **options)
