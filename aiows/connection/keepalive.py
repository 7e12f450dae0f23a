"""A peer that is silent gets a ping, and is given up when it does not answer."""

from __future__ import annotations

from typing import Protocol

from ..settings import KeepAlivePolicy
from .wheel import Timed, Wheel

__all__ = ("KeepAlive", "Listener")


class Listener(Timed, Protocol):
    """Who listens to a peer that may fall silent.

    ``pinged_at``: when it was sent the first ping that it has not answered; a note of ours, None at first.
    """

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
        if pinged_at is None or heard_at >= pinged_at:
            listener.pinged_at = None
            due = heard_at + self._policy.ping_after
            if self._wheel.tick_of(due) > tick:
                self._wheel.schedule(listener, due)
            else:
                self._ping(listener)
        elif self._wheel.tick_of(pinged_at + self._policy.give_up_after) > tick:
            self._ping(listener)
        else:
            listener.give_up_on_silence()

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
        """Ping, and again if there is much time for the answer: a proxy in between is to hear something."""
        now = self._wheel.loop.time()
        if listener.pinged_at is None:
            listener.pinged_at = now
        end = listener.pinged_at + self._policy.give_up_after
        self._wheel.schedule(listener, min(end, now + self._policy.ping_after))
        listener.ping_silent_peer()
