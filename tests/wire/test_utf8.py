"""UTF-8: valid text passes in any portions, and the first wrong byte fails at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows.errors import ProtocolError
from builds import Build

# At the borders of each range that RFC 3629, section 4, has for the first and for the other bytes.
FIRST_BYTES = bytes.fromhex("00 7f 80 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 f8 ff")
OTHER_BYTES = bytes.fromhex("7f 80 8f 90 9f a0 bf c0")
COMPLETIONS = [bytes(rest) for n in range(4) for rest in product(OTHER_BYTES, repeat=n)]


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def can_become_text(start: bytes) -> bool:
    """By trying out: whether some bytes after ``start`` make it valid."""
    return any(is_text(start + rest) for rest in COMPLETIONS)


def accepts(build: Build, *pieces: bytes) -> bool:
    checker = build.Utf8Checker()
    with contextlib.suppress(ProtocolError):
        for piece in pieces:
            checker.check(piece)
        return True
    return False


def starts() -> Iterator[bytes]:
    """Every start of a character of up to four bytes, and every first byte too many."""
    waiting = [bytes((byte,)) for byte in FIRST_BYTES]
    while waiting:
        start = waiting.pop()
        yield start
        if len(start) < 4 and not is_text(start) and can_become_text(start):
            waiting += [start + bytes((byte,)) for byte in OTHER_BYTES]


def test_a_start_that_no_text_can_have_is_refused_and_every_other_is_not(build: Build) -> None:
    """Overlong forms, surrogates and what is beyond U+10FFFF fail at the first byte that shows it."""
    for start in starts():
        assert accepts(build, start) is can_become_text(start), start.hex()


def test_a_byte_too_many_is_refused_when_it_comes_alone(build: Build) -> None:
    """The pieces of a frame may be single bytes."""
    for start in starts():
        single_bytes = (bytes((byte,)) for byte in start)
        assert accepts(build, *single_bytes) is can_become_text(start), start.hex()


def test_what_is_refused_is_1007(build: Build) -> None:
    """RFC 6455, section 8.1."""
    checker = build.Utf8Checker()
    checker.check(b"\xce\xba\xf4")
    with pytest.raises(ProtocolError) as raised:
        checker.check(b"\x90")
    assert raised.value.code == 1007


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=50), st.lists(st.integers(0, 200)))
def test_valid_text_passes_wherever_it_is_cut(build: Build, data: str, places: list[int]) -> None:
    """Half a character at the end of a piece is no error."""
    encoded = data.encode()
    borders = sorted({0, len(encoded), *(place for place in places if place < len(encoded))})
    assert accepts(build, *(encoded[a:b] for a, b in pairwise(borders)))


def test_a_whole_text_is_decoded(build: Build) -> None:
    """Beyond the BMP too."""
    assert build.decode_text("κόσμε 𝄞".encode()) == "κόσμε 𝄞"


@pytest.mark.parametrize(
    "payload", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\xf4\x90"]
)
def test_a_whole_text_that_is_not_utf8_is_1007(build: Build, payload: bytes) -> None:
    """RFC 6455, section 8.1; half a character at the end counts here."""
    with pytest.raises(ProtocolError) as raised:
        build.decode_text(payload)
    assert raised.value.code == 1007
