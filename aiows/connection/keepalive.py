"""In goes the time of the last sign of life, out come pings and, in the end, the loss of the peer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from .wheel import Timed, Wheel

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


class Listener(Timed, Protocol):
    """Who listens to a peer that may fall silent. ``pinged_at``: a note of ours, None at first."""

    pinged_at: float | None

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
    """One policy for all connections of a loop that have it; hearing a peer costs each of them one clock.

    A listener has one appointment with it, which is moved only when it is due.
    """

    __slots__ = ("_policy", "_wheel")

    def __init__(self, policy: KeepAlivePolicy, wheel: Wheel) -> None:
        self._policy = policy
        self._wheel = wheel

    def start(self, listener: Listener) -> None:
        listener.hear()
        self._wheel.schedule(listener, listener.heard_at + self._policy.ping_after)

    def stop(self, listener: Listener) -> None:
        self._wheel.cancel(listener)

    def is_due(self, listener: Listener, tick: int) -> None:
        """The time has come that a listener was given as ``tick``."""
        if listener.is_deaf:
            listener.hear()
        heard_at, pinged_at = listener.heard_at, listener.pinged_at
        if pinged_at is not None and heard_at < pinged_at:
            listener.give_up_on_silence()
            return
        listener.pinged_at = None
        due = heard_at + self._policy.ping_after
        if self._wheel.tick_of(due) > tick:
            self._wheel.schedule(listener, due)
        else:
            self._ping(listener)

    def _ping(self, listener: Listener) -> None:
        now = listener.pinged_at = self._wheel.loop.time()
        self._wheel.schedule(listener, now + self._policy.give_up_after)
        listener.ping_silent_peer()
