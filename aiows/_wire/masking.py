"""In go payload and key, out comes payload: RFC 6455, section 5.3, which is its own inverse."""

from __future__ import annotations

from functools import cache
from typing import Final

__all__ = ("apply_mask", "rotate_mask")

# Measured on CPython 3.11 and 3.13: at 32 bytes integers need 0.5 us and tables 1.2 us, at 64 KiB
# integers need 190 us and tables 74 us; they meet at 500 bytes. That is why there are two forms.
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
    """The key for what follows after ``masked`` bytes of a frame."""
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
