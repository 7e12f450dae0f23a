"""Observers and counters: what happens on connections, told to those who listen."""

from __future__ import annotations

import gc
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import (
    HUB,
    KindDispatcher,
    Observer,
    Payload,
    WebSocketResponse,
    WebSocketView,
    counters,
    observe,
    on,
    setup,
)
from eventually import eventually
from raw_client import BINARY, TEXT, RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


class Said(Payload, kind="said"):
    text: str


class Talk(WebSocketView):
    async def authenticate(self, request: web.Request) -> str:
        return "ada"

    def on_open(self) -> None:
        self.ws.subscribe("room")

    @on("say")
    async def say(self, text: str) -> dict[str, Any]:
        self.ws.push(Said(text=text))
        return {"ok": True}

    @on("break")
    def break_(self) -> None:
        raise LookupError("broken")


class Notes(Observer):
    """Writes everything down."""

    def __init__(self) -> None:
        self.notes: list[tuple[Any, ...]] = []
        self.ids: set[str] = set()

    def opened(self, connection: Any) -> None:
        self.ids.add(connection.id)
        self.notes.append(("opened", connection.user_id))

    def closed(self, connection: Any, code: int, *, by_peer: bool) -> None:
        self.notes.append(("closed", code, by_peer))

    def message_in(self, connection: Any, opcode: int, size: int) -> None:
        self.notes.append(("message in", opcode, size))

    def message_out(self, connection: Any, opcode: int, size: int) -> None:
        self.notes.append(("message out", opcode, size))

    def kind_in(self, connection: Any, kind: str) -> None:
        self.notes.append(("kind in", kind))

    def kind_out(self, connection: Any, kind: str) -> None:
        self.notes.append(("kind out", kind))

    def dropped(self, connection: Any, opcode: int, size: int) -> None:
        self.notes.append(("dropped", opcode, size))

    def failed(self, connection: Any, error: BaseException, *, kind: str | None) -> None:
        self.notes.append(("failed", str(error), kind))

    def of(self, what: str) -> list[tuple[Any, ...]]:
        return [note[1:] for note in self.notes if note[0] == what]


def application() -> web.Application:
    app = web.Application()
    app.router.add_view("/", Talk)
    setup(app)
    return app


async def test_an_observer_is_told_of_a_life(serve: Serve, raw_client: Connect) -> None:
    """From the 101 to the end, with the kinds that came and went."""
    notes, app = Notes(), application()
    with observe(notes):
        client = await raw_client(await serve(app))
        say = '{"kind":"say","text":"hi","ref":1}'
        client.send_frame(TEXT, say.encode())
        said, reply = await client.recv_frame(), await client.recv_frame()
        await app[HUB].publish("room", Said(text="news"))
        news = await client.recv_frame()
        client.send_close(1000)
        await eventually(lambda: notes.of("closed"))
    assert notes.of("opened") == [("ada",)]
    assert notes.of("message in") == [(TEXT, len(say))]
    sizes = [(TEXT, len(frame.payload)) for frame in (said, reply, news)]
    assert notes.of("message out") == sizes
    assert notes.of("kind in") == [("say",)]
    assert notes.of("kind out") == [("said",), ("reply",), ("said",)]
    assert notes.of("closed") == [(1000, True)]
    assert len(notes.ids) == 1


async def test_an_observer_that_nobody_keeps_hears_all_the_same(
    serve: Serve, raw_client: Connect
) -> None:
    """Until it is told to stop; no connection has to be there when it begins."""
    notes = Notes()
    observe(notes)
    gc.collect()
    await raw_client(await serve(application()))
    await eventually(lambda: notes.of("opened"))


async def test_what_is_sent_late_is_not_told_as_dropped(serve: Serve, raw_client: Connect) -> None:
    """A reply that finds no room waits for it."""
    notes = Notes()

    class Large(WebSocketView):
        max_backpressure = 64 * 1024
        compress = False

        @on("large")
        def large(self) -> dict[str, Any]:
            return {"data": "x" * 50_000}

    app = web.Application()
    app.router.add_view("/", Large)
    with observe(notes):
        client = await raw_client(await serve(app), receive_buffer=16 * 1024)
        for ref in range(100):
            client.send_frame(TEXT, b'{"kind":"large","ref":%d}' % ref)
        for _ in range(100):
            await client.recv_frame()
    assert notes.of("dropped") == []
    assert len(notes.of("message out")) == 100


async def test_who_began_the_end_is_told(serve: Serve, raw_client: Connect) -> None:
    """We did, or the peer, or nobody who said so."""
    notes, app = Notes(), application()
    with observe(notes):
        port = await serve(app)
        await raw_client(port)
        await eventually(lambda: app[HUB].connections)
        app[HUB].close_all(4000)
        client = await raw_client(port)
        await eventually(lambda: app[HUB].connections)
        client.abort()
        await eventually(lambda: len(notes.of("closed")) == 2)
        await raw_client(port)
        await eventually(lambda: app[HUB].connections)
        app[HUB].connections[0].abort()
    assert notes.of("closed") == [(4000, False), (1006, True), (1006, False)]


async def test_failures_are_told_with_the_kind(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """What the log has, for programs; the answer to the peer goes out as ever."""
    caplog.set_level(logging.CRITICAL, "aiows")
    notes = Notes()
    with observe(notes):
        client = await raw_client(await serve(application()))
        client.send_frame(TEXT, b'{"kind":"break","ref":1}')
        assert b"internal" in (await client.recv_frame()).payload
    assert notes.of("failed") == [("broken", "break")]
    assert notes.of("kind out") == [("error",)]


async def test_an_observer_that_raises_changes_nothing(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the others are told all the same."""
    caplog.set_level(logging.CRITICAL, "aiows")

    class Broken(Notes):
        def message_in(self, connection: Any, opcode: int, size: int) -> None:
            raise LookupError

    notes = Notes()
    with observe(Broken()), observe(notes):
        client = await raw_client(await serve(application()))
        client.send_frame(TEXT, b'{"kind":"say","text":"hi","ref":1}')
        await client.recv_frame()
    assert len(notes.of("message in")) == 1


async def test_a_drop_in_is_observed_too(serve: Serve, raw_client: Connect) -> None:
    """With the kinds that it dispatches."""
    notes, kinds = Notes(), KindDispatcher()
    kinds.on("say")(lambda text: {"ok": text})

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        await kinds.serve(ws)
        return ws

    with observe(notes):
        client = await raw_client(await serve(view))
        client.send_frame(TEXT, b'{"kind":"say","text":"hi","ref":1}')
        await client.recv_frame()
    assert (notes.of("opened"), notes.of("kind in")) == ([(None,)], [("say",)])
    assert notes.of("kind out") == [("reply",)]


async def test_nobody_is_told_after_the_end_of_the_observation(
    serve: Serve, raw_client: Connect
) -> None:
    """To stop twice does no harm."""
    notes = Notes()
    observation = observe(notes)
    port = await serve(application())
    observation.stop()
    observation.stop()
    client = await raw_client(port)
    client.send_frame(TEXT, b'{"kind":"say","text":"hi","ref":1}')
    await client.recv_frame()
    assert notes.notes == []


async def test_the_counters_count_while_nobody_listens(serve: Serve, raw_client: Connect) -> None:
    """Messages and bytes both ways, and connections."""
    counted = counters()
    assert (counted.opened, counted.messages_in, counted.bytes_out) == (0, 0, 0)

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        async for msg in ws:
            await ws.send_bytes(msg.data)
            ws.push(msg.data)
        return ws

    client = await raw_client(await serve(view))
    for size in (10, 20):
        client.send_frame(BINARY, bytes(size))
        await client.recv_frame()
        await client.recv_frame()
    client.send_close(1000)
    await eventually(lambda: counters().closed == 1)
    assert counters() is counted
    assert (counted.opened, counted.messages_in, counted.bytes_in) == (1, 2, 30)
    assert (counted.messages_out, counted.bytes_out, counted.dropped) == (4, 60, 0)


def test_who_observes_needs_a_loop() -> None:
    """Before one runs there is nothing to observe."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        observe(Observer())
    with pytest.raises(RuntimeError, match="no running event loop"):
        counters()
