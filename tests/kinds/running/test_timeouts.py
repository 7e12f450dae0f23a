"""`within`: too much time is the error ``timeout``, and nothing else is mistaken for it."""

from __future__ import annotations

import asyncio

import pytest

from aiows import KindError
from aiows.kinds.running.timeouts import within


async def own_timeout() -> None:
    raise TimeoutError("a database")


@pytest.mark.parametrize("seconds", [None, 60.0])
async def test_a_result_in_time_is_returned(seconds: float | None) -> None:
    """With a limit and without one."""
    assert await within(seconds, asyncio.sleep(0, "done")) == "done"


async def test_too_much_time_is_an_error_for_the_peer() -> None:
    """What was awaited is cancelled, and the text has the limit."""
    waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with pytest.raises(KindError, match=r"timeout: it took more than 0\.001 seconds"):
        await within(0.001, waiting)
    assert waiting.cancelled()


@pytest.mark.parametrize("seconds", [None, 60.0])
async def test_a_timeout_of_the_handler_itself_passes(seconds: float | None) -> None:
    """It is the handler's failure, which the peer is not told."""
    with pytest.raises(TimeoutError, match="a database"):
        await within(seconds, own_timeout())
