"""When a silent peer is pinged and when it is given up; the clock is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aiows.connection.keepalive import KeepAlive
from aiows.connection.wheel import Step, Wheel
from aiows.settings import DEAF_PERIODS, KeepAlivePolicy
from aiows.testing import VirtualClock
from raw_client import PING, PONG, RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


class Clock(asyncio.BaseEventLoop):
    """An event loop's clock and timers, moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._timers: list[asyncio.TimerHandle] = []

    def __del__(self) -> None:
        """Nothing was opened that would have to be closed."""

    def time(self) -> float:
        return self.now

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._timers.append(handle)
        return handle

    def move_to(self, when: float) -> None:
        while due := [t for t in self._timers if t.when() <= when and not t.cancelled()]:
            timer = min(due, key=lambda handle: handle.when())
            self._timers.remove(timer)
            self.now = max(self.now, timer.when())
            timer._run()
        self.now = when


class Peer:
    """What the keep-alive does to a peer."""

    def __init__(
        self,
        policy: KeepAlivePolicy | None,
        *,
        wheel: Wheel | None = None,
        clock: Clock | None = None,
    ) -> None:
        assert policy is not None
        self.clock = clock or Clock()
        self.pings: list[float] = []
        self.given_up_at: float | None = None
        self.deaf_since: float | None = None
        self.heard_at = 0.0
        self.pinged_at: float | None = None
        self.appointment: Step | None = None
        self.keepalive = KeepAlive(policy, wheel or Wheel(self.clock, policy.step))
        self.keepalive.start(self)

    def is_due(self, tick: int) -> None:
        self.keepalive.is_due(self, tick)

    def stop(self) -> None:
        self.keepalive.stop(self)

    def hear(self) -> None:
        self.heard_at = self.clock.now

    def give_up_on_deafness(self) -> None:
        self.given_up_at = self.clock.now

    def ping_silent_peer(self) -> None:
        self.pings.append(self.clock.now)

    def give_up_on_silence(self) -> None:
        self.given_up_at = self.clock.now


def test_a_silent_peer_is_pinged_and_then_given_up() -> None:
    """aiohttp's heartbeat: after ten seconds, and five more."""
    peer = Peer(KeepAlivePolicy.heartbeat(10))
    peer.clock.move_to(100)
    assert peer.pings == [10]
    assert peer.given_up_at == 15


@pytest.mark.parametrize(
    ("timeout", "pings"),
    [
        (3, [2]),
        (24, [16]),
        (30, [22]),
        (58, [50]),
        (60, [50]),
        (100, [50]),
        (120, [50, 100]),
        (600, list(range(50, 600, 50))),
    ],
)
def test_an_idle_timeout_is_the_whole_time_with_a_ping_before(
    timeout: float, pings: list[float]
) -> None:
    """Shortly before; of a long one none is so late that a proxy has cut, which many do after 60 seconds."""
    peer = Peer(KeepAlivePolicy.idle_timeout(timeout))
    peer.clock.move_to(1000)
    assert peer.pings == pings
    assert peer.given_up_at == timeout


@pytest.mark.parametrize("timeout", [60, 120, 600])
def test_a_peer_that_answers_is_never_silent_for_a_minute(timeout: float) -> None:
    """Each ping comes before a proxy would cut."""
    peer = Peer(KeepAlivePolicy.idle_timeout(timeout))
    sign_of_life = 0.0
    for second in range(600):
        peer.clock.move_to(second)
        if peer.pings and peer.pings[-1] > sign_of_life:
            assert peer.pings[-1] - sign_of_life < 55
            sign_of_life = second
            peer.hear()
    assert peer.given_up_at is None
    assert sign_of_life > 500


def test_a_peer_that_answers_is_pinged_again_later() -> None:
    """Any byte is a sign of life and moves the next ping."""
    peer = Peer(KeepAlivePolicy.heartbeat(10))
    peer.clock.move_to(12)
    peer.hear()
    peer.clock.move_to(21)
    assert peer.pings == [10]
    peer.clock.move_to(23)
    assert peer.pings == [10, 22]
    assert peer.given_up_at is None


def test_a_talking_peer_is_never_pinged() -> None:
    """Nothing is sent to who is heard."""
    peer = Peer(KeepAlivePolicy.heartbeat(10))
    for second in range(0, 60, 5):
        peer.clock.move_to(second)
        peer.hear()
    assert peer.pings == []


def test_a_peer_that_we_do_not_listen_to_is_pinged_and_given_up_late() -> None:
    """Its silence is our own, but nobody would ever hear that it has gone."""
    peer = Peer(KeepAlivePolicy.heartbeat(10))
    peer.deaf_since = 0.0
    peer.clock.move_to(40)
    assert peer.given_up_at is None
    assert peer.pings == pytest.approx([10, 20, 30, 40], abs=1)
    peer.clock.move_to(60)
    assert peer.given_up_at == pytest.approx(DEAF_PERIODS * 15, abs=10)


def test_a_peer_that_is_heard_again_has_all_its_time() -> None:
    """As if it had said something."""
    peer = Peer(KeepAlivePolicy.heartbeat(10))
    peer.deaf_since = 0.0
    peer.clock.move_to(30)
    peer.deaf_since = None
    peer.clock.move_to(39)
    assert peer.given_up_at is None
    peer.clock.move_to(200)
    assert peer.given_up_at == pytest.approx(45, abs=1)


def test_zero_is_no_policy() -> None:
    """0 is not 'at once'."""
    assert KeepAlivePolicy.idle_timeout(0) is None
    assert KeepAlivePolicy.heartbeat(None) is None


# one timer for all


def test_many_peers_have_one_timer() -> None:
    """Each is pinged and given up at its own time all the same."""
    policy = KeepAlivePolicy.heartbeat(10)
    assert policy is not None
    clock = Clock()
    wheel = Wheel(clock, policy.step)
    peers: list[Peer] = []
    for second in range(50):
        clock.move_to(second / 5)
        peers.append(Peer(policy, wheel=wheel, clock=clock))
        assert len([timer for timer in clock._timers if not timer.cancelled()]) == 1
    clock.move_to(100)
    for number, peer in enumerate(peers):
        (pinged,) = peer.pings
        assert peer.given_up_at is not None
        assert number / 5 + 10 - policy.step <= pinged <= number / 5 + 10
        assert pinged + 5 - policy.step <= peer.given_up_at <= pinged + 5


def test_who_has_stopped_is_forgotten_and_the_last_one_takes_the_timer_along() -> None:
    """Also one that stops while those of the same moment are called."""
    policy = KeepAlivePolicy.heartbeat(10)
    assert policy is not None
    clock = Clock()
    wheel = Wheel(clock, policy.step)
    one, other = (Peer(policy, wheel=wheel, clock=clock) for _ in range(2))
    one.ping_silent_peer = other.stop  # type: ignore[method-assign]
    other.ping_silent_peer = one.stop  # type: ignore[method-assign]
    clock.move_to(100)
    assert one.given_up_at is None or other.given_up_at is None
    one.stop()
    other.stop()
    assert all(timer.cancelled() for timer in clock._timers)


# over a socket


@pytest.mark.parametrize(
    "face", [each for each in FACES if each.name != "WebSocketResponse"], ids=lambda face: face.name
)
async def test_by_default_no_connection_is_silent_for_55_seconds(
    face: Face, serve: Serve, raw_client: Connect
) -> None:
    """nginx and AWS cut at 60; a peer that no longer answers is given up after two minutes, as before."""
    with VirtualClock() as clock:
        client = await raw_client(await serve(face.serve(lambda ws, text: None, {})))
        for _ in range(3):
            ping = asyncio.create_task(client.recv_frame(timeout=1000))
            await clock.advance(55)
            assert ping.done()
            assert (await ping).opcode == PING
            client.send_frame(PONG)
            await clock.advance(0)
        end = asyncio.create_task(client.wait_closed(timeout=1000))
        await clock.advance(119)
        assert not end.done()
        await clock.advance(1)
        pings = [PING | 0x80, 0] * 2  # while there was time to answer
        assert (await end).rest == bytes(pings)


async def test_the_drop_in_pings_when_it_is_told_to(serve: Serve, raw_client: Connect) -> None:
    """As with aiohttp's class: never by default, and then after the heartbeat, for half of it."""
    (face,) = (each for each in FACES if each.name == "WebSocketResponse")
    with VirtualClock() as clock:
        silent = await raw_client(await serve(face.serve(lambda ws, text: None, {})))
        told = await raw_client(await serve(face.serve(lambda ws, text: None, {"heartbeat": 80})))
        nothing = asyncio.create_task(silent.recv_frame(timeout=10_000))
        end = asyncio.create_task(told.wait_closed(timeout=10_000))
        await clock.advance(119)
        assert not end.done()
        await clock.advance(1)
        assert (await end).rest == bytes([PING | 0x80, 0])
        await clock.advance(3600)
        assert not nothing.done()
        nothing.cancel()
        await asyncio.gather(nothing, return_exceptions=True)
