"""Awaits something for a bounded time; after that the answer is the refusal ``timeout``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from ...errors import KindError

__all__ = ("within",)

T = TypeVar("T")


async def within(seconds: float | None, awaitable: Awaitable[T]) -> T:
    """Await ``awaitable``, which is cancelled after ``seconds``; None: no limit.

    Raises KindError with the code ``timeout`` then. A TimeoutError of its own is not mistaken for that.
    """
    if seconds is None:
        return await awaitable
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await awaitable
    except TimeoutError:
        if not limit.expired():
            raise
        raise KindError("timeout", f"it took more than {seconds:g} seconds") from None
