"""A peer that reading has stopped for: it is heard again, and noticed when it leaves.

Reading pauses while messages wait that nobody handles. Whatever makes fewer of them wait has to resume it,
and while it is paused a peer that has vanished must not stay for ever.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from aiohttp import web
from hypothesis import HealthCheck, example, given, settings

import aiows
from aiows import (
    HUB,
    Connection,
    KindDispatcher,
    WebSocket,
    WebSocketResponse,
    WebSocketRoute,
    WebSocketView,
    on,
    setup,
    websocket,
)
from aiows.kinds import Parallel
from eventually import eventually
from json_client import JsonClient
from memory_network import MemoryClient, SteppedLoop
from raw_client import PING, PONG, TEXT, RawClient, build_frame

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

IDLE_TIMEOUT: Final = 0.2
"""Seconds; short, as a test waits for several of them."""

LONG_IDLE_TIMEOUT: Final = 2.0
"""Seconds; nobody is given up before a test has come to its end."""

IDLE_TIMEOUTS: Final = 4
"""After so many of them, and a second, a peer has ended that we have not heard, whoever is deaf."""

PADDING: Final = "x" * 900
"""A message of this size is still looked into, whether it takes a request back."""

FILLING: Final = 160
"""So many padded messages are more than reading goes on for."""


def time_until_the_end(idle_timeout: float) -> float:
    """Seconds after which nobody may be left who is not heard."""
    return IDLE_TIMEOUTS * idle_timeout + 1


class Stage:
    """What handlers wait for, and what they and the transports say."""

    def __init__(self) -> None:
        self.curtain = asyncio.Event()
        self.transports: list[asyncio.Transport] = []
        self.begun = 0

    def enter(self, request: web.BaseRequest) -> None:
        assert request.transport is not None
        self.transports.append(request.transport)

    async def wait(self) -> None:
        self.begun += 1
        await self.curtain.wait()

    @property
    def is_deaf(self) -> bool:
        return all(not transport.is_reading() for transport in self.transports)


# a peer that is never heard again


def frame(**fields: Any) -> bytes:
    return build_frame(TEXT, json.dumps(fields), mask=b"mask")


CANCELS: Final = b"".join(
    frame(kind="cancel", ref=f"nobody's {number}", padding=PADDING) for number in range(FILLING)
)
"""They are taken out of what waits as soon as there is a request that could be taken back."""


def view_of(stage: Stage) -> web.Application:
    class View(WebSocketView):
        idle_timeout = LONG_IDLE_TIMEOUT
        compress = False

        async def authenticate(self, request: web.Request) -> str:
            stage.enter(request)
            return "alice"

        @on("hold")
        async def hold(self) -> None:
            await stage.wait()

        @on("request")
        async def request_(self) -> None:
            stage.begun += 1
            await asyncio.Event().wait()

    app = web.Application()
    app.router.add_view("/", View)
    setup(app)
    return app


def drop_in_of(stage: Stage) -> web.Application:
    kinds = KindDispatcher()

    @kinds.on("hold")
    async def hold() -> None:
        await stage.wait()

    @kinds.on("request")
    async def request_() -> None:
        stage.begun += 1
        await asyncio.Event().wait()

    async def view(request: web.Request) -> web.StreamResponse:
        stage.enter(request)
        ws: WebSocketResponse[Any] = WebSocketResponse(
            idle_timeout=LONG_IDLE_TIMEOUT, compress=False
        )
        await ws.prepare(request)
        with request.app[HUB].registry.add("alice", ws):
            async for msg in ws:
                await kinds.dispatch(ws, msg)
        return ws

    app = web.Application()
    app.router.add_get("/", view)
    setup(app)
    return app


@pytest.mark.parametrize("make", [view_of, drop_in_of])
async def test_reading_goes_on_when_cancels_are_taken_out_of_what_waits(
    make: Callable[[Stage], web.Application], serve: Serve, raw_client: Connect
) -> None:
    """Reading has paused because of them, so it must go on without them: a request can be taken back."""
    stage = Stage()
    client = JsonClient(await raw_client(await serve(make(stage), shutdown_timeout=0.1)))
    client.say("hold")
    client.say("request", ref=1)
    client.raw.send_raw(CANCELS)
    await eventually(lambda: stage.is_deaf)
    client.raw.send_frame(PING, b"heard")
    stage.curtain.set()
    await eventually(lambda: stage.begun == 2)
    answer = await client.raw.recv_frame(timeout=1)
    while answer.opcode != PONG:  # our own pings
        answer = await client.raw.recv_frame(timeout=1)
    assert answer.payload == b"heard"


@pytest.mark.parametrize("make", [view_of, drop_in_of])
async def test_a_hundred_peers_that_send_requests_and_cancels_and_reset_leave(
    make: Callable[[Stage], web.Application], serve: Serve, raw_client: Connect
) -> None:
    """None of them stays as a connection, or as a user."""
    stage = Stage()
    app = make(stage)
    port = await serve(app, shutdown_timeout=0.1)
    clients = [await raw_client(port) for _ in range(100)]
    hub = app[HUB]
    assert len(hub.connections) == len(hub.registry.connections("alice")) == 100
    for client in clients:
        client.send_raw(frame(kind="hold") + frame(kind="request", ref=1) + CANCELS)
    await eventually(lambda: stage.is_deaf)
    stage.curtain.set()
    await eventually(lambda: stage.begun == 200)
    for client in clients:
        client.abort()
    await eventually(lambda: not hub.connections, within=time_until_the_end(LONG_IDLE_TIMEOUT))
    assert "alice" not in hub.registry


# a peer that is never noticed


async def never() -> None:
    await asyncio.Event().wait()


def mounted_view() -> web.AbstractRouteDef:
    class Slow(WebSocketView):
        idle_timeout = IDLE_TIMEOUT

        async def on_message(self, msg: Any) -> None:
            await never()

    return web.view("/", Slow)


def mounted_kinds() -> web.AbstractRouteDef:
    class Slow(WebSocketView):
        idle_timeout = IDLE_TIMEOUT

        @on("fill")
        async def fill(self) -> None:
            await never()

    return web.view("/", Slow)


def mounted_callbacks() -> web.AbstractRouteDef:
    async def message(ws: Connection, data: str, opcode: Any) -> None:
        await never()

    return websocket("/", message=message, idle_timeout=IDLE_TIMEOUT)


def mounted_function() -> web.AbstractRouteDef:
    route = WebSocketRoute("/", idle_timeout=IDLE_TIMEOUT)

    @route.ws_handler
    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        await never()

    return route


def mounted_drop_in() -> web.AbstractRouteDef:
    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse(idle_timeout=IDLE_TIMEOUT)
        await ws.prepare(request)
        await never()
        return ws

    return web.get("/", view)


FACES: Final = [mounted_view, mounted_kinds, mounted_callbacks, mounted_function, mounted_drop_in]

FILL: Final = frame(kind="fill", padding=PADDING) * FILLING


async def deafened(
    route: web.AbstractRouteDef, serve: Serve, raw_client: Connect
) -> tuple[aiows.Hub, RawClient]:
    """Serve a slow application, and have it fall behind with a peer."""
    app = web.Application(middlewares=[remembering := Remembering()])
    app.add_routes([route])
    setup(app)
    client = await raw_client(await serve(app, shutdown_timeout=0.1))
    client.send_raw(FILL)
    (transport,) = remembering.transports
    await eventually(lambda: not transport.is_reading())
    return app[HUB], client


class Remembering:
    """A middleware that keeps the transports of requests."""

    __middleware_version__ = 1

    def __init__(self) -> None:
        self.transports: list[asyncio.Transport] = []

    async def __call__(self, request: web.Request, handler: Any) -> web.StreamResponse:
        assert request.transport is not None
        self.transports.append(request.transport)
        response: web.StreamResponse = await handler(request)
        return response


@pytest.mark.parametrize("mounted", FACES)
@pytest.mark.parametrize("vanish", [RawClient.abort, RawClient.close])
async def test_a_peer_that_goes_while_reading_is_paused_is_noticed(
    mounted: Callable[[], web.AbstractRouteDef],
    vanish: Callable[[RawClient], None],
    serve: Serve,
    raw_client: Connect,
) -> None:
    """What nobody reads tells nobody of the end: a ping that cannot be written does."""
    hub, client = await deafened(mounted(), serve, raw_client)
    vanish(client)
    await eventually(lambda: not hub.connections, within=time_until_the_end(IDLE_TIMEOUT))


@pytest.mark.parametrize("mounted", FACES)
async def test_a_peer_that_says_no_more_while_reading_is_paused_is_pinged_and_ended(
    mounted: Callable[[], web.AbstractRouteDef], serve: Serve, raw_client: Connect
) -> None:
    """A silence that is our own is not the peer's, but it does not go on for ever."""
    hub, client = await deafened(mounted(), serve, raw_client)
    assert (await client.recv_frame(timeout=time_until_the_end(IDLE_TIMEOUT))).opcode == PING
    await eventually(lambda: not hub.connections, within=time_until_the_end(IDLE_TIMEOUT))


# any sequence


class Play:
    """One peer and one view on a network in memory, whose time passes when the test says so."""

    IDLE_TIMEOUT: Final = 24

    def __init__(self) -> None:
        self.loop = SteppedLoop()
        self.gates: list[asyncio.Future[None]] = []
        self.ran: list[str] = []
        self.app = web.Application()
        self.app.router.add_view("/", self.view())
        self.hub = setup(self.app)
        self.runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.1)
        self.loop.run(self.runner.setup)
        self.client: MemoryClient
        self.loop.run(self.connect)
        self.pongs_sent = 0

    def connect(self) -> None:
        assert self.runner.server is not None
        self.client = MemoryClient(self.loop, self.runner.server, 1000)
        self.client.upgrade("/")

    def view(self) -> type[WebSocketView]:
        play = self

        class View(WebSocketView):
            idle_timeout = play.IDLE_TIMEOUT
            compress = False
            in_flight = 3

            async def authenticate(self, request: web.Request) -> str:
                return "alice"

            @on("quick")
            def quick(self, id: str) -> str:
                play.ran.append(id)
                return id

            @on("slow")
            async def slow(self, id: str) -> str:
                play.ran.append(id)
                await play.gate()
                return id

            @on("beside", concurrency=Parallel(2))
            async def beside(self, id: str) -> str:
                play.ran.append(id)
                await play.gate()
                return id

        return View

    async def gate(self) -> None:
        gate = self.loop.create_future()
        self.gates.append(gate)
        try:
            await gate
        finally:
            self.gates.remove(gate)

    def answer_pings(self) -> None:
        pings = sum(1 for each in self.client.frames() if each.opcode == PING)
        for _ in range(pings - self.pongs_sent):
            self.loop.run(lambda: self.client.send(PONG))
        self.pongs_sent = pings

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.loop.run(lambda: self.loop.advance(1))
            self.answer_pings()

    def say(self, *messages: dict[str, Any]) -> None:
        """Send all of it at once."""

        def send() -> None:
            for message in messages:
                self.client.send(TEXT, json.dumps(message), mask=b"mask")

        self.loop.run(send)

    def open_gate(self, which: int) -> None:
        gates = [gate for gate in self.gates if not gate.done()]
        if gates:
            self.loop.run(lambda: gates[which % len(gates)].set_result(None))

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(each.payload) for each in self.client.frames() if each.opcode == TEXT]

    @property
    def has_ended(self) -> bool:
        return not self.client.is_connected

    def end(self) -> None:
        async def finish() -> None:
            cleaning = asyncio.create_task(self.runner.cleanup())
            for _ in range(130):
                if cleaning.done():
                    break
                await self.loop.advance(1)
            await cleaning

        self.loop.run(self.client.abort)
        self.loop.run(finish)
        self.loop.close()


class Said:
    """What the peer has said in one play, and what is to come of it."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.cancelled: set[str] = set()

    def new_id(self) -> str:
        return str(len(self.messages) + len(self.requests))


FALL_BEHIND: Final = [
    ("tell", "slow", 0),
    ("ask", "slow", 0),
    ("cancel nobody's", FILLING, 900),
]

KINDS: Final = st.sampled_from(["quick", "slow", "beside"])
PADS: Final = st.sampled_from([0, 900, 60_000])
DEEDS: Final = st.one_of(
    *(st.just(deed) for deed in FALL_BEHIND),
    st.tuples(st.sampled_from(["ask", "tell"]), KINDS, PADS),
    st.tuples(st.just("cancel"), st.integers(0, 5), st.sampled_from([0, 900])),
    st.tuples(st.just("open gate"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 5), st.just(0)),
)


def do(play: Play, said: Said, deed: tuple[str, Any, int]) -> None:
    what, which, pad = deed
    padding = "x" * pad
    if what == "ask":
        said.requests.append(name := said.new_id())
        play.say({"kind": which, "id": name, "ref": name, "padding": padding})
    elif what == "tell":
        said.messages.append(name := said.new_id())
        play.say({"kind": which, "id": name, "padding": padding})
    elif what == "cancel" and said.requests:
        ref = said.requests[-1 - which % len(said.requests)]
        said.cancelled.add(ref)
        play.say({"kind": "cancel", "ref": ref, "padding": padding})
    elif what == "cancel nobody's":
        play.say(
            *({"kind": "cancel", "ref": f"nobody's {n}", "padding": padding} for n in range(which))
        )
    elif what == "open gate":
        play.open_gate(which)
    elif what == "wait":
        play.pass_time(which)


@example(deeds=FALL_BEHIND, vanishes=False)
@example(deeds=FALL_BEHIND, vanishes=True)
@given(deeds=st.lists(DEEDS, min_size=3, max_size=12), vanishes=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_asked_and_taken_back_all_is_handled_or_it_ends(
    deeds: list[tuple[str, Any, int]], vanishes: bool
) -> None:
    """Requests, cancels, slow handlers and pauses in any order: nobody goes unheard and nobody stays."""
    play, said = Play(), Said()
    try:
        for deed in deeds:
            do(play, said, deed)
        if vanishes:
            vanishes_and_leaves(play)
        else:
            everything_is_handled(play, said)
    finally:
        with suppress(Exception):
            play.end()


def vanishes_and_leaves(play: Play) -> None:
    """It says nothing more, and no handler ever ends."""
    play.client.stop_reading()
    play.loop.run(lambda: play.loop.advance(time_until_the_end(play.IDLE_TIMEOUT)))
    assert play.hub.connections == ()
    assert "alice" not in play.hub.registry


def everything_is_handled(play: Play, said: Said) -> None:
    """Its handlers end one after the other, and then it is heard at once."""
    while any(not gate.done() for gate in play.gates):
        play.open_gate(0)
    if play.has_ended:
        assert play.hub.connections == ()
        return
    play.say({"kind": "quick", "id": "last", "ref": "last"})
    assert [each for each in play.answers if each["ref"] == "last"] == [
        {"kind": "reply", "ref": "last", "result": "last"}
    ]
    assert [play.ran.count(name) for name in said.messages] == [1] * len(said.messages)
    answered = [each["ref"] for each in play.answers]
    for ref in said.requests:
        assert answered.count(ref) == 1 or (ref in said.cancelled and answered.count(ref) <= 1)
