"""Wait in a test until something is so, for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ("eventually",)

POLL: Final = 0.002
"""Seconds between two looks: short enough that nobody waits for it."""


async def eventually(condition: Callable[[], object], *, within: float = 5.0) -> None:
    """Return once ``condition()`` is true. Raises TimeoutError after ``within`` seconds."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(POLL)
