"""What all connections of an event loop share; it goes with the last of them."""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary, ref

from ..events import Observer, Observers
from ..settings import KeepAlivePolicy
from .builds import Counters, Flusher, Stepper
from .keepalive import KeepAlive
from .unfinished import Unfinished
from .wheel import Wheel

__all__ = ("PerLoop", "per_loop")

READ_BUFFER_SIZE: Final = 64 * 1024


class PerLoop:
    """One read buffer, one flusher, a few timers and tasks, however many connections a loop has.

    A read is parsed to its end before the next one begins, so nothing of the buffer is kept but the
    tail of an incomplete frame.
    """

    __slots__ = (
        "__weakref__",
        "_keepalives",
        "_wheels",
        "flusher",
        "loop",
        "read_buffer",
        "stepper",
        "unfinished",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.read_buffer = memoryview(bytearray(READ_BUFFER_SIZE))
        self.stepper = Stepper(loop)
        self.flusher = Flusher(loop, counters_of(loop), self.stepper)
        self.unfinished = Unfinished(loop)
        self._wheels: dict[float, Wheel] = {}
        self._keepalives: dict[KeepAlivePolicy, KeepAlive] = {}
        self._tell(_observers.get(loop, ()))

    def add_observer(self, observer: Observer) -> None:
        """Tell ``observer`` of all connections from now on."""
        self._observe((*_observers.get(self.loop, ()), observer))

    def remove_observer(self, observer: Observer) -> None:
        """Undo `add_observer`."""
        self._observe(tuple(each for each in _observers.get(self.loop, ()) if each is not observer))

    def _observe(self, observers: tuple[Observer, ...]) -> None:
        _observers[self.loop] = observers
        self._tell(observers)

    def _tell(self, observers: tuple[Observer, ...]) -> None:
        self.flusher.observer = Observers(observers) if observers else None

    def keepalive(self, policy: KeepAlivePolicy) -> KeepAlive:
        """What keeps to ``policy``."""
        keepalive = self._keepalives.get(policy)
        if keepalive is None:
            keepalive = self._keepalives[policy] = KeepAlive(policy, self._wheel(policy.step))
        return keepalive

    def _wheel(self, step: float) -> Wheel:
        """The wheel whose appointments are kept to ``step`` seconds."""
        wheel = self._wheels.get(step)
        if wheel is None:
            wheel = self._wheels[step] = Wheel(self.loop, step)
        return wheel


# Who observes stays, too, while nobody is connected.
_observers: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Observer, ...]]] = (
    WeakKeyDictionary()
)

# What was counted stays while nobody is connected.
_counters: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Counters]] = WeakKeyDictionary()


def counters_of(loop: asyncio.AbstractEventLoop) -> Counters:
    """Return the counters of all connections that ``loop`` has, and has had."""
    counters = _counters.get(loop)
    if counters is None:
        counters = _counters[loop] = Counters()
    return counters


# Neither a loop nor what its connections share is kept by this table.
_known: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, ref[PerLoop]]] = WeakKeyDictionary()


def per_loop(loop: asyncio.AbstractEventLoop) -> PerLoop:
    """Return what the connections of ``loop`` share; who uses it keeps it."""
    known = _known.get(loop)
    shared = None if known is None else known()
    if shared is None:
        shared = PerLoop(loop)
        _known[loop] = ref(shared)
    return shared
