"""Context variables: every hook sees what its connection's upgrade has set, over real sockets, on each loop.

It does not see what another message has set, or the connection of somebody else who has caused the call.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, Any, Final

import pytest
from aiohttp import ClientSession, web

from aiows import (
    HUB,
    AsyncResource,
    KindDispatcher,
    WebSocket,
    WebSocketResponse,
    WebSocketView,
    on,
    setup,
    use,
    websocket,
)
from event_loops import LOOPS, loop_factory_or_skip
from raw_client import PING, PONG, TEXT, RawClient

# Each is set at one place: by a middleware, by `authenticate`, by what opens the connection, by a message.
VARIABLES: Final = ("asked", "known", "opened", "said")
asked, known, opened, said = (ContextVar[str](each, default="-") for each in VARIABLES)

LOG: Final = web.AppKey("LOG", list[tuple[str, str]])
OPEN: Final = web.AppKey("OPEN", list[Any])

SAY: Final = json.dumps({"kind": "say", "ref": 1})
FINISH: Final = json.dumps({"kind": "finish"})

Scenario = Callable[["Server"], Coroutine[Any, Any, None]]


def seen() -> str:
    return " ".join(each.get() for each in (asked, known, opened, said))


def handle(ws: Any, text: str | bytes) -> None:
    """What handlers do: say what they see, and set something; or end all connections but their own."""
    ws.push(seen())
    said.set("by a message")
    if "finish" in str(text):
        for each in ws.app[OPEN]:
            if each is not ws.connection:
                each.close(4000)


@web.middleware
async def asking(request: web.Request, handler: Any) -> web.StreamResponse:
    if "user" in request.query:
        asked.set(request.query["user"])
    response: web.StreamResponse = await handler(request)
    return response


async def plain_http(request: web.Request) -> web.Response:
    return web.Response(text=seen())


# what is called for a connection, in each face


class View(WebSocketView):
    async def authenticate(self, request: web.Request) -> str:
        known.set(asked.get())
        return asked.get()

    def on_open(self) -> Any:
        opened.set(asked.get())
        self.app[OPEN].append(self.ws)

    def on_close(self, code: int, reason: str) -> Any:
        self.app[LOG].append(("close", seen()))
        said.set("by a close")


class PlainView(View):
    def on_message(self, msg: Any) -> None:
        handle(self.ws, msg.data)


class AsyncView(View):
    async def on_open(self) -> None:
        await asyncio.sleep(0)
        super().on_open()

    async def on_message(self, msg: Any) -> None:
        handle(self.ws, msg.data)

    async def on_close(self, code: int, reason: str) -> None:
        super().on_close(code, reason)


class WaitingView(AsyncView):
    async def on_message(self, msg: Any) -> None:
        await asyncio.sleep(0)
        handle(self.ws, msg.data)
        await asyncio.sleep(0)

    async def on_close(self, code: int, reason: str) -> None:
        await asyncio.sleep(0)
        await super().on_close(code, reason)


class PlainKinds(View):
    @on("say")
    def say(self) -> None:
        handle(self.ws, SAY)

    @on("finish")
    def finish(self) -> None:
        handle(self.ws, FINISH)


class AsyncKinds(View):
    @on("say")
    async def say(self) -> None:
        handle(self.ws, SAY)

    @on("finish")
    async def finish(self) -> None:
        handle(self.ws, FINISH)


class WaitingKinds(View):
    @on("say")
    async def say(self) -> None:
        await asyncio.sleep(0)
        handle(self.ws, SAY)

    @on("finish", timeout=60)
    async def finish(self) -> None:
        await asyncio.sleep(0)
        handle(self.ws, FINISH)


def open_it(ws: Any) -> None:
    known.set(asked.get())
    opened.set(asked.get())
    ws.app[OPEN].append(ws)
    ws.add_leave_callback(lambda ws: ws.app[LOG].append(("leave", seen())))
    if ws.app.get(HUB) is not None:
        ws.subscribe("everybody")


def told_of(what: str) -> Callable[..., None]:
    def told(ws: Any, *_: Any) -> None:
        ws.app[LOG].append((what, seen()))
        said.set(f"by a {what}")

    return told


def plain_message(ws: Any, message: Any, opcode: Any) -> None:
    handle(ws, message)


async def async_message(ws: Any, message: Any, opcode: Any) -> None:
    handle(ws, message)


async def waiting_message(ws: Any, message: Any, opcode: Any) -> None:
    await asyncio.sleep(0)
    handle(ws, message)


def callbacks(message: Callable[..., Any]) -> dict[str, Any]:
    others = ("drain", "ping", "pong", "dropped", "subscription", "close")
    return {
        "open": open_it,
        "message": message,
        "max_backpressure": 64 * 1024,
        **{each: told_of(each) for each in others},
    }


dispatched = KindDispatcher()


@dispatched.on("say")
def say(ws: Any) -> None:
    handle(ws, SAY)


@dispatched.on("finish")
async def finish(ws: Any) -> None:
    handle(ws, FINISH)
    await asyncio.sleep(0)
    assert said.get() == "by a message"


@asynccontextmanager
async def _open_in_task(ws: Any) -> AsyncIterator[None]:
    known.set(asked.get())
    opened.set(asked.get())
    ws.app[OPEN].append(ws)
    try:
        yield
    finally:
        ws.app[LOG].append(("close", seen()))


async def drop_in(request: web.Request) -> web.StreamResponse:
    ws: Any = WebSocketResponse()
    await ws.prepare(request)
    async with _open_in_task(ws.connection):
        async for msg in ws:
            await dispatched.dispatch(ws, msg)
    response: web.StreamResponse = ws
    return response


async def endpoint(ws: WebSocket) -> None:
    await ws.accept()
    async with _open_in_task(ws.connection):
        await dispatched.serve(ws)


FACES: Final[dict[str, Any]] = {
    "plain-callbacks": callbacks(plain_message),
    "async-callbacks": callbacks(async_message),
    "waiting-callbacks": callbacks(waiting_message),
    "plain-view": PlainView,
    "async-view": AsyncView,
    "waiting-view": WaitingView,
    "plain-kinds": PlainKinds,
    "async-kinds": AsyncKinds,
    "waiting-kinds": WaitingKinds,
    "drop-in": drop_in,
    "endpoint": endpoint,
}


class Server:
    """An application with every face, and what its hooks have seen."""

    def __init__(self, face: str) -> None:
        self.face = face
        self.app = web.Application(middlewares=[asking])
        self.app[LOG], self.app[OPEN] = [], []
        self.app.router.add_get("/http", plain_http)
        self.app.router.add_get("/drop-in", drop_in)
        self.app.add_routes(
            [websocket(f"/{name}", each) for name, each in FACES.items() if each is not drop_in]
        )
        setup(self.app)
        self.clients: list[RawClient] = []

    async def connect(self, user: str, **options: Any) -> RawClient:
        client = await RawClient.connect(self.port, f"/{self.face}?user={user}", **options)
        self.clients.append(client)
        return client

    async def run(self, scenario: Scenario) -> None:
        runner = web.AppRunner(self.app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        try:
            await scenario(self)
        finally:
            for client in self.clients:
                client.close()
            await runner.cleanup()
            self.app[OPEN].clear()  # aiohttp keeps some applications for good

    async def logged(self, what: str) -> list[str]:
        """What was seen in the calls of one hook, once there is one."""
        async with asyncio.timeout(5):
            while not (found := [seen for name, seen in self.app[LOG] if name == what]):
                await asyncio.sleep(0.001)
        return found


@pytest.fixture(params=LOOPS)
def run_on_loop(request: pytest.FixtureRequest) -> Callable[[Awaitable[None]], None]:
    """Runs a coroutine on each kind of event loop."""
    factory = loop_factory_or_skip(request.param)

    def run(main: Any) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main)

    return run


async def say_and_hear(client: RawClient, text: str = SAY) -> str:
    client.send_text(text)
    frame = await client.recv_frame()
    while "reply" in frame.text:
        frame = await client.recv_frame()
    assert frame.opcode == TEXT
    return frame.text


# messages


async def _messages(server: Server) -> None:
    ada, bob = await server.connect("Ada"), await server.connect("Bob")
    for _ in range(2):
        assert await say_and_hear(ada) == "Ada Ada Ada -"
        assert await say_and_hear(bob) == "Bob Bob Bob -"
    async with (
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}/http") as response,
    ):
        assert await response.text() == "- - - -"
    eve = await server.connect("Eve")
    assert await say_and_hear(eve) == "Eve Eve Eve -"


@pytest.mark.parametrize("face", FACES)
def test_a_message_sees_what_its_upgrade_has_set_and_nothing_of_another(
    run_on_loop: Callable[[Any], None], face: str
) -> None:
    """Neither of the one before, nor of other clients; and no request sees anything of them."""
    run_on_loop(Server(face).run(_messages))


async def _queue(server: Server) -> None:
    ada = await server.connect("Ada")
    for _ in range(4):
        ada.send_text(SAY)
    heard: list[str] = []
    while len(heard) < 4:
        frame = await ada.recv_frame()
        if "reply" not in frame.text:
            heard.append(frame.text)
    assert heard == ["Ada Ada Ada -"] * 4


@pytest.mark.parametrize("face", FACES)
def test_a_message_that_has_waited_for_another_sees_nothing_of_it(
    run_on_loop: Callable[[Any], None], face: str
) -> None:
    """They come in one read, and some handlers wait."""
    run_on_loop(Server(face).run(_queue))


# what somebody else causes


async def _close(server: Server) -> None:
    bob, ada = await server.connect("Bob"), await server.connect("Ada")
    assert await say_and_hear(bob) == "Bob Bob Bob -"
    assert await say_and_hear(ada, FINISH) == "Ada Ada Ada -"
    assert (await bob.recv_frame()).opcode != PONG
    assert await server.logged("close") == ["Bob Bob Bob -"]
    if "callbacks" in server.face:
        assert await server.logged("leave") == ["Bob Bob Bob -"]
        assert (await server.logged("subscription"))[-1] == "Bob Bob Bob -"


@pytest.mark.parametrize("face", FACES)
def test_a_close_that_another_user_causes_is_its_own_user_s(
    run_on_loop: Callable[[Any], None], face: str
) -> None:
    """So are the topics that it leaves then, and its leave callbacks."""
    run_on_loop(Server(face).run(_close))


async def _pings(server: Server) -> None:
    ada, bob = await server.connect("Ada"), await server.connect("Bob")
    for client in (ada, bob):
        client.send_frame(PING)
        assert (await client.recv_frame()).opcode == PONG
        client.send_frame(PONG)
        await say_and_hear(client)
    expected = ["Ada Ada Ada -", "Bob Bob Bob -"]
    assert await server.logged("ping") == await server.logged("pong") == expected


@pytest.mark.parametrize("face", ["plain-callbacks", "waiting-callbacks"])
def test_pings_and_pongs_are_their_own_user_s(
    run_on_loop: Callable[[Any], None], face: str
) -> None:
    """And nothing that the one sets is seen by the other."""
    run_on_loop(Server(face).run(_pings))


async def _backpressure(server: Server) -> None:
    bob = await server.connect("Bob", receive_buffer=4096)
    await server.connect("Ada")
    (connection, _) = server.app[OPEN]
    bob.pause_reading()

    async def fill() -> None:
        """As a handler of somebody else would."""
        asked.set("Ada")
        said.set("by a flood")
        while connection.push("." * 16 * 1024):
            await asyncio.sleep(0)

    await asyncio.create_task(fill())
    assert await server.logged("dropped") == ["Bob Bob Bob -"]
    bob.resume_reading()
    assert await _first(server.logged("drain"), bob) == ["Bob Bob Bob -"]


async def _first(logged: Coroutine[Any, Any, list[str]], reader: RawClient) -> list[str]:
    """What ``logged`` returns, while the client reads on."""
    waiting = asyncio.create_task(logged)
    while not waiting.done():
        reading = asyncio.create_task(reader.recv_frame())
        await asyncio.wait({waiting, reading}, return_when=asyncio.FIRST_COMPLETED)
        reading.cancel()
    return await waiting


@pytest.mark.parametrize("face", ["plain-callbacks"])
def test_backpressure_that_another_user_causes_is_told_as_its_own_user(
    run_on_loop: Callable[[Any], None], face: str
) -> None:
    """What is dropped, and that there is room again."""
    run_on_loop(Server(face).run(_backpressure))


# the rest of a connection's life


async def store(app: web.Application) -> AsyncResource[str]:
    """Something that a connection has until it ends."""
    try:
        yield "a store"
    finally:
        app[LOG].append(("clean-up", seen()))


class Storing(View):
    @on("say")
    async def say(self, stored: Annotated[str, use(store, reuse=True)]) -> None:
        handle(self.ws, SAY)

    @on("finish")
    def finish(self) -> None:
        handle(self.ws, FINISH)


async def _clean_up(server: Server) -> None:
    bob, ada = await server.connect("Bob"), await server.connect("Ada")
    assert await say_and_hear(bob) == "Bob Bob Bob -"
    assert await say_and_hear(ada, FINISH) == "Ada Ada Ada -"
    assert await server.logged("clean-up") == ["Bob Bob Bob -"]


def test_a_clean_up_that_another_user_causes_is_its_own_user_s(
    run_on_loop: Callable[[Any], None],
) -> None:
    """What a connection has had until its end is given back in its name."""
    server = Server("storing")
    server.app.add_routes([websocket("/storing", Storing)])
    run_on_loop(server.run(_clean_up))


def test_what_opens_fails_and_closes_sees_what_it_has_set(
    run_on_loop: Callable[[Any], None],
) -> None:
    """A close callback can tell how far it came."""

    async def failing(ws: Any) -> None:
        open_it(ws)
        await asyncio.sleep(0)
        raise LookupError

    async def scenario(server: Server) -> None:
        await server.connect("Ada")
        assert await server.logged("close") == ["Ada Ada Ada -"]

    server = Server("failing")
    server.app.add_routes([websocket("/failing", {**callbacks(plain_message), "open": failing})])
    run_on_loop(server.run(scenario))
