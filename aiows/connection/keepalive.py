"""In goes the time of the last sign of life, out come pings and, in the end, the loss of the peer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ("KeepAlive", "KeepAlivePolicy")


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


class KeepAlive:
    """One timer per connection that is moved only when it fires: hearing a peer costs one clock."""

    __slots__ = ("_give_up", "_handle", "_heard_at", "_is_deaf", "_loop", "_ping", "_policy")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        policy: KeepAlivePolicy,
        *,
        ping: Callable[[], None],
        give_up: Callable[[], None],
        is_deaf: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._policy = policy
        self._ping = ping
        self._give_up = give_up
        self._is_deaf = is_deaf
        self._heard_at = loop.time()
        self._handle = loop.call_at(self._heard_at + policy.ping_after, self._ping_if_silent)

    def heard(self) -> None:
        """Note a sign of life: any byte from the peer is one."""
        self._heard_at = self._loop.time()

    def stop(self) -> None:
        self._handle.cancel()

    def _ping_if_silent(self) -> None:
        due = self._last_sign_of_life() + self._policy.ping_after
        if self._loop.time() < due:
            self._handle = self._loop.call_at(due, self._ping_if_silent)
            return
        pinged_at = self._loop.time()
        self._handle = self._loop.call_at(
            pinged_at + self._policy.give_up_after, self._give_up_if_silent, pinged_at
        )
        self._ping()

    def _give_up_if_silent(self, pinged_at: float) -> None:
        if self._last_sign_of_life() < pinged_at:
            self._give_up()
            return
        self._ping_if_silent()

    def _last_sign_of_life(self) -> float:
        """A peer that we do not listen to ourselves cannot be found silent."""
        if self._is_deaf():
            self.heard()
        return self._heard_at
