"""Bounds how many values a message may have where its types say nothing of them.

A value that is one byte on the wire may be an empty dict of 64 bytes in memory, and a message is inflated
from a thousandth of its size. Where types are declared they say what a message may hold; where they are not,
this does. It is asked before any object is made.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from msgspec import ValidationError

__all__ = ("MOST_VALUES", "count_in_json", "count_in_msgpack", "too_many_values")

MOST_VALUES: Final = 100_000
"""So many values has a message at most where not all types are declared: some 10 MB and 20 milliseconds."""

# What a value follows, but in an empty array or object. Strings are matched as well, so that what is in them
# does not count. A string that does not end is matched up to the end of the message, or each quote in it
# would be the start of another attempt.
_JSON: Final = re.compile(rb'[\[{](?![ \t\r\n]*+[\]}])|,|"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def too_many_values(which: str) -> ValidationError:
    """The error for more than `MOST_VALUES` values; ``which``: why they are bounded."""
    return ValidationError(f"more than {MOST_VALUES} values, {which}")


def count_in_json(data: bytes, most: int) -> int:
    """Return how many values there are at least; it stops when there are more than ``most``."""
    if data.count(b",") + data.count(b"[") + data.count(b"{") < most:
        return 0  # nearly always: not even with what is in strings there are so many
    count = 1
    # Of three tokens at most two are strings, a key and a value. Where there are more it is no JSON, and what
    # decodes it stops there.
    for token in islice(_JSON.finditer(data), 3 * most):
        if data[token.start()] != 0x22:
            count += 1
            if count > most:
                break
    return count


# How many bytes a value has, by its first byte: those of the value itself, or of what says its length. The
# values within an array or a map follow it.
_SIZES: Final = (
    *(1,) * 0xA0,
    *range(1, 33),
    *(1, 1, 1, 1),  # nil, unused, false, true
    *(-1, -2, -4),  # bin
    *(-1, -2, -4),  # ext
    *(5, 9, 2, 3, 5, 9, 2, 3, 5, 9),  # numbers
    *(3, 4, 6, 10, 18),  # fixext
    *(-1, -2, -4),  # str
    *(3, 5, 3, 5),  # array, map
    *(1,) * 32,
)
_EXTENSIONS: Final = (0xC7, 0xC8, 0xC9)  # have a byte more, for their type


def count_in_msgpack(data: bytes, most: int) -> int:
    """Return how many values there are; it stops when there are more than ``most``."""
    position = count = 0
    while position < len(data) and count <= most:
        first = data[position]
        size = _SIZES[first]
        if size < 0:
            start = position + 1
            length = int.from_bytes(data[start : start - size])
            size = 1 - size + length + (first in _EXTENSIONS)
        position += size
        count += 1
    return count
