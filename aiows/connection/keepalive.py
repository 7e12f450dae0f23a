"""In goes the time of the last sign of life, out come pings and, in the end, the loss of the peer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from .wheel import Step, Wheel

__all__ = ("KeepAlive", "KeepAlivePolicy", "Listener")

# Appointments are kept to this many seconds, and to a sixteenth of what they wait for if that is short.
STEP: Final = 1 / 16
STEPS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAlivePolicy:
    """When a silent peer is pinged, and how long after that ping it is given up; in seconds."""

    ping_after: float
    give_up_after: float

    @classmethod
    def heartbeat(cls, interval: float | None) -> KeepAlivePolicy | None:
        """aiohttp's policy: a ping after ``interval``, half of that for the answer. None: none."""
        if not interval:
            return None
        return cls(ping_after=interval, give_up_after=interval / 2)

    @classmethod
    def idle_timeout(cls, timeout: float) -> KeepAlivePolicy | None:
        """Give the peer up ``timeout`` seconds after it was last heard, with a ping shortly before.

        The ping leaves 8 seconds before the end, or at two thirds of a short timeout. 0: none.
        """
        if not timeout:
            return None
        margin = min(8.0, timeout / 3)
        return cls(ping_after=timeout - margin, give_up_after=margin)

    @property
    def step(self) -> float:
        """How exactly it is kept, in seconds."""
        return min(STEP, self.ping_after / STEPS, self.give_up_after / STEPS)


class Listener(Protocol):
    """Who listens to a peer that may fall silent."""

    @property
    def is_deaf(self) -> bool:
        """Whether we do not listen ourselves: a silence that is our own is not the peer's."""
        ...

    @property
    def heard_at(self) -> float:
        """When the peer was last heard, in the loop's time."""
        ...

    def hear(self) -> None:
        """Take it that the peer is heard now."""

    def ping_silent_peer(self) -> None:
        """It has not been heard for ``ping_after`` seconds."""

    def give_up_on_silence(self) -> None:
        """Nor has it answered the ping."""


class KeepAlive:
    """Two appointments on a shared wheel, moved only when they are due: hearing a peer costs one clock."""

    __slots__ = ("_listener", "_pinged_at", "_policy", "_wheel", "appointment")

    def __init__(self, listener: Listener, policy: KeepAlivePolicy, wheel: Wheel) -> None:
        self._listener = listener
        self._policy = policy
        self._wheel = wheel
        self._pinged_at: float | None = None
        self.appointment: Step | None = None
        listener.hear()
        wheel.meet(self, listener.heard_at + policy.ping_after)

    def stop(self) -> None:
        self._wheel.forget(self)

    def is_due(self, tick: int) -> None:
        if self._listener.is_deaf:
            self._listener.hear()
        heard_at = self._listener.heard_at
        if self._pinged_at is not None and heard_at < self._pinged_at:
            self._listener.give_up_on_silence()
            return
        self._pinged_at = None
        due = heard_at + self._policy.ping_after
        if self._wheel.tick_of(due) > tick:
            self._wheel.meet(self, due)
        else:
            self._ping()

    def _ping(self) -> None:
        self._pinged_at = self._wheel.loop.time()
        self._wheel.meet(self, self._pinged_at + self._policy.give_up_after)
        self._listener.ping_silent_peer()
