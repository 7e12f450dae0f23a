"""In goes what happens at the end of a connection, out it comes again; nothing for one that lives.

Most connections live: what is only known at the end has no place in each of them.
"""

from __future__ import annotations

import asyncio
from typing import Final

__all__ = ("LIVES", "Finale", "Unended")


class Unended:
    """A connection whose end has not begun. It has no instance dict: nobody can write to the shared one."""

    __slots__ = ()

    close_code: int | None = None
    """The first that either side gave."""
    close_reason: str = ""
    exception: BaseException | None = None
    failure: Exception | None = None
    """The peer's: a broken protocol, or silence."""
    was_clean: bool = False
    """Both Close frames have passed."""
    was_cut: bool = False
    """It was lost while it was open."""
    is_leaving: bool = False
    """Leave callbacks are being called."""
    is_over: bool = False
    """The consumer has been told."""
    deadline: asyncio.TimerHandle | None = None
    done: asyncio.Future[None] | None = None
    """Waits until both Close frames have passed, or the peer is lost."""


class Finale(Unended):
    """The end of one connection."""


LIVES: Final = Unended()
"""The end of all those that live."""
