"""Compression: the modes, zlib's settings for them, and their names."""

from __future__ import annotations

import zlib

import pytest

from aiows._wire import Compression

SETTINGS = {
    Compression.DEDICATED_3KB: (9, 1),
    Compression.DEDICATED_4KB: (9, 2),
    Compression.DEDICATED_8KB: (10, 3),
    Compression.DEDICATED_16KB: (11, 4),
    Compression.DEDICATED_32KB: (12, 5),
    Compression.DEDICATED_64KB: (13, 6),
    Compression.DEDICATED_128KB: (14, 7),
    Compression.DEDICATED_256KB: (15, 8),
}


def test_each_mode_is_a_member_of_its_own() -> None:
    """None of them is by accident an alias of another."""
    assert list(Compression) == [Compression.DISABLED, Compression.SHARED, *SETTINGS]


@pytest.mark.parametrize(("mode", "settings"), SETTINGS.items())
def test_a_dedicated_mode_has_its_window_and_memory_level(
    mode: Compression, settings: tuple[int, int]
) -> None:
    """What zlib makes of them is the size in the name."""
    assert mode.is_dedicated
    assert (mode.window_bits, mode.memory_level) == settings
    size = 2 ** (mode.window_bits + 2) + 2 ** (mode.memory_level + 9)
    assert mode.name == f"DEDICATED_{size // 1024}KB"


def test_shared_has_the_largest_window() -> None:
    """It is kept once and not per connection."""
    assert not Compression.SHARED.is_dedicated
    assert Compression.SHARED.window_bits == 15
    assert Compression.SHARED.memory_level == zlib.DEF_MEM_LEVEL
    assert not Compression.DISABLED.is_dedicated


def test_the_seeds_names_are_the_same_members() -> None:
    """SHARED_COMPRESSOR and DEDICATED_COMPRESSOR_4KB are aliases."""
    assert Compression["SHARED_COMPRESSOR"] is Compression.SHARED
    for mode in SETTINGS:
        alias = mode.name.replace("DEDICATED_", "DEDICATED_COMPRESSOR_")
        assert Compression[alias] is mode
