"""A server that shuts down: what has come is answered, then the Close; what is stuck has its time once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import WSMessage, web

from aiows import (
    Connection,
    KindDispatcher,
    WebSocket,
    WebSocketResponse,
    WebSocketView,
    on,
    websocket,
)
from aiows.kinds import Parallel
from aiows.testing import VirtualClock
from raw_client import CLOSE, PING, TEXT, RawClient, build_frame

Connect = Callable[..., Awaitable[RawClient]]

TIMEOUT = 60.0  # the default of aiohttp's runner, in seconds


@dataclass
class Work:
    """What a handler does: it begins, waits for ``go_on``, and is done."""

    began: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    happened: list[Any] = field(default_factory=list)

    async def __call__(self, message: str = "") -> str:
        self.happened.append(f"begin {message}")
        self.began.set()
        await self.go_on.wait()
        self.happened.append(f"end {message}")
        return f"answer to {message}"


def drop_in(work: Work) -> web.RouteDef:
    async def handler(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.send_str(await work(message.data))
        return ws

    return web.get("/", handler)


def function(work: Work) -> web.RouteDef:
    async def talk(ws: WebSocket) -> None:
        await ws.accept()
        async for text in ws.iter_text():
            await ws.send_text(await work(text))

    return websocket("/", talk)


def callbacks(work: Work) -> web.RouteDef:
    async def message(ws: Connection, message: str, opcode: object) -> None:
        ws.send(await work(message))

    return websocket("/", {"message": message})


def view(work: Work) -> web.RouteDef:
    class View(WebSocketView):
        async def on_message(self, msg: WSMessage) -> None:
            self.ws.push(await work(msg.data))

    return web.view("/", View)


def kinds(work: Work, **options: Any) -> web.RouteDef:
    class View(WebSocketView):
        @on("a", **options)
        async def handle(self, text: str) -> str:
            return await work(text)

    return web.view("/", View)


def parallel_kinds(work: Work) -> web.RouteDef:
    return kinds(work, concurrency=Parallel(4))


def served_kinds(work: Work) -> web.RouteDef:
    dispatcher = KindDispatcher()

    @dispatcher.on("a", concurrency=Parallel(4))
    async def handle(text: str) -> str:
        return await work(text)

    async def handler(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        await dispatcher.serve(ws)
        return ws

    return web.get("/", handler)


PLAIN = (drop_in, function, callbacks, view)
WITH_KINDS = (kinds, parallel_kinds, served_kinds)
every_face = pytest.mark.parametrize("make", [*PLAIN, *WITH_KINDS])


class Server:
    """An application that is shut down by the test; time passes when the test says so."""

    def __init__(self, route: web.RouteDef) -> None:
        app = web.Application()
        app.add_routes([route])
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=TIMEOUT)
        self.cleaning: asyncio.Task[None] | None = None

    async def start(self) -> int:
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return int(self.runner.addresses[0][1])

    def shut_down(self) -> asyncio.Task[None]:
        self.cleaning = asyncio.create_task(self.runner.cleanup())
        return self.cleaning


Serve = Callable[[web.RouteDef], Awaitable[Server]]


@pytest.fixture
async def clock() -> AsyncIterator[VirtualClock]:
    with VirtualClock() as clock:
        yield clock


@pytest.fixture
async def serving() -> AsyncIterator[Callable[[web.RouteDef], Server]]:
    servers: list[Server] = []

    def make(route: web.RouteDef) -> Server:
        servers.append(Server(route))
        return servers[-1]

    yield make
    for server in servers:
        await (server.cleaning or server.runner.cleanup())


def say(client: RawClient, make: object, *texts: str) -> None:
    """Say it in one segment."""
    if make in WITH_KINDS:
        texts = tuple(
            f'{{"kind":"a","text":"{text}","ref":{number}}}' for number, text in enumerate(texts)
        )
    client.send_raw(b"".join(build_frame(TEXT, text) for text in texts))


async def close_code_of(client: RawClient) -> int | None:
    """Of the Close that comes; pings may come before."""
    while (frame := await client.recv_frame()).opcode == PING:
        pass
    return frame.close_code


@every_face
async def test_what_is_at_hand_is_answered_and_then_comes_the_close(
    make: Any, serving: Any, raw_client: Connect, clock: VirtualClock
) -> None:
    """Also what waits behind it; what comes later is not begun, as after a Close."""
    work = Work()
    server = serving(make(work))
    client = await raw_client(await server.start())
    say(client, make, "one", "two")
    await work.began.wait()
    cleaning = server.shut_down()
    await clock.advance(5)
    say(client, make, "three")
    await clock.advance(5)
    assert not cleaning.done()
    work.go_on.set()
    answers = [(await client.recv_frame()).text for _ in range(2)]
    assert ["answer to one" in answers[0], "answer to two" in answers[1]] == [True, True]
    assert (await client.recv_frame()).close_code == 1001
    client.send_close()
    await cleaning
    assert "begin three" not in work.happened


@every_face
async def test_who_has_nothing_to_do_is_closed_at_once(
    make: Any, serving: Any, raw_client: Connect, clock: VirtualClock
) -> None:
    """Whether it has handled something before or not."""
    work = Work()
    work.go_on.set()
    server = serving(make(work))
    port = await server.start()
    idle, busy = await raw_client(port), await raw_client(port)
    say(busy, make, "one")
    await busy.recv_frame()
    before = clock.now
    cleaning = server.shut_down()
    for client in (idle, busy):
        assert (await client.recv_frame()).close_code == 1001
        client.send_close()
    await cleaning
    assert clock.now - before < 1


@every_face
async def test_who_is_stuck_has_the_time_of_the_runner_once(
    make: Any, serving: Any, raw_client: Connect, clock: VirtualClock
) -> None:
    """The peer is told before that; then the handler is cancelled."""
    work = Work()
    server = serving(make(work))
    client = await raw_client(await server.start())
    say(client, make, "one")
    await work.began.wait()
    before = clock.now
    cleaning = server.shut_down()
    await clock.advance(TIMEOUT - 5)
    assert not cleaning.done()
    await clock.advance(10)
    assert await close_code_of(client) == 1001
    await cleaning
    assert clock.now - before < TIMEOUT + 6
    assert work.happened == ["begin one"]


async def test_a_view_that_only_sends_is_closed_at_once(
    serving: Any, raw_client: Connect, clock: VirtualClock
) -> None:
    """It has no message at hand that it could answer."""

    async def clock_view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        while not ws.closed:
            await ws.send_str("tick")
            await asyncio.sleep(1)
        return ws

    server = serving(web.get("/", clock_view))
    client = await raw_client(await server.start())
    assert (await client.recv_frame()).text == "tick"
    cleaning = server.shut_down()
    while (frame := await client.recv_frame()).opcode != CLOSE:
        assert frame.text == "tick"
    assert frame.close_code == 1001
    client.send_close()
    await clock.advance(2)
    await cleaning


@pytest.mark.parametrize("concurrency", [None, Parallel(4)])
async def test_a_stream_is_ended_at_once(
    concurrency: Any, serving: Any, raw_client: Connect, clock: VirtualClock
) -> None:
    """Nobody knows how long it goes on."""

    class View(WebSocketView):
        @on("count", **({} if concurrency is None else {"concurrency": concurrency}))
        async def count(self) -> AsyncIterator[int]:
            for number in range(1_000_000):
                yield number
                await asyncio.sleep(10)

    server = serving(web.view("/", View))
    client = await raw_client(await server.start())
    client.send_text('{"kind":"count","ref":1}')
    assert "item" in (await client.recv_frame()).text
    before = clock.now
    cleaning = server.shut_down()
    assert (await client.recv_frame()).close_code == 1001
    client.send_close()
    await cleaning
    assert clock.now - before < 1


async def test_an_open_hook_at_work_is_waited_for(
    serving: Any, raw_client: Connect, clock: VirtualClock
) -> None:
    """What it sends arrives before the Close."""
    work = Work()

    class View(WebSocketView):
        async def on_open(self) -> None:
            self.ws.push(await work("hello"))

    server = serving(web.view("/", View))
    client = await raw_client(await server.start())
    await work.began.wait()
    cleaning = server.shut_down()
    await clock.advance(5)
    work.go_on.set()
    assert (await client.recv_frame()).text == "answer to hello"
    assert (await client.recv_frame()).close_code == 1001
    client.send_close()
    await cleaning


async def test_a_handler_may_still_ask_its_peer(
    serving: Any, raw_client: Connect, clock: VirtualClock
) -> None:
    """Answers are no new messages."""

    class View(WebSocketView):
        @on("order")
        async def order(self) -> str:
            return "sold" if (await self.ws.ask("sure"))["yes"] else "kept"

    server = serving(web.view("/", View))
    client = await raw_client(await server.start())
    client.send_text('{"kind":"order","ref":1}')
    question = json.loads((await client.recv_frame()).text)
    cleaning = server.shut_down()
    await clock.advance(1)
    client.send_text(f'{{"kind":"reply","ref":"{question["ref"]}","yes":true}}')
    assert "sold" in (await client.recv_frame()).text
    assert (await client.recv_frame()).close_code == 1001
    client.send_close()
    await cleaning


async def test_hooks_that_follow_each_other_have_the_time_once_together(
    serving: Any, raw_client: Connect, clock: VirtualClock
) -> None:
    """What ends may begin another one; that has what is left."""
    work, closing = Work(), Work()

    class View(WebSocketView):
        async def on_message(self, msg: WSMessage) -> None:
            await work(msg.data)

        async def on_close(self, code: int, reason: str) -> None:
            await closing()

    server = serving(web.view("/", View))
    client = await raw_client(await server.start())
    client.send_text("one")
    await work.began.wait()
    before = clock.now
    cleaning = server.shut_down()
    await clock.advance(TIMEOUT - 5)
    work.go_on.set()
    await clock.advance(20)
    await cleaning
    assert closing.happened == ["begin "]
    assert clock.now - before < TIMEOUT + 16
