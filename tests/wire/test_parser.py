"""The parser: frames whole or in pieces, and every header that RFC 6455 forbids is 1002."""

from __future__ import annotations

import pytest

from aiows._wire.parser import Frame
from aiows.errors import ProtocolError
from builds import Build
from raw_client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, build_frame
from wire.streams import MASK, every

CONTROL = [CLOSE, PING, PONG]
DATA = [CONTINUATION, TEXT, BINARY]
RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
RESERVED = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]


def parse(build: Build, data: bytes, **options: bool) -> list[Frame]:
    parser = build.FrameParser(**options)
    parser.feed(data)
    return list(iter(parser.next_frame, None))


def assert_refused(build: Build, data: bytes, text: str, **options: bool) -> None:
    """``data`` is 1002, and the parser says why."""
    with pytest.raises(ProtocolError, match=text) as raised:
        parse(build, data, **options)
    assert raised.value.code == 1002


def client_frame(opcode: int, payload: bytes = b"", **options: bool) -> bytes:
    return build_frame(opcode, payload, mask=MASK, **options)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
@pytest.mark.parametrize("opcode", DATA)
def test_a_frame_of_any_size_comes_out_whole(build: Build, opcode: int, size: int) -> None:
    """All three forms of the length (RFC 6455, section 5.2)."""
    payload = bytes(i % 251 for i in range(size))
    assert parse(build, client_frame(opcode, payload)) == [Frame(opcode, True, False, payload, 0)]


@pytest.mark.parametrize("opcode", CONTROL)
def test_a_control_frame_comes_out_whole(build: Build, opcode: int) -> None:
    """With the 125 bytes that it may have."""
    payload = bytes(range(125))
    assert parse(build, client_frame(opcode, payload)) == [Frame(opcode, True, False, payload, 0)]


def test_frames_in_one_chunk_come_out_in_order(build: Build) -> None:
    """One read may bring many."""
    data = b"".join(client_frame(TEXT, b"%d" % i) for i in range(3))
    assert [frame.payload for frame in parse(build, data)] == [b"0", b"1", b"2"]


def test_a_frame_that_is_still_arriving_comes_out_in_pieces(build: Build) -> None:
    """They look as if the peer had fragmented there (RFC 6455, section 5.4)."""
    parser = build.FrameParser(allow_rsv1=True)
    pieces: list[Frame] = []
    for chunk in every(9, client_frame(TEXT, b"abcdefghijklm", rsv1=True)):
        parser.feed(chunk)
        pieces += iter(parser.next_frame, None)
    assert pieces == [
        Frame(TEXT, False, True, b"abc", 10),
        Frame(CONTINUATION, False, False, b"defghijkl", 1),
        Frame(CONTINUATION, True, False, b"m", 0),
    ]


def test_the_last_piece_of_a_fragment_does_not_end_the_message(build: Build) -> None:
    """FIN is the frame's and not the piece's."""
    parser = build.FrameParser()
    frames: list[Frame] = []
    for chunk in every(8, client_frame(TEXT, b"abc", fin=False)):
        parser.feed(chunk)
        frames += iter(parser.next_frame, None)
    assert [frame.fin for frame in frames] == [False, False]


def test_a_header_comes_out_before_its_payload(build: Build) -> None:
    """So that what is too long is refused before it is here."""
    assert parse(build, client_frame(BINARY, bytes(70000))[:14]) == [
        Frame(BINARY, False, False, b"", 70000)
    ]


def test_a_header_comes_out_before_its_payload_also_after_a_frame_in_pieces(build: Build) -> None:
    """Nothing of the frame before is remembered."""
    parser = build.FrameParser()
    first, second = client_frame(BINARY, b"abc"), client_frame(BINARY, bytes(70000))
    frames: list[Frame] = []
    for chunk in (first[:-1], first[-1:] + second[:14]):
        parser.feed(chunk)
        frames += iter(parser.next_frame, None)
    assert frames[-1] == Frame(BINARY, False, False, b"", 70000)


@pytest.mark.parametrize("opcode", CONTROL)
def test_a_control_frame_that_is_still_arriving_waits(build: Build, opcode: int) -> None:
    """It is handed out whole or not at all."""
    parser = build.FrameParser()
    whole = client_frame(opcode, b"0123456789")
    for chunk in every(1, whole[:-1]):
        parser.feed(chunk)
        assert parser.next_frame() is None
    parser.feed(whole[-1:])
    assert parser.next_frame() == Frame(opcode, True, False, b"0123456789", 0)


def test_frames_without_a_mask_can_be_allowed(build: Build) -> None:
    """aiohttp accepts them, and a client gets no others."""
    frames = parse(
        build, build_frame(TEXT, b"a", mask=False) + client_frame(TEXT, b"b"), require_mask=False
    )
    assert [frame.payload for frame in frames] == [b"a", b"b"]


@pytest.mark.parametrize("opcode", [TEXT, PING])
def test_a_frame_without_a_mask_is_refused(build: Build, opcode: int) -> None:
    """RFC 6455, section 5.1."""
    assert_refused(build, build_frame(opcode, b"a", mask=False), "without a mask")


@pytest.mark.parametrize("opcode", RESERVED)
def test_an_unknown_opcode_is_refused(build: Build, opcode: int) -> None:
    """RFC 6455, section 5.2: reserved for frames that are not defined yet."""
    assert_refused(build, client_frame(opcode), f"opcode={opcode}", allow_rsv1=True)


@pytest.mark.parametrize("bit", [RSV1, RSV2, RSV3])
@pytest.mark.parametrize("opcode", [*DATA, *CONTROL])
def test_a_reserved_bit_is_refused(build: Build, opcode: int, bit: int) -> None:
    """RFC 6455, section 5.2: unless an extension gives it a meaning."""
    assert_refused(build, client_frame(opcode | bit), "reserved bits")


@pytest.mark.parametrize("bit", [RSV2, RSV3])
@pytest.mark.parametrize("opcode", [*DATA, *CONTROL])
def test_permessage_deflate_gives_a_meaning_to_no_other_bit(
    build: Build, opcode: int, bit: int
) -> None:
    """RFC 7692, section 6."""
    assert_refused(build, client_frame(opcode | bit), "reserved bits", allow_rsv1=True)


@pytest.mark.parametrize("fin", [False, True])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_rsv1_marks_a_compressed_message_where_that_was_negotiated(
    build: Build, opcode: int, fin: bool
) -> None:
    """RFC 7692, section 6."""
    frames = parse(build, client_frame(opcode, b"a", rsv1=True, fin=fin), allow_rsv1=True)
    assert frames == [Frame(opcode, fin, True, b"a", 0)]


@pytest.mark.parametrize("opcode", [CONTINUATION, *CONTROL])
def test_rsv1_is_refused_on_continuations_and_control_frames(build: Build, opcode: int) -> None:
    """RFC 7692, section 6.1: it is on the first frame of a message."""
    assert_refused(build, client_frame(opcode, rsv1=True), "reserved bits", allow_rsv1=True)


@pytest.mark.parametrize("opcode", CONTROL)
def test_a_fragmented_control_frame_is_refused(build: Build, opcode: int) -> None:
    """RFC 6455, section 5.5."""
    assert_refused(build, client_frame(opcode, fin=False), "fragmented control frame")


@pytest.mark.parametrize("size", [126, 65536])
@pytest.mark.parametrize("opcode", CONTROL)
def test_a_control_frame_of_over_125_bytes_is_refused_on_two_bytes(
    build: Build, opcode: int, size: int
) -> None:
    """RFC 6455, section 5.5; nothing more of it needs to be here."""
    assert_refused(build, client_frame(opcode, bytes(size))[:2], "larger than 125 bytes")


@pytest.mark.parametrize(
    ("length", "length_bytes"), [(0, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)]
)
def test_a_length_that_is_not_in_its_shortest_form_is_refused(
    build: Build, length: int, length_bytes: int
) -> None:
    """RFC 6455, section 5.2: the minimal number of bytes must be used."""
    data = build_frame(BINARY, bytes(length), length_bytes=length_bytes)
    assert_refused(build, data, f"payload length {length} ")


@pytest.mark.parametrize("length", [2**63, 2**64 - 1])
def test_a_length_of_64_bits_is_refused(build: Build, length: int) -> None:
    """RFC 6455, section 5.2: the most significant bit must be 0."""
    assert_refused(
        build, build_frame(BINARY, length=length, length_bytes=8), f"payload length {length} "
    )


def test_a_length_of_63_bits_is_only_a_length(build: Build) -> None:
    """It is for who reads the frame to say what is too long."""
    (frame,) = parse(build, build_frame(BINARY, length=2**63 - 1, length_bytes=8))
    assert frame.rest == 2**63 - 1
