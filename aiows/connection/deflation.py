"""`Deflation`: one large message that a thread deflates while the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

__all__ = ("Deflation",)

Done: TypeAlias = Callable[["asyncio.Future[bytes]"], None]


class Deflation:
    """The frame that ``work`` returns in a thread of the running loop, for all who wait for it.

    Raises RuntimeError where no loop runs, or where it has given up its threads.
    """

    __slots__ = ("_waiting", "future")

    def __init__(self, work: Callable[[], bytes]) -> None:
        self.future = asyncio.get_running_loop().run_in_executor(None, work)
        self._waiting = 0

    @property
    def is_at_work(self) -> bool:
        """Whether somebody in the running loop may wait for it."""
        is_here = self.future.get_loop() is asyncio.get_running_loop()
        return is_here and not self.future.done()

    def wait(self, done: Done) -> None:
        """Call ``done`` when the frame is there, or an exception."""
        self._waiting += 1
        self.future.add_done_callback(done)

    def forget(self, done: Done) -> None:
        """Take back `wait`. Work that nobody waits for and that has not begun is not done.

        Stops peers that ask for much and leave from filling the memory where all threads are busy.
        """
        self._waiting -= 1
        self.future.remove_done_callback(done)
        if not self._waiting:
            self.future.cancel()
