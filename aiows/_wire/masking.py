"""Masks and unmasks payload: XOR with a key of 4 bytes (RFC 6455, section 5.3)."""

from __future__ import annotations

from functools import cache
from typing import Final

__all__ = ("apply_mask", "rotate_mask")

# Measured on CPython 3.11 and 3.13: for 32 bytes integers take 0.5 us and tables 1.2 us, for 64 KiB
# integers take 190 us and tables 74 us; at 500 bytes they are equal. That is why there are two forms.
_FEW_BYTES: Final = 500


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """XOR byte i of ``payload`` with byte ``i % 4`` of ``mask``, which has 4."""
    size = len(payload)
    if size > _FEW_BYTES:
        return _apply_by_tables(payload, mask)
    key = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")
    return masked.to_bytes(size, "little")


def rotate_mask(mask: bytes, masked: int) -> bytes:
    """Return the key for the rest of a frame, after ``masked`` bytes of it."""
    offset = masked % 4
    return mask[offset:] + mask[:offset]


def _apply_by_tables(payload: bytes, mask: bytes) -> bytes:
    masked = bytearray(payload)
    for offset in range(4):
        masked[offset::4] = payload[offset::4].translate(_xor_table(mask[offset]))
    return bytes(masked)


@cache
def _xor_table(key: int) -> bytes:
    return bytes(byte ^ key for byte in range(256))
