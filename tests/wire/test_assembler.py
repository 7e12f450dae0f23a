"""The assembler: fragments become messages in the right order, within the limits, or an error."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest

from aiows._wire import DeflateParams, Inflater, Message
from aiows._wire.assembler import MessageAssembler
from aiows._wire.parser import Frame
from aiows.errors import ProtocolError
from builds import Build
from raw_client import BINARY, CLOSE, CONTINUATION, PING, TEXT, close_payload
from wire.streams import binary, deflated, text


def assembler(
    build: Build, *, max_msg_size: int = 1000, deflate: bool = False, decode_text: bool = True
) -> MessageAssembler:
    inflater = Inflater(DeflateParams()) if deflate else None
    return build.MessageAssembler(
        max_msg_size=max_msg_size, inflater=inflater, decode_text=decode_text
    )


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv1: bool = False, rest: int = 0
) -> Frame:
    return Frame(opcode, fin and not rest, rsv1, payload, rest)


def add_all(to: MessageAssembler, *frames: Frame) -> list[Message]:
    """The messages; each frame but those that end one gives None."""
    answers = [to.add(each) for each in frames]
    return [answer for answer in answers if answer is not None]


def assert_refused(code: int, text: str, to: MessageAssembler, *frames: Frame) -> None:
    """The last of ``frames`` is the error."""
    *fine, wrong = frames
    add_all(to, *fine)
    with pytest.raises(ProtocolError, match=text) as raised:
        to.add(wrong)
    assert raised.value.code == code


def test_a_whole_message_comes_at_once(build: Build) -> None:
    """One frame, one message."""
    assert assembler(build).add(frame(TEXT, "é".encode())) == text("é")
    assert assembler(build).add(frame(BINARY, b"\xff")) == binary(b"\xff")


def test_text_can_be_left_undecoded(build: Build) -> None:
    """It is bytes then, and TEXT all the same."""
    to = assembler(build, decode_text=False)
    assert to.add(frame(TEXT, "é".encode())) == Message(TEXT, "é".encode(), "", 2)


@pytest.mark.parametrize("parts", [["é".encode()], [b"\xc3", b"\xff"]])
def test_undecoded_text_is_checked(build: Build, parts: list[bytes]) -> None:
    """RFC 6455, section 8.1 holds for who wants bytes, too."""
    parts[-1] += b"\xe1"
    frames = [
        frame(CONTINUATION if i else TEXT, part, fin=i == len(parts) - 1)
        for i, part in enumerate(parts)
    ]
    assert_refused(1007, "UTF-8", assembler(build, decode_text=False), *frames)


CUT_ANYWHERE = [b"x" * n + "\U0001f600é€".encode() * 20_000 for n in range(4)]


@pytest.mark.parametrize("payload", CUT_ANYWHERE, ids=len)
def test_a_large_text_that_stays_bytes_is_checked_to_its_end(build: Build, payload: bytes) -> None:
    """Wherever the pieces in which it is checked cut a character; a half one at the end is none."""
    read = assembler(build, max_msg_size=10**6, decode_text=False).add(frame(TEXT, payload))
    assert read == Message(TEXT, payload, "", len(payload))
    for wrong in (payload[:-1], payload + b"\xed\xa0\x80", payload[:-3] + b"\xff" + payload[-3:]):
        to = assembler(build, max_msg_size=10**6, decode_text=False)
        assert_refused(1007, "UTF-8", to, frame(TEXT, wrong))


@pytest.mark.parametrize(("decode_text", "most"), [(True, 6.5), (False, 2.5)])
@pytest.mark.parametrize("cuts", [1, 16])
def test_a_text_needs_no_more_memory_than_it_must(
    build: Build, decode_text: bool, most: float, cuts: int
) -> None:
    """As a `str` with one emoji it has four times its bytes, beside them and one more copy of Python's."""
    size = 1024 * 1024
    payload = b"x" * (size - 4) + "\U0001f600".encode()
    part = size // cuts
    frames = [
        frame(CONTINUATION if n else TEXT, payload[n * part : (n + 1) * part], fin=n == cuts - 1)
        for n in range(cuts)
    ]
    to = assembler(build, max_msg_size=2 * size, decode_text=decode_text)
    tracemalloc.start()
    try:
        (message,) = add_all(to, *frames)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message.size == size
    assert peak < most * size


def test_fragments_are_joined(build: Build) -> None:
    """RFC 6455, section 5.4; a character may be cut in two, and a fragment may be empty."""
    messages = add_all(
        assembler(build),
        frame(TEXT, b"a\xc3", fin=False),
        frame(CONTINUATION, b"", fin=False),
        frame(CONTINUATION, b"\xa9"),
        frame(BINARY, b"", fin=False),
        frame(CONTINUATION, b""),
    )
    assert messages == [text("aé"), binary(b"")]


def test_control_frames_come_between_fragments(build: Build) -> None:
    """RFC 6455, section 5.4."""
    messages = add_all(
        assembler(build),
        frame(BINARY, b"a", fin=False),
        frame(PING, b"p"),
        frame(CONTINUATION, b"b"),
    )
    assert messages == [Message(PING, b"p", "", 1), binary(b"ab")]


def test_a_close_has_its_code_and_reason(build: Build) -> None:
    """RFC 6455, section 5.5.1."""
    payload = close_payload(4001, "bye")
    assert assembler(build).add(frame(CLOSE, payload)) == Message(CLOSE, 4001, "bye", 5)
    assert assembler(build).add(frame(CLOSE)) == Message(CLOSE, 1005, "", 0)


def test_a_continuation_of_nothing_is_refused(build: Build) -> None:
    """RFC 6455, section 5.4: at the beginning, and after a message has ended."""
    assert_refused(1002, "non started", assembler(build), frame(CONTINUATION))
    assert_refused(
        1002,
        "non started",
        assembler(build),
        frame(TEXT, fin=False),
        frame(CONTINUATION),
        frame(CONTINUATION),
    )


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("first", [b"", b"a"])
def test_a_new_message_inside_another_is_refused(build: Build, opcode: int, first: bytes) -> None:
    """RFC 6455, section 5.4: messages are not interleaved, also if the first part was empty."""
    assert_refused(
        1002, "continuation", assembler(build), frame(TEXT, first, fin=False), frame(opcode, b"b")
    )


def test_a_bad_byte_fails_while_the_frame_is_still_arriving(build: Build) -> None:
    """The rest of the text never needs to come."""
    assert_refused(1007, "UTF-8", assembler(build), frame(TEXT, b"abc\xff", rest=100))


def test_a_bad_byte_fails_in_its_fragment(build: Build) -> None:
    """Across fragments, before the message is whole: U+110000 is seen in its second byte."""
    assert_refused(
        1007,
        "UTF-8",
        assembler(build),
        frame(TEXT, b"\xce\xba\xf4", fin=False),
        frame(CONTINUATION, b"\x90", fin=False),
    )


def test_half_a_character_goes_on_in_the_next_fragment_or_fails_there(build: Build) -> None:
    """Also where all that follows is ASCII, and the message has not ended."""
    assert_refused(
        1007,
        "UTF-8",
        assembler(build),
        frame(TEXT, b"\xc3", fin=False),
        frame(CONTINUATION, b"plain", fin=False),
    )


def test_half_a_character_at_the_end_is_refused(build: Build) -> None:
    """In one frame, and in the last of several."""
    assert_refused(1007, "UTF-8", assembler(build), frame(TEXT, b"a\xc3"))
    assert_refused(
        1007, "UTF-8", assembler(build), frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"\xc3")
    )


def test_binary_is_any_bytes(build: Build) -> None:
    """Whole or in fragments, nothing is checked."""
    messages = add_all(
        assembler(build), frame(BINARY, b"\xff", fin=False), frame(CONTINUATION, b"\xfe")
    )
    assert messages == [binary(b"\xff\xfe")]


def test_a_message_must_be_smaller_than_the_limit(build: Build) -> None:
    """aiohttp's boundary: 999 pass a limit of 1000, 1000 do not."""
    assert assembler(build).add(frame(BINARY, bytes(999))) == binary(bytes(999))
    assert_refused(
        1009, "size 1000 exceeds limit 1000", assembler(build), frame(BINARY, bytes(1000))
    )


def test_the_limit_itself_passes_where_that_is_asked_for(build: Build) -> None:
    """``takes_limit``: what callback routes promise."""
    to = build.MessageAssembler(
        max_msg_size=1000, inflater=None, decode_text=True, takes_limit=True
    )
    assert to.add(frame(BINARY, bytes(1000))) == binary(bytes(1000))
    assert_refused(1009, "size 1001 exceeds limit 1000", to, frame(BINARY, bytes(1001)))


def test_a_message_that_is_too_big_is_refused_on_its_header(build: Build) -> None:
    """Stops a huge declared length: nothing of its payload is waited for."""
    assert_refused(1009, "exceeds limit 1000", assembler(build), frame(BINARY, rest=2**63 - 1))


def test_a_limit_that_no_frame_can_reach_is_the_same_in_both_builds(build: Build) -> None:
    """The longest frame has 2**63 - 1 bytes (RFC 6455, section 5.2)."""
    longest = frame(BINARY, rest=2**63 - 1)
    assert_refused(
        1009, f"exceeds limit {2**63 - 1}", assembler(build, max_msg_size=2**70), longest
    )


def test_fragments_are_too_big_together(build: Build) -> None:
    """On the header of the one that would pass the limit."""
    frames = (frame(BINARY, bytes(500), fin=False), frame(CONTINUATION, rest=500))
    assert_refused(1009, "size 1000 exceeds", assembler(build), *frames)
    assert add_all(assembler(build, max_msg_size=1001), *frames) == []


def test_control_frames_do_not_count(build: Build) -> None:
    """A message may be as large as the limit allows, whatever comes between."""
    messages = add_all(
        assembler(build),
        frame(BINARY, bytes(500), fin=False),
        frame(PING, bytes(125)),
        frame(CONTINUATION, bytes(499)),
    )
    assert messages[-1] == binary(bytes(999))


def test_a_limit_of_zero_is_none(build: Build) -> None:
    """As in aiohttp; for compressed messages too."""
    to = assembler(build, max_msg_size=0, deflate=True)
    assert to.add(frame(BINARY, bytes(10_000_000))) == binary(bytes(10_000_000))
    assert to.add(frame(BINARY, deflated(bytes(100_000)), rsv1=True)) == binary(bytes(100_000))
    assert to.add(frame(BINARY, rest=2**63 - 1)) is None


def test_a_compressed_message_is_inflated(build: Build) -> None:
    """Its size is the inflated one."""
    to = assembler(build, deflate=True)
    assert to.add(frame(TEXT, deflated(b"aaa" * 100), rsv1=True)) == text("aaa" * 100)


def test_compressed_fragments_are_inflated_together(build: Build) -> None:
    """RFC 7692, section 6.2; the mark is on the first alone, and control frames come between."""
    payload = deflated("é".encode() * 100)
    messages = add_all(
        assembler(build, deflate=True),
        frame(TEXT, payload[:3], fin=False, rsv1=True),
        frame(CONTINUATION, b"", fin=False),
        frame(PING),
        frame(CONTINUATION, payload[3:], fin=False),
        frame(CONTINUATION, b""),
    )
    assert messages == [Message(PING, b"", "", 0), text("é" * 100)]


def test_each_message_chooses_whether_it_is_compressed(build: Build) -> None:
    """RFC 7692, section 6: per message."""
    messages = add_all(
        assembler(build, deflate=True),
        frame(TEXT, b"plain"),
        frame(TEXT, deflated(b"deflated"), rsv1=True),
        frame(TEXT, b"pl", fin=False),
        frame(CONTINUATION, b"ain"),
    )
    assert [message.data for message in messages] == ["plain", "deflated", "plain"]


@pytest.mark.parametrize("fin", [False, True])
def test_bad_utf8_inside_a_compressed_message_is_1007(build: Build, fin: bool) -> None:
    """As soon as it is inflated, not at the message's end."""
    assert_refused(
        1007,
        "UTF-8",
        assembler(build, deflate=True),
        frame(TEXT, deflated(b"\xff"), fin=fin, rsv1=True),
    )


@pytest.mark.parametrize("fin", [False, True])
def test_a_compressed_message_is_too_big_when_it_is_inflated(build: Build, fin: bool) -> None:
    """aiohttp's boundary: 1000 inflated bytes pass a limit of 1000, 1001 do not."""
    fine = frame(BINARY, deflated(bytes(1000)), rsv1=True)
    assert assembler(build, deflate=True).add(fine) == binary(bytes(1000))
    bomb = frame(BINARY, deflated(bytes(1001)), fin=fin, rsv1=True)
    assert_refused(1009, "exceeds size limit 1000", assembler(build, deflate=True), bomb)


def test_a_compressed_message_that_is_here_is_checked_when_it_is_inflated(build: Build) -> None:
    """One that is no text and too big as well is too big; nothing is made of what it says."""
    bomb = frame(TEXT, deflated(b"\xff" * 1001), rsv1=True)
    assert_refused(1009, "exceeds size limit", assembler(build, deflate=True), bomb)


def test_a_compressed_message_may_be_longer_than_the_limit_on_the_wire(build: Build) -> None:
    """What deflate cannot shorten it makes a little longer."""
    stream = zlib.compressobj(level=9, wbits=-15, strategy=zlib.Z_FIXED)
    data = bytes(range(256)) * 3
    worst = stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
    stored = b"".join(
        b"\x00" + bytes((len(part), 0, 255 - len(part), 255)) + part
        for part in (bytes(200), bytes(200), bytes(200), bytes(200), bytes(200))
    )
    assert len(stored) > 1000
    to = assembler(build, deflate=True)
    assert to.add(frame(BINARY, worst[:-4], rsv1=True)) == binary(data)
    assert to.add(frame(BINARY, stored, rsv1=True)) == binary(bytes(1000))


def test_a_compressed_frame_may_announce_an_eighth_and_one_kib_more_than_the_limit(
    build: Build,
) -> None:
    """The eighth for the worst that an encoder does, the KiB for blocks that hold nothing."""
    announced = frame(BINARY, rest=2148, rsv1=True)
    assert assembler(build, deflate=True).add(announced) is None
    refused = frame(BINARY, rest=2149, rsv1=True)
    assert_refused(1009, "size 2149 exceeds limit 1000", assembler(build, deflate=True), refused)


@pytest.mark.parametrize("opcode", [BINARY, CONTINUATION])
def test_a_compressed_frame_of_a_huge_length_is_refused_on_its_header(
    build: Build, opcode: int
) -> None:
    """No encoder needs so much for a message within the limit."""
    huge = frame(opcode, rest=1_000_000, rsv1=opcode != CONTINUATION)
    first = [frame(BINARY, b"", fin=False, rsv1=True)] if opcode == CONTINUATION else []
    assert_refused(1009, "exceeds limit 1000", assembler(build, deflate=True), *first, huge)
