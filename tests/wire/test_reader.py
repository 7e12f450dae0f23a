"""The reader: bytes in any portions, bounded cost for any input, and one error at the end."""

from __future__ import annotations

import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from aiows._wire import DeflateParams, Inflater, Message, MessageReader
from aiows.errors import ProtocolError
from builds import Build
from raw_client import BINARY, CLOSE, CONTINUATION, PING, TEXT, build_frame, close_payload
from wire.streams import (
    available,
    binary,
    deflated,
    every,
    fragmented,
    frame,
    read,
    text,
)

KIB = 1024
MIB = 1024 * KIB
BOMB = deflated(bytes(32 * MIB))


def deflating_reader(build: Build, *, max_msg_size: int = 4 * MIB) -> MessageReader:
    return build.MessageReader(max_msg_size=max_msg_size, inflater=Inflater(DeflateParams()))


def pattern(size: int) -> bytes:
    return bytes(range(251)) * (size // 251 + 1)


def peak_of(work: Callable[[], object]) -> int:
    """The most bytes that ``work`` had allocated at any time."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def seconds_of(work: Callable[[], object]) -> float:
    """The CPU time of the fastest of three runs."""

    def once() -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    return min(once() for _ in range(3))


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Eight times as much takes about eight times as long; squared it would be 64 times."""
    assert seconds_of(lambda: work(8 * size)) < 24 * seconds_of(lambda: work(size))


# Messages


def test_messages_of_one_chunk_come_in_order(build: Build) -> None:
    """Text, binary, a ping between, and the close."""
    stream = [frame(TEXT, "é"), frame(PING, b"p"), frame(BINARY, b"\xff")]
    stream += [frame(CLOSE, close_payload(1000, "bye"))]
    assert read(build.MessageReader(), [b"".join(stream)]).messages == [
        text("é"),
        Message(PING, b"p", "", 1),
        binary(b"\xff"),
        Message(CLOSE, 1000, "bye", 5),
    ]


def test_an_empty_chunk_is_no_message(build: Build) -> None:
    """Nor is nothing at all."""
    reader = build.MessageReader()
    assert reader.next_message() is None
    reader.feed(b"")
    assert reader.next_message() is None


def test_single_bytes_are_as_good(build: Build) -> None:
    """Headers, keys and payloads may be cut anywhere."""
    stream = frame(TEXT, "é" * 100) + frame(BINARY, pattern(300)) + frame(PING)
    assert read(build.MessageReader(), every(1, stream)) == read(build.MessageReader(), [stream])


def test_messages_that_were_not_taken_wait(build: Build) -> None:
    """A connection that pauses feeds more later, and nothing is lost or reordered."""
    reader = build.MessageReader()
    reader.feed(frame(TEXT, "1") + frame(TEXT, "2") + frame(TEXT, "3")[:4])
    assert reader.next_message() == text("1")
    reader.release()
    reader.feed(frame(TEXT, "3")[4:])
    reader.release()
    assert [message.data for message in available(reader)] == ["2", "3"]


def test_what_was_fed_is_let_go_at_the_release(build: Build) -> None:
    """The buffer of all reads may be resized and overwritten then."""
    reader = build.MessageReader()
    buffer = bytearray(frame(TEXT, "whole") + frame(TEXT, "half")[:-2])
    reader.feed(memoryview(buffer))
    assert reader.next_message() == text("whole")
    assert reader.next_message() is None
    reader.release()
    buffer[:] = bytes(len(buffer))
    buffer.clear()
    reader.feed(frame(TEXT, "half")[-2:])
    assert reader.next_message() == text("half")


def test_frames_without_a_mask_are_refused_unless_allowed(build: Build) -> None:
    """RFC 6455, section 5.1."""
    stream = build_frame(TEXT, "hi", mask=False)
    assert read(build.MessageReader(), [stream]).code == 1002
    assert read(build.MessageReader(require_mask=False), [stream]).messages == [text("hi")]


def test_text_may_stay_bytes(build: Build) -> None:
    """As aiohttp's decode_text=False has it."""
    reader = build.MessageReader(decode_text=False)
    assert read(reader, [frame(TEXT, "é")]).messages == [Message(TEXT, "é".encode(), "", 2)]


def test_rsv1_needs_an_inflater(build: Build) -> None:
    """1002 where permessage-deflate was not negotiated, a message where it was."""
    stream = frame(TEXT, deflated(b"hi"), rsv1=True)
    assert read(build.MessageReader(), [stream]).code == 1002
    assert read(deflating_reader(build), [stream]).messages == [text("hi")]


def test_the_limit_is_4_mib_unless_another_is_set(build: Build) -> None:
    """aiohttp's default."""
    assert read(build.MessageReader(), [frame(BINARY, bytes(4 * MIB - 1))]).error is None
    assert read(build.MessageReader(), [frame(BINARY, bytes(4 * MIB))]).code == 1009
    assert read(build.MessageReader(max_msg_size=10), [frame(BINARY, bytes(10))]).code == 1009


# Errors


def test_what_came_before_an_error_is_still_given_out(build: Build) -> None:
    """All in one chunk."""
    outcome = read(build.MessageReader(), [frame(TEXT, "fine") + frame(3)])
    assert (outcome.messages, outcome.code) == ([text("fine")], 1002)


def test_an_error_stays(build: Build) -> None:
    """Nothing is read after it, and it is said again every time."""
    reader = build.MessageReader()
    reader.feed(frame(3) + frame(TEXT, "never"))
    for _ in range(2):
        with pytest.raises(ProtocolError, match="opcode=3") as raised:
            reader.next_message()
        assert raised.value.code == 1002
        reader.feed(frame(TEXT, "never"))


def test_after_an_error_nothing_is_kept(build: Build) -> None:
    """Neither what was wrong, also not by the error itself, nor what comes after it."""
    reader = deflating_reader(build)
    wrong = frame(TEXT, "a" * MIB, fin=False) + frame(CONTINUATION, b"\xff", fin=False)
    after = frame(BINARY, bytes(MIB))
    chunks = [*every(64 * KIB, wrong), *every(64 * KIB, after)]
    tracemalloc.start()
    try:
        error = read(reader, chunks).error
        for chunk in chunks:
            reader.feed(chunk)
        assert tracemalloc.get_traced_memory()[0] < 128 * KIB
        assert reader.get_buffer() is None
        assert error is not None
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("deflate", [False, True])
def test_a_bad_byte_in_the_middle_of_a_frame_fails_at_once(build: Build, deflate: bool) -> None:
    """Not a byte later: the fuzzing client of Autobahn looks (its section 6.4)."""
    reader = deflating_reader(build) if deflate else build.MessageReader()
    payload = "κόσμε".encode() + b"\xf4\x90\x80\x80"
    whole = frame(TEXT, payload + b"edited" * 100)
    first_bad = 8 + payload.index(b"\x90")
    for byte in every(1, whole[:first_bad]):
        reader.feed(byte)
        assert reader.next_message() is None
    reader.feed(whole[first_bad : first_bad + 1])
    with pytest.raises(ProtocolError) as raised:
        reader.next_message()
    assert raised.value.code == 1007


def test_a_close_that_says_1006_is_1002(build: Build) -> None:
    """It stands for the end without a close frame (RFC 6455, section 7.4.1)."""
    assert read(build.MessageReader(), [frame(CLOSE, close_payload(1006))]).code == 1002


def test_every_text_of_an_error_fits_into_a_close_frame(build: Build) -> None:
    """The longest numbers that can be in it."""
    longest = build_frame(BINARY, length=2**63 - 1, length_bytes=8)
    stream = frame(BINARY, bytes(1000), fin=False) + bytes([0]) + longest[1:]
    outcome = read(build.MessageReader(max_msg_size=2**63 - 1), [stream])
    assert outcome.error is not None
    assert outcome.code == 1009
    assert len(outcome.error.text) < 123


# Large messages


def test_a_large_message_is_read_into_memory_of_its_own(build: Build) -> None:
    """In fewer reads than through the shared buffer, and with what follows intact."""
    payload = pattern(MIB)
    stream = frame(BINARY, payload) + frame(TEXT, "after")
    reader = build.MessageReader()
    sizes: list[int] = []
    messages: list[Message] = []
    while stream:
        room = reader.get_buffer()
        size = 64 * KIB if room is None else len(room)
        sizes.append(size)
        part, stream = stream[:size], stream[size:]
        if room is None:
            reader.feed(part)
        else:
            room[: len(part)] = part
            reader.buffer_updated(len(part))
        messages += available(reader)
        reader.release()
    assert messages == [binary(payload), text("after")]
    assert max(sizes) == 256 * KIB
    assert len(sizes) < 8


def test_its_own_memory_may_still_be_exported(build: Build) -> None:
    """A transport that keeps a view of the last room disturbs nobody."""
    payload = pattern(2 * MIB)
    rest = frame(BINARY, payload)
    reader = build.MessageReader()
    kept: list[memoryview] = []
    messages: list[Message] = []
    while rest:
        room = reader.get_buffer()
        size = 64 * KIB if room is None else len(room)
        part, rest = rest[:size], rest[size:]
        if room is None:
            reader.feed(part)
        else:
            kept.append(room)
            room[: len(part)] = part
            reader.buffer_updated(len(part))
        messages += available(reader)
    assert messages == [binary(payload)]
    assert kept


@pytest.mark.parametrize("share", [0.001, 0.5])
def test_a_declared_length_alone_allocates_nothing(build: Build, share: float) -> None:
    """Stops a peer that announces much and sends little: there is at most as much room as came."""
    stream = frame(BINARY, bytes(4 * MIB - 1))
    sent = stream[: int(len(stream) * share)]
    chunks = every(64 * KIB, sent)
    reader = build.MessageReader()

    def stall() -> None:
        read(reader, chunks)
        room = reader.get_buffer()
        assert len(room or b"") <= min(len(sent), 256 * KIB)

    assert peak_of(stall) < 2 * len(sent) + 256 * KIB


def test_a_declared_length_alone_allocates_nothing_after_a_large_message_either(
    build: Build,
) -> None:
    """What came of the message before does not count."""
    reader = build.MessageReader()
    large = frame(BINARY, bytes(200 * KIB))
    read(reader, every(64 * KIB, large))
    assert read(reader, [large[:100]]).error is None
    assert reader.get_buffer() is None


def test_there_is_no_room_between_messages(build: Build) -> None:
    """What comes next may be many small ones: the shared buffer is right for them."""
    reader = build.MessageReader()
    assert reader.get_buffer() is None
    large = frame(BINARY, bytes(200 * KIB))
    reader.feed(large[: 100 * KIB])
    assert reader.get_buffer() is None  # not parsed yet
    assert reader.next_message() is None
    assert reader.get_buffer() is not None
    reader.feed(large[100 * KIB :])
    assert reader.next_message() is not None
    assert reader.get_buffer() is None


def reader_with_room(build: Build) -> tuple[MessageReader, memoryview]:
    """A reader that has half of a large message, and room for the other half."""
    reader = build.MessageReader()
    read(reader, [frame(BINARY, bytes(200 * KIB))[: 100 * KIB]])
    room = reader.get_buffer()
    assert room is not None
    return reader, room


@pytest.mark.parametrize("more", [-100 * KIB, 1])
def test_no_more_is_taken_than_there_is_room_for(build: Build, more: int) -> None:
    """A transport that counts wrong is told so, and nothing beyond the room is read."""
    reader, room = reader_with_room(build)
    with pytest.raises(ValueError, match=f"{len(room) + more} bytes cannot be in the memory"):
        reader.buffer_updated(len(room) + more)


def test_a_room_is_for_one_time(build: Build) -> None:
    """After it was used, after something was fed instead, and where there was none."""
    reader, room = reader_with_room(build)
    reader.buffer_updated(len(room))
    used = reader, build.MessageReader(), reader_with_room(build)[0]
    used[2].feed(b"")
    for each in used:
        with pytest.raises(ValueError, match="0 bytes cannot"):
            each.buffer_updated(0)


def test_the_room_of_a_message_that_is_gone_may_still_be_written_to(build: Build) -> None:
    """Who keeps it writes into memory that nobody reads any more, but that is still there."""
    reader, room = reader_with_room(build)
    del reader
    room[:] = bytes(len(room))
    assert not any(room)


# Bounds


def test_tiny_fragments_cost_linear_time_and_no_objects(build: Build) -> None:
    """Stops a message of a million fragments, empty or of one byte."""

    def receive(count: int, payload: bytes = b"") -> None:
        reader = build.MessageReader()
        read(reader, [frame(TEXT, fin=False)])
        chunk = frame(CONTINUATION, payload, fin=False) * 1000
        assert read(reader, [chunk] * (count // 1000)).error is None

    assert_linear(receive, 2000)
    assert peak_of(lambda: receive(20_000)) < 64 * KIB
    assert peak_of(lambda: receive(20_000, b"a")) < 128 * KIB


def test_reads_of_one_byte_cost_linear_time(build: Build) -> None:
    """Stops a peer that dribbles: nothing of what has come is moved or looked at again."""

    def receive(size: int) -> None:
        outcome = read(build.MessageReader(), every(1, frame(BINARY, bytes(size))))
        assert outcome.messages == [binary(bytes(size))]

    assert_linear(receive, 5000)


def test_many_tiny_messages_in_one_chunk_cost_linear_time(build: Build) -> None:
    """The rest of a chunk is not copied for each of them."""

    def receive(count: int) -> None:
        assert len(read(build.MessageReader(), [frame(BINARY) * count]).messages) == count

    assert_linear(receive, 3000)


@pytest.mark.parametrize("limit", [100 * KIB, 4 * MIB, 16 * MIB])
@pytest.mark.parametrize("chunk_size", [KIB, 64 * KIB, 8 * MIB])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_deflate_bomb_is_refused_at_the_limit(
    build: Build, opcode: int, chunk_size: int, limit: int
) -> None:
    """1009, and memory stays under limit + 1 MB, however much of it comes at once."""
    chunks = every(chunk_size, frame(opcode, BOMB, rsv1=True))
    reader = deflating_reader(build, max_msg_size=limit)
    outcomes = []
    assert peak_of(lambda: outcomes.append(read(reader, chunks))) < limit + MIB
    assert outcomes[0].code == 1009


def test_a_deflate_bomb_in_fragments_is_refused_at_the_limit(build: Build) -> None:
    """The limit counts what all fragments inflate to."""
    parts = every(5000, BOMB)
    reader = deflating_reader(build)
    stream = fragmented(BINARY, parts, rsv1=True)
    outcomes = []
    assert peak_of(lambda: outcomes.append(read(reader, stream))) < 5 * MIB
    assert outcomes[0].code == 1009


def test_a_flood_of_final_blocks_costs_linear_time(build: Build) -> None:
    """Stops two bytes from making zlib copy all that follows them."""

    def receive(count: int) -> None:
        stream = frame(BINARY, b"\x03\x00" * count, rsv1=True)
        assert read(deflating_reader(build), [stream]).messages == [binary(b"")]

    assert_linear(receive, 5000)


def test_a_reader_at_rest_keeps_nothing_of_what_it_read(build: Build) -> None:
    """An idle connection costs what a new one does."""

    def use() -> MessageReader:
        reader = build.MessageReader()
        read(reader, every(64 * KIB, frame(BINARY, pattern(2 * MIB)) + frame(TEXT, "a" * 60_000)))
        return reader

    tracemalloc.start()
    try:
        reader = use()
        assert tracemalloc.get_traced_memory()[0] < 4 * KIB
        assert reader.next_message() is None
    finally:
        tracemalloc.stop()


def test_a_half_frame_at_rest_keeps_only_itself(build: Build) -> None:
    """A chunk of 64 KiB is not held for the three bytes at its end."""
    reader = build.MessageReader()

    def use() -> None:
        read(reader, [frame(BINARY, bytes(64 * KIB - 20)) + frame(TEXT, "abc")[:3]])

    tracemalloc.start()
    try:
        use()
        assert tracemalloc.get_traced_memory()[0] < 4 * KIB
    finally:
        tracemalloc.stop()


def blocks(*parts: bytes, final: bool) -> bytes:
    """Deflate blocks, with BFINAL or without, joined at byte borders."""
    flush = zlib.Z_FINISH if final else zlib.Z_SYNC_FLUSH

    def block(part: bytes) -> bytes:
        stream = zlib.compressobj(wbits=-15)
        return stream.compress(part) + stream.flush(flush)

    return b"".join(map(block, parts))


@pytest.mark.parametrize("cuts", [1, 7, 1000])
@pytest.mark.parametrize("final", [False, True])
def test_a_compressed_message_may_have_several_blocks(build: Build, final: bool, cuts: int) -> None:
    """RFC 7692, sections 7.2.3.4 and 7.2.3.5; the next message is as good."""
    payload = blocks(b"Hello, ", b"", b"world", final=final) + b"\x00"
    stream = frame(TEXT, payload, rsv1=True) + frame(TEXT, deflated(b"again"), rsv1=True)
    assert read(deflating_reader(build), every(cuts, stream)).messages == [
        text("Hello, world"),
        text("again"),
    ]
