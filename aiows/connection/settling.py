"""Waits for tasks that should end by themselves, and ends those that do not in time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

__all__ = ("settle",)

# What is cancelled may clean up for so many seconds. Stops a task that swallows its cancellation from holding
# up a shutdown for ever.
LAST_WAIT: Final = 1.0


async def settle(tasks: Collection[asyncio.Future[Any]], timeout: float | None) -> bool:
    """Wait until all ``tasks`` have ended; cancel them after ``timeout`` seconds, or if this is cancelled.

    Returns whether they have ended by themselves.
    """
    late = {*tasks}
    if not late:
        return True
    try:
        _, late = await asyncio.wait(late, timeout=timeout)
    finally:
        for task in late:
            task.cancel()
    if late:
        await asyncio.wait(late, timeout=LAST_WAIT)
    return not late
