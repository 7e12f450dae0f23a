"""Has observers told what happens on the connections of an event loop."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from ..events import Observer
from .builds import Counters
from .per_loop import counters_of, per_loop

__all__ = ("Observation", "counters", "observe")


class Observation:
    """Told by `observe`; as a context manager it stops at the end of the ``with`` block."""

    __slots__ = ("_observer", "_shared")

    def __init__(self, observer: Observer, loop: asyncio.AbstractEventLoop) -> None:
        self._observer = observer
        self._shared = per_loop(loop)
        self._shared.add_observer(observer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Tell the observer no more; does nothing the second time."""
        self._shared.remove_observer(self._observer)


def observe(observer: Observer) -> Observation:
    """Tell ``observer`` what happens on every connection of the running event loop, until `Observation.stop`.

    Nothing is paid for it while nobody observes. Raises RuntimeError where no loop runs.
    """
    return Observation(observer, asyncio.get_running_loop())


def counters() -> Counters:
    """Return what all connections of the running event loop have taken in and sent, up to now.

    The numbers go on growing in the object that is returned. Raises RuntimeError where no loop runs.
    """
    return counters_of(asyncio.get_running_loop())
