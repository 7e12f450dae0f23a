"""The tests of aiohttp's suite that pass with its class and not with ours, each with its reason.

Two kinds of reason: "private: reaches into X" (what such a test asserts publicly has a test of our
own), and "contradicts fix Y" (on the page of differences). An entry that passes is a failure.
"""

from __future__ import annotations

from typing import Final

WRITTEN_FOR: Final = "3.14.5"
"""aiohttp's version; with another one an entry may name a test that is not there."""

EXPECTED: Final[dict[str, str]] = {}
