"""In asyncio's debug mode a connection tells who uses it from another thread or loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from aiows import HUB, Connection, PreparedMessage, WebSocketResponse, setup, websocket
from aiows.errors import AiowsError, WrongEventLoop
from raw_client import RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

every_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)


@pytest.fixture
async def debug() -> None:
    asyncio.get_running_loop().set_debug(True)


async def opened(face: Face, serve: Serve, connect: Connect) -> tuple[Any, web.Application]:
    """A face of a connection, and its application, which has a hub."""
    opened: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    app = face.serve(lambda ws, text: opened.set_result(ws), {})
    setup(app)
    client = await connect(await serve(app))
    client.send_text("here I am")
    return await opened, app


async def in_another_thread(call: Callable[[], Any]) -> BaseException | None:
    """Return what ``call()`` has raised in a thread without an event loop."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    await asyncio.get_running_loop().run_in_executor(None, thread.join)
    return raised[0] if raised else None


USES: dict[str, Callable[[Any], Any]] = {
    "push": lambda ws: ws.push("a"),
    "push prepared": lambda ws: ws.push(PreparedMessage("a")),
    "send": lambda ws: ws.connection.send(b"a"),
    "publish": lambda ws: ws.publish("room", "a"),
    "subscribe": lambda ws: ws.subscribe("room"),
    "unsubscribe": lambda ws: ws.unsubscribe("room"),
    "close": lambda ws: ws.connection.close(),
    "end": lambda ws: ws.connection.end(),
    "abort": lambda ws: ws.connection.abort(),
    "ping": lambda ws: ws.connection.ping(),
}


@every_face
@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_what_is_done_from_another_thread_is_an_error(
    face: Face, use: Callable[[Any], Any], debug: None, serve: Serve, raw_client: Connect
) -> None:
    """It would be mixed with what the loop does, or wait until something else wakes it."""
    ws, _ = await opened(face, serve, raw_client)
    error = await in_another_thread(lambda: use(ws))
    assert isinstance(error, WrongEventLoop)
    assert "call_soon_threadsafe" in str(error)
    assert not ws.closed
    assert not ws.is_subscribed("room")
    use(ws)  # here it may


@every_face
@pytest.mark.parametrize(
    "use",
    [
        lambda hub, ws: hub.publish("room", "a"),
        lambda hub, ws: hub.broadcast("a"),
        lambda hub, ws: hub.send("ada", "a"),
        lambda hub, ws: hub.registry.send("ada", "a"),
        lambda hub, ws: ws.connection.join("room"),
        lambda hub, ws: ws.connection.ask("name"),
    ],
    ids=["publish", "broadcast", "send", "registry.send", "join", "ask"],
)
async def test_what_is_awaited_in_another_loop_is_an_error(
    face: Face,
    use: Callable[[Any, Any], Awaitable[Any]],
    debug: None,
    serve: Serve,
    raw_client: Connect,
) -> None:
    """As ``asyncio.run`` in a worker thread has one."""
    ws, app = await opened(face, serve, raw_client)
    app[HUB].registry.add("ada", ws)
    ws.subscribe("room")

    async def use_it() -> None:
        await use(app[HUB], ws)

    error = await in_another_thread(lambda: asyncio.run(use_it()))
    assert isinstance(error, WrongEventLoop)


async def test_the_drop_ins_own_methods_look_too(
    debug: None, serve: Serve, raw_client: Connect
) -> None:
    """Also where a message goes past `push`."""
    ws, _ = await opened(FACES[0], serve, raw_client)
    for send in (lambda: ws.send_str("a"), lambda: ws.send_bytes(b"a"), lambda: ws.send_json({})):
        error = await in_another_thread(lambda send=send: asyncio.run(send()))  # type: ignore[misc]
        assert isinstance(error, WrongEventLoop)
    await ws.send_str("a")


async def test_the_safe_ways_are_no_errors(debug: None, serve: Serve, raw_client: Connect) -> None:
    """Those that the error and the documentation name."""
    loop = asyncio.get_running_loop()
    client: RawClient
    done: asyncio.Future[Connection] = loop.create_future()
    app = web.Application()
    app.add_routes([websocket("/", open=done.set_result)])
    setup(app)
    client = await raw_client(await serve(app))
    ws = await done
    ws.subscribe("room")

    def work() -> None:
        loop.call_soon_threadsafe(ws.push, "one")
        publishing = asyncio.run_coroutine_threadsafe(app[HUB].publish("room", "two"), loop)
        assert publishing.result(5) == 1

    assert await in_another_thread(work) is None
    assert [(await client.recv_frame()).text for _ in range(2)] == ["one", "two"]


async def test_without_debug_mode_nothing_is_checked(serve: Serve, raw_client: Connect) -> None:
    """Nor is anything paid for it: the classes are the plain ones."""
    asyncio.get_running_loop().set_debug(False)
    ws, _ = await opened(FACES[1], serve, raw_client)
    assert type(ws) is Connection
    assert type(ws._outbox).__name__ == "Outbox"


def test_the_error_is_caught_by_what_asyncio_raises_for_the_same() -> None:
    """A RuntimeError, and one of ours."""
    assert issubclass(WrongEventLoop, RuntimeError)
    assert issubclass(WrongEventLoop, AiowsError)


# what may be awaited by habit


@every_face
async def test_what_push_answers_may_be_awaited(
    face: Face, serve: Serve, raw_client: Connect
) -> None:
    """Nothing is waited for, and the message has left once."""
    ws, _ = await opened(face, serve, raw_client)
    status = ws.push("a")
    assert await status is status
    assert await ws.connection.send("b") is status


async def test_a_view_may_await_push_in_a_loop(serve: Serve, raw_client: Connect) -> None:
    """The answer arrives, and the connection lives on."""

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            await ws.push(message.data)
        return ws

    client = await raw_client(await serve(view))
    for text in ("a", "b"):
        client.send_text(text)
        assert (await client.recv_frame()).text == text
