"""Building frames: others can read what build_frame makes, and nothing forbidden is built."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.streams import StreamReader

from aiows._wire import Opcode, build_close, parse_close
from aiows.errors import InvalidCloseCode, ProtocolError
from builds import Build

MASK = b"\x37\xfa\x21\x3d"


def read_with_websockets(data: bytes, *, mask: bool) -> Frame:
    """What a third party makes of one frame, with nothing left over."""
    stream = StreamReader()
    stream.feed_data(data)
    with pytest.raises(StopIteration) as stop:
        next(Frame.parse(stream.read_exact, mask=mask))
    assert not stream.buffer
    frame: Frame = stop.value.value
    return frame


@pytest.mark.parametrize(
    ("opcode", "payload", "options", "expected"),
    [
        (Opcode.TEXT, b"Hello", {}, "810548656c6c6f"),
        (Opcode.TEXT, b"Hello", {"mask": MASK}, "818537fa213d7f9f4d5158"),
        (Opcode.TEXT, b"Hel", {"fin": False}, "010348656c"),
        (Opcode.CONTINUATION, b"lo", {}, "80026c6f"),
        (Opcode.PING, b"Hello", {}, "890548656c6c6f"),
        (Opcode.PONG, b"Hello", {"mask": MASK}, "8a8537fa213d7f9f4d5158"),
    ],
)
def test_the_examples_of_the_rfc(
    build: Build, opcode: Opcode, payload: bytes, options: dict[str, Any], expected: str
) -> None:
    """RFC 6455, section 5.7."""
    assert build.build_frame(opcode, payload, **options).hex() == expected


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, "8200"),
        (125, "827d"),
        (126, "827e007e"),
        (65535, "827effff"),
        (65536, "827f0000000000010000"),
    ],
)
def test_the_length_has_its_shortest_form(build: Build, size: int, header: str) -> None:
    """RFC 6455, section 5.2."""
    payload = bytes(size)
    assert build.build_frame(Opcode.BINARY, payload) == bytes.fromhex(header) + payload


def test_rsv1_marks_a_compressed_message(build: Build) -> None:
    """RFC 7692, section 7.2.3.1: the example "Hello"."""
    built = build.build_frame(Opcode.TEXT, bytes.fromhex("f248cdc9c90700"), rsv1=True)
    assert built.hex() == "c107f248cdc9c90700"


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONTINUATION]),
    st.one_of(st.binary(max_size=200), st.integers(0, 70000).map(bytes)),
    st.booleans(),
    st.none() | st.binary(min_size=4, max_size=4),
)
def test_websockets_reads_what_was_built(
    build: Build, opcode: Opcode, payload: bytes, fin: bool, mask: bytes | None
) -> None:
    """Masked or not, every field comes out as it went in."""
    built = build.build_frame(opcode, payload, fin=fin, mask=mask)
    frame = read_with_websockets(built, mask=mask is not None)
    assert (int(frame.opcode), frame.data) == (opcode, payload)
    assert (frame.fin, frame.rsv1, frame.rsv2, frame.rsv3) == (fin, False, False, False)


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize(
    "payload", [bytearray(b"abcd"), memoryview(b"abcd"), memoryview(array("H", b"abcd"))]
)
def test_anything_like_bytes_is_a_payload(
    build: Build, payload: bytearray | memoryview, mask: bytes | None
) -> None:
    """Its bytes count, not its items."""
    assert build.build_frame(Opcode.BINARY, payload, mask=mask) == build.build_frame(
        Opcode.BINARY, b"abcd", mask=mask
    )


@pytest.mark.parametrize("opcode", [Opcode.CLOSE, Opcode.PING, Opcode.PONG])
def test_a_control_frame_holds_125_bytes_and_no_more(build: Build, opcode: Opcode) -> None:
    """RFC 6455, section 5.5."""
    assert len(build.build_frame(opcode, bytes(125))) == 127
    with pytest.raises(ValueError, match="at most 125 bytes, not 126"):
        build.build_frame(opcode, bytes(126))


@pytest.mark.parametrize("options", [{"fin": False}, {"rsv1": True}])
def test_a_control_frame_is_neither_fragmented_nor_compressed(
    build: Build, options: dict[str, bool]
) -> None:
    """RFC 6455, section 5.5, and RFC 7692, section 6.1."""
    with pytest.raises(ValueError, match="neither fragmented nor compressed"):
        build.build_frame(
            Opcode.PING, b"", fin=options.get("fin", True), rsv1=options.get("rsv1", False)
        )


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4999])
def test_a_close_that_was_built_is_parsed_to_the_same(code: int) -> None:
    """Code and reason survive the build."""
    assert parse_close(build_close(code, "schön")) == (code, "schön")
    assert build_close(code, "schön".encode()) == build_close(code, "schön")


def test_a_close_without_a_code_means_1005() -> None:
    """RFC 6455, section 7.1.5."""
    assert parse_close(b"") == (1005, "")


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65536])
def test_a_close_code_that_may_not_be_sent_is_not_built(code: int) -> None:
    """RFC 6455, section 7.4.1: 1005, 1006 and 1015 are never on the build."""
    with pytest.raises(InvalidCloseCode, match=f"{code} is not a close code"):
        build_close(code)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_a_close_code_that_may_not_be_sent_is_1002_when_it_comes(code: int) -> None:
    """RFC 6455, section 7.4."""
    with pytest.raises(ProtocolError, match=f"Invalid close code: {code}") as raised:
        parse_close(code.to_bytes(2, "big") + b"bye")
    assert raised.value.code == 1002


def test_a_close_of_one_byte_is_1002() -> None:
    """RFC 6455, section 5.5.1: the body begins with two bytes."""
    with pytest.raises(ProtocolError) as raised:
        parse_close(b"\x03")
    assert raised.value.code == 1002


def test_a_close_reason_that_is_not_utf8_is_1007() -> None:
    """RFC 6455, section 5.5.1."""
    with pytest.raises(ProtocolError) as raised:
        parse_close(b"\x03\xe8\xce\xba\xe1")
    assert raised.value.code == 1007


def test_a_close_reason_of_123_bytes_is_the_longest() -> None:
    """Bytes of UTF-8 count, not characters, and the error says how many there were."""
    assert len(build_close(1000, "é" * 61 + "x")) == 125
    with pytest.raises(ValueError, match="at most 123 bytes of UTF-8, not 124"):
        build_close(1000, "é" * 62)


def test_a_close_reason_in_bytes_must_be_utf8() -> None:
    """The peer would have to fail the connection (RFC 6455, section 8.1)."""
    with pytest.raises(ValueError, match="utf-8"):
        build_close(1000, b"\xff")


@pytest.mark.parametrize("code", [None, "4000", 4000.0, True, [], b"\x0f\xa0"])
def test_what_is_no_number_is_no_close_code(code: Any) -> None:
    """Also where it equals one; the error says what it was."""
    with pytest.raises(InvalidCloseCode) as raised:
        build_close(code)
    assert str(raised.value).startswith(f"{code!r} is not a close code")


@pytest.mark.parametrize("reason", [None, 5, 0, [1], object()])
def test_what_is_no_text_is_no_close_reason(reason: Any) -> None:
    """``bytes(5)`` would be five zeros."""
    with pytest.raises(TypeError, match="a close reason is a str or bytes, not"):
        build_close(4000, reason)
