"""A peer that is silent gets a ping, and is given up when it does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from .wheel import Timed, Wheel

__all__ = ("KeepAlive", "KeepAlivePolicy", "Listener")

# Appointments are kept to this many seconds, and to a sixteenth of what they wait for if that is short.
STEP: Final = 1 / 16
STEPS: Final = 16

# While an application is too slow to take what waits, nothing is read, and nobody hears whether the peer is
# there. After so many times the longest silence, and so many seconds at least, the connection ends. Stops
# peers that have vanished behind messages that nobody handles from staying for ever.
DEAF_PERIODS: Final = 3
LEAST_DEAFNESS: Final = 1.0


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
    def period(self) -> float:
        """The longest silence of a peer, in seconds."""
        return self.ping_after + self.give_up_after

    @property
    def longest_deafness(self) -> float:
        """How long it may be that we do not read ourselves, in seconds."""
        return max(LEAST_DEAFNESS, DEAF_PERIODS * self.period)

    @property
    def step(self) -> float:
        """How exactly it is kept, in seconds."""
        return min(STEP, self.ping_after / STEPS, self.give_up_after / STEPS)


class Listener(Timed, Protocol):
    """Who listens to a peer that may fall silent. ``pinged_at``: a note of ours, None at first."""

    pinged_at: float | None

    @property
    def deaf_since(self) -> float | None:
        """Since when we have not read ourselves, in the loop's time: such a silence is not the peer's."""
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

    def give_up_on_deafness(self) -> None:
        """Nothing was read for so long that nobody can know whether there is a peer."""


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
        if listener.deaf_since is not None:
            self._is_deaf(listener, listener.deaf_since)
            return
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

    def _is_deaf(self, listener: Listener, since: float) -> None:
        """Ping all the same, which finds a connection that was reset; but not for ever."""
        listener.hear()
        listener.pinged_at = None
        now = listener.heard_at
        if now - since >= self._policy.longest_deafness:
            listener.give_up_on_deafness()
            return
        self._wheel.schedule(listener, now + self._policy.ping_after)
        listener.ping_silent_peer()

    def _ping(self, listener: Listener) -> None:
        now = listener.pinged_at = self._wheel.loop.time()
        self._wheel.schedule(listener, now + self._policy.give_up_after)
        listener.ping_silent_peer()
