"""Any interleaving of what both sides can do, held against what a connection's life promises.

Hypothesis drives a callback route over `memory_network`: opens, messages, sends, subscriptions, closes
from either side, aborts, slow readers, silence, and callbacks that are plain or async, that wait or raise.
A model of each connection is told of every callback and objects at once (features.md A4, A7, A10, A17,
A18, A21, A24).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from aiohttp import web
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aiows import Connection, OpCode, SendStatus, setup, websocket
from aiows.mounting.callbacks import UpgradeRequest, UpgradeResponse
from memory_network import MemoryClient, SteppedLoop
from raw_client import BINARY, CLOSE, PING, TEXT, close_payload

CALLBACKS: Final = ("open", "message", "drain", "ping", "dropped", "subscription", "close")
TOPICS: Final = ("a", "b")
IDLE_TIMEOUT: Final = 24
CLOSE_TIMEOUT: Final = 10
MAX_BACKPRESSURE: Final = 100_000
# aiohttp waits for a view at work (an open callback) for its shutdown_timeout of 60 s, twice.
SHUTDOWN_LIMIT: Final = 130

# How a callback behaves: it returns, waits for a gate, raises, or raises after the gate.
MANNERS: Final = st.sampled_from(["plain", "plain", "waits", "raises", "waits and raises"])
DEEDS: Final = st.sampled_from(
    ["nothing", "send", "flood", "subscribe", "unsubscribe", "publish", "close", "cork"]
)


def is_ending(ws: Connection) -> bool:
    """Whether the peer has begun the end, or we have: it has left users and topics then."""
    return ws._protocol.is_ending


def is_leaving(ws: Connection) -> bool:
    """Whether leave callbacks are being called just now."""
    closing = ws._protocol.closing
    return closing is not None and closing._is_leaving


class Broken(Exception):
    """What a callback raises that was told to."""


class Peer:
    """The model of one connection, which its callbacks report to."""

    def __init__(self, world: World, number: int, manners: dict[str, str]) -> None:
        self.world = world
        self.number = number
        self.manners = manners
        self.ws: Connection | None = None
        self.client: MemoryClient
        self.log: list[str] = []
        self.gates: list[asyncio.Future[None]] = []
        self.at_work: list[str] = []
        self.is_open = False  # the open callback has finished
        self.topics: set[str] = set()
        self.said = 0  # messages that the client has sent
        self.heard = 0  # and that the message callback has got
        self.accepted: list[bytes] = []  # what the server's sends have taken
        self.drops = 0
        self.drops_told = 0
        self.owes_drain = False
        self.code: int | None = None
        self.has_ended = False  # the client says nothing more
        self.may_miss = False  # messages may be lost: our side closed, or patience ran out

    # what the callbacks report

    def begins(self, name: str) -> None:
        ws = self.ws
        assert ws is not None
        assert "close" not in self.log, f"{name} after close"
        assert (name == "open") == (not self.log), "open is the first, and once"
        self.log.append(name)

    def hears(self, message: str) -> None:
        assert self.is_open, "a message before open has finished"
        assert "message" not in self.at_work, "a message while another one is handled"
        assert int(message.split(maxsplit=1)[0]) == self.heard, "messages in order, each once"
        self.heard += 1

    def subscribes(self, topic: str, count: int, before: int) -> None:
        subscribers = self.world.subscribers[topic]
        assert len(subscribers) == before
        assert abs(count - before) == 1
        (subscribers.add if count > before else subscribers.discard)(self)
        (self.topics.add if count > before else self.topics.discard)(topic)
        assert len(subscribers) == count, "a change of what was so already"

    def closes(self, code: int, reason: str) -> None:
        assert self.ws is not None
        assert self.ws.closed
        assert not self.topics, "implicit unsubscribes come before close"
        assert self.ws.topics == frozenset()
        assert (code, reason) == (self.ws.close_code, self.ws.close_reason)
        assert self.code in (None, code), "the first code wins"

    # what the server does, from a callback or from anywhere

    def do(self, deed: str) -> None:
        ws = self.ws
        if ws is None:
            return
        if deed == "send":
            self.send(b"s" * 1000)
        elif deed == "flood":
            for _ in range(8):
                self.send(b"f" * 30_000)
        elif deed == "cork":
            with ws.cork():
                self.send(b"c" * 10)
                ws.ping(b"corked") if not ws.closed else None
                self.send(b"c" * 20)
        elif deed == "subscribe":
            ws.subscribe("a")
            assert is_ending(ws) or ws.is_subscribed("a")
        elif deed == "unsubscribe":
            ws.unsubscribe("a")
            assert not ws.is_subscribed("a")
        elif deed == "publish":
            ws.publish("a", b"p" * 1000)
        elif deed == "close":
            self.close()

    def send(self, data: bytes) -> None:
        assert self.ws is not None
        was_closed, drops = self.ws.closed, self.drops_told
        status = self.ws.send(data)
        if status:
            assert not was_closed
            self.accepted.append(data)
        if status is not SendStatus.SUCCESS and not was_closed:
            self.owes_drain = True
        if not status and not was_closed and "dropped" not in self.at_work:
            assert self.drops_told == drops + 1, "a drop that was not told"
        assert self.ws.get_buffered_amount() <= MAX_BACKPRESSURE + 1000

    def close(self) -> None:
        assert self.ws is not None
        self.may_miss = True
        if self.ws.close_code is None:
            self.code = 4000
        self.ws.close(4000, "our side")
        assert self.ws.closed
        is_begun = "close" in self.log or is_leaving(self.ws)
        assert is_begun, "close has begun when close() returns, or follows the unsubscribes"

    def open_gate(self) -> None:
        if self.gates:
            self.gates.pop(0).set_result(None)


class World:
    """A server with one callback route, and a model of each of its connections."""

    def __init__(self) -> None:
        self.loop = SteppedLoop()
        self.peers: list[Peer] = []
        self.subscribers: dict[str, set[Peer]] = {topic: set() for topic in TOPICS}
        self.objections: list[AssertionError] = []
        self.app = web.Application()
        self.hub = setup(self.app)
        route = websocket(
            "/{number}",
            {name: self.callback(name) for name in CALLBACKS},
            upgrade=self.upgrade,
            idle_timeout=IDLE_TIMEOUT,
            max_backpressure=MAX_BACKPRESSURE,
        )
        self.app.add_routes([route])
        self.runner = web.AppRunner(self.app, access_log=None)
        self.run(self.runner.setup)

    def run(self, work: Callable[[], Any]) -> None:
        self.loop.run(work)
        if self.objections:
            raise self.objections[0]

    @contextmanager
    def objecting(self) -> Generator[None]:
        """Keep what the model objects to: a callback that raises is only logged."""
        try:
            yield
        except AssertionError as objection:
            self.objections.append(objection)

    def upgrade(self, res: UpgradeResponse, req: UpgradeRequest, context: object) -> None:
        number = req.get_parameter("number")
        assert number is not None
        res.upgrade(user_data=self.peers[int(number)])

    def callback(self, name: str) -> Callable[..., Any]:
        report: Callable[..., None] = getattr(self, f"report_{name}", lambda peer, *args: None)

        def callback(ws: Connection, *args: Any) -> Any:
            peer: Peer = ws.get_user_data()
            peer.ws = ws
            with self.objecting():
                peer.begins(name)
                report(peer, *args)
            if peer.manners[name].startswith("waits"):
                return self.waiting(peer, name, args)
            peer.at_work.append(name)
            try:
                self.behave(peer, name, args)
            finally:
                peer.at_work.remove(name)
            return None

        return callback

    async def waiting(self, peer: Peer, name: str, args: tuple[Any, ...]) -> None:
        gate = self.loop.create_future()
        peer.gates.append(gate)
        peer.at_work.append(name)
        try:
            await gate
            self.behave(peer, name, args)
        finally:
            peer.at_work.remove(name)
            if gate in peer.gates:
                peer.gates.remove(gate)

    def behave(self, peer: Peer, name: str, args: tuple[Any, ...]) -> None:
        with self.objecting():
            if name == "message":
                peer.do(args[0].split()[1])
            if name == "open":
                peer.is_open = True
        if peer.manners[name].endswith("raises"):
            assert peer.ws is not None
            peer.may_miss = True
            if peer.ws.close_code is None:
                peer.code = 1011
            raise Broken(name)

    def report_message(self, peer: Peer, message: str, opcode: OpCode) -> None:
        assert opcode is OpCode.TEXT
        peer.hears(message)

    def report_drain(self, peer: Peer) -> None:
        peer.owes_drain = False

    def report_dropped(self, peer: Peer, message: bytes, opcode: OpCode) -> None:
        assert opcode is OpCode.BINARY
        peer.drops_told += 1
        peer.owes_drain = True

    def report_subscription(self, peer: Peer, topic: str, count: int, before: int) -> None:
        peer.subscribes(topic, count, before)

    def report_close(self, peer: Peer, code: int, reason: str) -> None:
        peer.closes(code, reason)


class Lifecycle(RuleBasedStateMachine):
    """What clients, servers, the network and time do, in any order."""

    @initialize()
    def begin(self) -> None:
        self.world = World()

    # connections

    @precondition(lambda self: len(self.world.peers) < 4)
    @rule(
        manners=st.fixed_dictionaries(dict.fromkeys(CALLBACKS, MANNERS)),
        is_plain=st.booleans(),
        early=st.lists(DEEDS, max_size=2),
    )
    def connect(self, manners: dict[str, str], is_plain: bool, early: list[str]) -> None:
        if is_plain:  # or most connections would not live to see anything
            manners = dict.fromkeys(CALLBACKS, "plain")
        world = self.world
        peer = Peer(world, len(world.peers), manners)
        world.peers.append(peer)

        def start() -> None:
            assert world.runner.server is not None
            peer.client = MemoryClient(world.loop, world.runner.server, 1000 + peer.number)
            peer.client.upgrade(f"/{peer.number}")
            for deed in early:
                self.say(peer, deed)

        world.run(start)

    def pick(self, which: int) -> Peer:
        return self.world.peers[which % len(self.world.peers)]

    # the client

    def say(self, peer: Peer, deed: str) -> None:
        if peer.client.is_connected and not peer.has_ended:
            peer.client.send(TEXT, f"{peer.said} {deed}")
            peer.said += 1

    def leave(self, peer: Peer) -> None:
        if peer.client.is_connected and not peer.has_ended:
            peer.has_ended = True
            peer.client.send(CLOSE, close_payload(4001, "your side"))

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3), deeds=st.lists(DEEDS, min_size=1, max_size=3))
    def client_says(self, which: int, deeds: list[str]) -> None:
        peer = self.pick(which)

        def talk() -> None:
            for deed in deeds:
                self.say(peer, deed)

        self.world.run(talk)

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3))
    def client_pings(self, which: int) -> None:
        peer = self.pick(which)
        self.world.run(lambda: peer.client.send(PING, b"are you there?"))

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3))
    def client_closes(self, which: int) -> None:
        peer = self.pick(which)
        self.world.run(lambda: self.leave(peer))

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3))
    def client_breaks_the_protocol(self, which: int) -> None:
        peer = self.pick(which)
        if not peer.has_ended:
            peer.has_ended = True
            self.world.run(lambda: peer.client.send(BINARY, b"unmasked", mask=False))

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3))
    def client_aborts(self, which: int) -> None:
        peer = self.pick(which)
        peer.has_ended = True
        self.world.run(peer.client.abort)

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3))
    def client_stops_reading(self, which: int) -> None:
        self.pick(which).client.stop_reading()

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3))
    def client_reads_again(self, which: int) -> None:
        self.world.run(self.pick(which).client.read)

    # the server

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3), deed=DEEDS)
    def server_does(self, which: int, deed: str) -> None:
        peer = self.pick(which)
        self.world.run(lambda: peer.do(deed))

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3), deed=DEEDS)
    def both_at_once(self, which: int, deed: str) -> None:
        peer = self.pick(which)

        def act() -> None:
            self.leave(peer)
            peer.do(deed)

        self.world.run(act)

    @precondition(lambda self: any(peer.gates for peer in self.world.peers))
    @rule(which=st.integers(0, 3))
    def a_callback_goes_on(self, which: int) -> None:
        self.world.run(self.pick(which).open_gate)

    @rule(topic=st.sampled_from(TOPICS))
    def application_publishes(self, topic: str) -> None:
        self.world.run(lambda: self.world.hub.publish(topic, b"news" * 100))

    @precondition(lambda self: self.world.peers)
    @rule(which=st.integers(0, 3), floods=st.integers(1, 3), catches_up=st.booleans())
    def server_is_faster_than_the_client(self, which: int, floods: int, catches_up: bool) -> None:
        """On their own backpressure and drains would hardly ever come about."""
        peer = self.pick(which)
        peer.client.stop_reading()

        def flood() -> None:
            for _ in range(floods):
                peer.do("flood")

        self.world.run(flood)
        self.everything_is_as_it_should_be()
        if catches_up:
            self.world.run(peer.client.read)

    # time

    @rule(seconds=st.sampled_from([1, CLOSE_TIMEOUT + 1, IDLE_TIMEOUT + 1]))
    def time_passes(self, seconds: int) -> None:
        for peer in self.world.peers:
            peer.may_miss = peer.may_miss or seconds >= CLOSE_TIMEOUT
        self.world.run(lambda: self.world.loop.advance(seconds))

    # what holds at any time

    @invariant()
    def everything_is_as_it_should_be(self) -> None:
        world = self.world
        live = [peer for peer in world.peers if peer.ws is not None and not is_ending(peer.ws)]
        registry = world.hub.registry
        for topic, subscribers in world.subscribers.items():
            assert registry.subscribers(topic) == len(subscribers)
            assert all(peer in live for peer in subscribers)
        assert set(world.hub.connections) == {peer.ws for peer in live}
        for peer in world.peers:
            self.check(peer)

    def check(self, peer: Peer) -> None:
        frames = peer.client.frames()
        got = [
            frame.payload
            for frame in frames
            if frame.opcode == BINARY and frame.payload[:1] != b"n"
        ]
        mine = [data for data in got if data[:1] != b"p"]
        assert mine == peer.accepted[: len(mine)], "what was accepted leaves whole and in order"
        if CLOSE in [frame.opcode for frame in frames]:
            assert frames[-1].opcode == CLOSE, "nothing after our Close"
        ws = peer.ws
        if ws is None:
            return
        assert peer.log.count("close") <= 1
        if ws.closed and not peer.gates and not is_leaving(ws):
            assert "close" in peer.log, "nothing is at work, and close has not come"
        if "close" in peer.log and not peer.may_miss:
            assert peer.heard == peer.said, "what came before the end is heard"
        if not ws.closed and peer.client.is_reading and not peer.gates:
            assert mine == peer.accepted
            assert peer.heard == peer.said
            assert not peer.owes_drain, "a drain that never came"

    def teardown(self) -> None:
        """Whatever happened: in the end everything is told, and nothing is left."""
        if not hasattr(self, "world"):
            return
        world = self.world
        try:
            if len(world.peers) % 2:
                self.finish_callbacks()
            for peer in world.peers:
                peer.may_miss = True
            world.run(self.shut_down)
            self.finish_callbacks()
            world.run(lambda: world.loop.advance(2 * CLOSE_TIMEOUT))
            self.check_the_end()
        finally:
            world.loop.close()

    def finish_callbacks(self) -> None:
        while waiting := [peer for peer in self.world.peers if peer.gates]:
            self.world.run(waiting[0].open_gate)

    async def shut_down(self) -> None:
        cleaning = asyncio.create_task(self.world.runner.cleanup())
        for _ in range(SHUTDOWN_LIMIT):
            await self.world.loop.advance(1)
            if cleaning.done():
                break
        assert cleaning.done(), "a shutdown that never ends"
        await cleaning

    def check_the_end(self) -> None:
        world = self.world
        self.everything_is_as_it_should_be()
        assert world.hub.connections == ()
        assert world.hub.registry.all_topics() == ()
        for peer in world.peers:
            if peer.ws is not None:
                assert peer.ws.closed
                assert peer.log.count("close") == 1
                assert peer.ws.get_buffered_amount() == 0
        assert asyncio.all_tasks(world.loop) == set()


def test_whatever_happens_a_connections_life_is_as_promised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Thousands of steps."""
    caplog.set_level(logging.CRITICAL, "aiows")  # what the callbacks raise is meant
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=250,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
