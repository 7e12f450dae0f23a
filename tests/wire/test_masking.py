"""Masking: both forms give the same result, and a frame may be masked piece by piece."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiows._wire.masking import rotate_mask
from builds import Build

SIZES = [0, 1, 2, 3, 4, 5, 32, 125, 499, 500, 501, 502, 503, 504, 4096, 65537]

masks = st.binary(min_size=4, max_size=4)


def test_the_example_of_the_rfc(build: Build) -> None:
    """RFC 6455, section 5.7: a masked "Hello"."""
    assert build.apply_mask(b"Hello", b"\x37\xfa\x21\x3d") == b"\x7f\x9f\x4d\x51\x58"


@pytest.mark.parametrize("size", SIZES)
def test_every_byte_is_masked_by_the_rule_of_the_rfc(build: Build, size: int) -> None:
    """RFC 6455, section 5.3: octet i of the payload XOR octet i MOD 4 of the key."""
    payload = bytes(i * 7 % 256 for i in range(size))
    mask = b"\x01\x80\xff\x00"
    assert build.apply_mask(payload, mask) == bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=2000), masks, st.integers(0, 2000))
def test_pieces_with_the_key_rotated_are_masked_as_the_whole(
    build: Build, payload: bytes, mask: bytes, place: int
) -> None:
    """A frame that arrives in two pieces comes out as if it had arrived in one."""
    first, second = payload[:place], payload[place:]
    rotated = rotate_mask(mask, len(first))
    assert build.apply_mask(first, mask) + build.apply_mask(second, rotated) == build.apply_mask(
        payload, mask
    )
