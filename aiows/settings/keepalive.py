"""When a silent peer is pinged, and when it is given up: what ``heartbeat`` and ``idle_timeout`` mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ("DEAF_PERIODS", "LONGEST_SILENCE", "KeepAlivePolicy")

# Seconds. nginx and the load balancers of AWS drop a connection through which nothing has gone for 60.
LONGEST_SILENCE: Final = 50.0

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
        """aiohttp's policy: a ping after ``interval``, half of that for the answer. None or 0: none."""
        if not interval:
            return None
        return cls(ping_after=interval, give_up_after=interval / 2)

    @classmethod
    def idle_timeout(cls, timeout: float) -> KeepAlivePolicy | None:
        """Give the peer up ``timeout`` seconds after it was last heard, with a ping before.

        The ping leaves 8 seconds before the end, or at two thirds of a short timeout, but never after more
        than 50 seconds, so that proxies do not take the connection for dead. 0: none.
        """
        if not timeout:
            return None
        margin = min(8.0, timeout / 3)
        ping_after = min(timeout - margin, LONGEST_SILENCE)
        return cls(ping_after=ping_after, give_up_after=timeout - ping_after)

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
        """How exactly it is kept, in seconds: a sixteenth of what is waited for, if that is short."""
        return min(1.0, self.ping_after, self.give_up_after) / 16
