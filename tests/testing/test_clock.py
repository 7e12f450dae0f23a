"""`aiows.testing.VirtualClock`: two minutes of silence over real sockets, without waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import WebSocketResponse, WebSocketView
from aiows.testing import Disconnected, TestClient, VirtualClock
from raw_client import PING, RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


async def test_timers_run_in_their_order_each_at_its_own_moment() -> None:
    """Also those that an earlier one has started."""
    loop = asyncio.get_running_loop()
    with VirtualClock() as clock:
        begun = clock.now
        seen: list[Any] = []

        def note(name: str) -> None:
            seen.append((name, round(loop.time() - begun, 6)))

        loop.call_later(30, note, "c")
        loop.call_later(10, note, "a")
        loop.call_later(10, lambda: loop.call_later(5, note, "b"))
        await clock.advance(29.5)
        assert seen == [("a", 10), ("b", 15)]
        await clock.advance(0.5)
        assert seen[2:] == [("c", 30)]
        assert clock.now - begun == pytest.approx(30)


async def test_nothing_waits() -> None:
    """An hour of ticks takes less than a second each minute."""
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(60)
            ticks += 1

    begun = time.monotonic()
    with VirtualClock() as clock:
        ticking = asyncio.create_task(tick())
        await clock.advance(3600)
        ticking.cancel()
    assert ticks == 60
    assert time.monotonic() - begun < 5


async def test_time_stands_still_while_nobody_moves_it() -> None:
    """However long the test thinks."""
    loop = asyncio.get_running_loop()
    with VirtualClock() as clock:
        before = loop.time()
        time.sleep(0.02)  # noqa: ASYNC251
        await asyncio.sleep(0)
        assert loop.time() == before
        await clock.advance(0)
        assert loop.time() == before


async def test_a_wait_in_vain_still_ends_with_its_own_timeout() -> None:
    """Nothing happens for so long, really: time passes."""
    with VirtualClock(), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await asyncio.Event().wait()


async def test_afterwards_time_flows_from_where_it_was() -> None:
    """It never goes back."""
    loop = asyncio.get_running_loop()
    with VirtualClock() as clock:
        await clock.advance(1000)
        there = loop.time()
    assert 0 <= loop.time() - there < 5
    before = loop.time()
    await asyncio.sleep(0.01)
    assert loop.time() >= before + 0.009


async def test_an_idle_peer_is_pinged_and_given_up(serve: Serve, raw_client: Connect) -> None:
    """The view's 120 seconds, with pings after 50 and 100 of them."""
    closed: list[int] = []

    class View(WebSocketView):
        def on_close(self, code: int, reason: str) -> None:
            closed.append(code)

    with VirtualClock() as clock:
        app = web.Application()
        app.router.add_view("/", View)
        client = await raw_client(await serve(app))
        for _ in range(2):
            ping = asyncio.create_task(client.recv_frame(timeout=1000))
            await clock.advance(49.9)
            assert not ping.done()
            await clock.advance(0.1)
            assert (await ping).opcode == PING
        await clock.advance(19.8)
        assert closed == []
        await clock.advance(0.2)
        assert closed == [1006]


async def test_what_a_timer_starts_has_happened_before_time_moves_on(
    serve: Serve, raw_client: Connect
) -> None:
    """A peer that answers pings over the socket is not found silent in the same advance."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse(heartbeat=10)
        await ws.prepare(request)
        await ws.receive()
        return ws

    with VirtualClock() as clock:
        client = await raw_client(await serve(handler))
        pings = 0

        async def answer() -> None:
            nonlocal pings
            while True:
                frame = await client.recv_frame(timeout=1000)
                pings += frame.opcode == PING
                client.send_frame(10, frame.payload)

        answering = asyncio.create_task(answer())
        await clock.advance(105)
        assert pings == 10
        answering.cancel()
        client.close()


def test_a_test_client_has_a_clock_of_its_applications_time() -> None:
    """Its sessions answer pings; one that is cut off is given up."""
    closed: list[int] = []

    class View(WebSocketView):
        idle_timeout = 60.0

        def on_close(self, code: int, reason: str) -> None:
            closed.append(code)

    app = web.Application()
    app.router.add_view("/", View)
    begun = time.monotonic()
    with TestClient(app, virtual_time=True) as client, client.websocket_connect("/") as websocket:
        before = client.clock.now
        client.clock.advance(600)
        assert client.clock.now - before == pytest.approx(600)
        assert closed == []
        assert websocket.close_code is None
    assert closed == [1000]
    assert time.monotonic() - begun < 5


def test_a_close_that_is_delayed_comes_when_time_has_passed() -> None:
    """``asyncio.sleep`` in a handler waits for the clock."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        await asyncio.sleep(300)
        await ws.close(code=4000)
        return ws

    app = web.Application()
    app.router.add_get("/", handler)
    with TestClient(app, virtual_time=True) as client, client.websocket_connect("/") as websocket:
        client.clock.advance(299)
        assert websocket.close_code is None
        client.clock.advance(1)
        with pytest.raises(Disconnected) as ended:
            websocket.receive()
        assert ended.value.code == 4000


def test_a_client_of_real_time_has_no_clock() -> None:
    """It says how to get one."""
    with (
        TestClient(web.Application()) as client,
        pytest.raises(RuntimeError, match="virtual_time=True"),
    ):
        _ = client.clock


async def test_mistakes_are_named() -> None:
    """Time goes forward, inside of `with`, once at a time, and one clock moves it."""
    clock = VirtualClock()
    with pytest.raises(RuntimeError, match="inside of"):
        await clock.advance(1)
    with clock:
        with pytest.raises(ValueError, match="does not go back"):
            await clock.advance(-1)
        with pytest.raises(RuntimeError, match="already"), VirtualClock():
            pass
        first = asyncio.create_task(clock.advance(1))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another advance"):
            await clock.advance(1)
        await first


def test_a_loop_that_is_not_asyncios_is_refused() -> None:
    """uvloop keeps its time to itself."""
    uvloop = pytest.importorskip("uvloop")

    async def enter() -> None:
        with pytest.raises(RuntimeError, match="of asyncio's own"), VirtualClock():
            pass

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(enter())
