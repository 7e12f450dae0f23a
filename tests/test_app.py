"""setup(app): users, topics and everybody over real sockets, from start to shutdown."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter, process_time
from typing import Any, cast

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer

from aiows.app import HUB, setup
from aiows.backplane import MemoryBackplane
from aiows.errors import HubMissing, RegistrationError, TopicTooLong
from aiows.hub.hub import Hub
from aiows.hub.registry import ConnectionRegistry
from aiows.hub.topics import Topic
from aiows.kinds import Payload
from aiows.mounting.view import WebSocketView, on
from aiows.response.websocket_response import WebSocketResponse
from aiows.send_status import SendStatus
from aiows.testing import SlowConsumer

Client = TestClient[web.Request, web.Application]
AiohttpClient = Callable[[web.Application], Awaitable[Client]]

TIMEOUT = 5.0


async def chat(request: web.Request) -> web.StreamResponse:
    """A drop-in view: ?user= is who comes, ?topic= what they hear; what they say goes there.

    Says "welcome" once the connection is known.
    """
    ws = WebSocketResponse()
    await ws.prepare(request)
    for topic in request.query.getall("topic", []):
        ws.subscribe(topic)
    with request.config_dict[HUB].registry.add(request.query.get("user", "someone"), ws):
        await ws.send_str("welcome")
        async for msg in ws:
            if msg.data == "raise":
                raise LookupError("a bug in a view")
            if msg.data == "return":
                break
            if msg.data == "close":
                await ws.close(code=4000)
            for topic in ws.topics:
                ws.publish(topic, msg.data)
    return ws


class Room(WebSocketView):
    async def authenticate(self, request: web.Request) -> str | None:
        return request.query.get("user")

    def on_open(self) -> None:
        self.ws.subscribe("room")
        self.ws.push("welcome")

    @on("say")
    async def say(self, text: str, hub: Hub) -> None:
        assert hub is self.hub
        await hub.publish("room", {"from": self.user_id, "text": text})

    async def on_close(self, code: int, reason: str) -> None:
        """Nobody of this connection is left in the tables by now."""
        assert self.user_id not in self.hub.registry
        await self.hub.publish("room", {"left": self.user_id})


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/", chat)
    app.router.add_view("/view", Room)
    app.router.add_view("/feed", Feed)
    app.router.add_view("/narrow", NarrowFeed)
    return app


@pytest.fixture
def app() -> web.Application:
    return make_app()


@pytest.fixture
def hub(app: web.Application) -> Hub:
    return setup(app)


@pytest.fixture
async def client(app: web.Application, hub: Hub, aiohttp_client: AiohttpClient) -> Client:
    return await aiohttp_client(app)


async def enter(client: Client, path: str = "/") -> ClientWebSocketResponse:
    """Connect, and come back when the server knows the connection."""
    ws = await client.ws_connect(path)
    assert await ws.receive_str() == "welcome"
    return ws


class Changes:
    """Wakes whoever waits for the tables of a registry to become as they should be."""

    def __init__(self, registry: ConnectionRegistry) -> None:
        self.registry = registry
        self.changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        self.registry.watch(self)
        async with asyncio.timeout(TIMEOUT):
            while not condition():
                self.changed.clear()
                await self.changed.wait()
        self.registry.unwatch(self)

    def user_changed(self, *_: object) -> None:
        self.changed.set()

    def topic_changed(self, *_: object) -> None:
        self.changed.set()


async def until_empty(hub: Hub) -> None:
    """Wait until every user and topic has gone, and check that nothing is left behind."""
    registry = hub.registry
    await Changes(registry).until(lambda: not len(registry) and not registry.all_topics())
    assert_nothing_is_left(hub)


async def close_code_of(ws: ClientWebSocketResponse) -> int | None:
    """Read up to the close."""
    async with asyncio.timeout(TIMEOUT):
        while (await ws.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED):
            pass
    return ws.close_code


def assert_nothing_is_left(hub: Hub) -> None:
    registry = hub.registry
    assert (registry._entries, registry._users, registry._topics) == ({}, {}, {})
    assert hub.connections == ()
    assert hub._link is None or hub._link._user_ids == {}


# setting up


def test_setup_leaves_the_hub_in_the_application() -> None:
    """Without a running loop; what it returns is what app[HUB] has."""
    app = web.Application()
    hub = setup(app)
    assert isinstance(hub, Hub)
    assert app[HUB] is hub


def test_setup_takes_your_registry_and_backplane() -> None:
    """An empty registry is falsy and is used all the same."""
    registry, backplane = ConnectionRegistry(), MemoryBackplane()
    hub = setup(web.Application(), registry=registry, backplane=backplane)
    assert hub.registry is registry
    assert hub._backplane is backplane


def test_setup_twice_is_an_error() -> None:
    """The second call says so, and the first hub stays."""
    app = web.Application()
    hub = setup(app)
    with pytest.raises(RuntimeError, match=r"aiows\.setup\(app\) was called before"):
        setup(app)
    assert app[HUB] is hub


async def test_setup_after_the_start_is_an_error(app: web.Application) -> None:
    """It could not start any more; nothing is left half done."""
    async with TestServer(app):
        with pytest.raises(RuntimeError, match="before the application starts"):
            setup(app)
        assert HUB not in app


def test_setup_of_an_added_sub_application_is_an_error() -> None:
    """Its signals are frozen by then: it would never be told of start and stop."""
    app, sub = web.Application(), web.Application()
    app.add_subapp("/sub", sub)
    with pytest.raises(RuntimeError, match="added to a parent"):
        setup(sub)


@pytest.mark.parametrize("order", ["setup first", "routes first"])
async def test_setup_comes_before_or_after_the_routes(
    order: str, aiohttp_client: AiohttpClient
) -> None:
    """Either way a connection has topics."""
    app = web.Application()
    if order == "setup first":
        setup(app)
    app.router.add_get("/", chat)
    if order == "routes first":
        setup(app)
    client = await aiohttp_client(app)
    await enter(client, "/?topic=room")
    assert app[HUB].registry.subscribers("room") == 1


@pytest.mark.parametrize("setup_first", [True, False])
async def test_a_sub_application_has_its_parents_hub(
    setup_first: bool, aiohttp_client: AiohttpClient
) -> None:
    """Connections of a sub-application are known to the hub around it, and get its messages."""
    app = web.Application()
    if setup_first:
        setup(app)
    app.add_subapp("/sub", make_app())
    if not setup_first:
        setup(app)
    client = await aiohttp_client(app)
    ws = await enter(client, "/sub/?user=alice")
    assert await app[HUB].send("alice", "hi") == 1
    assert await ws.receive_str() == "hi"


async def test_the_nearest_hub_counts(aiohttp_client: AiohttpClient) -> None:
    """A sub-application with a hub of its own keeps its users to itself."""
    app, sub = make_app(), make_app()
    outer, inner = setup(app), setup(sub)
    app.add_subapp("/sub", sub)
    client = await aiohttp_client(app)
    await enter(client, "/sub/?user=alice")
    await enter(client, "/?user=bob")
    assert (list(inner.registry), list(outer.registry)) == (["alice"], ["bob"])
    assert (len(inner.connections), len(outer.connections)) == (1, 1)


async def test_the_hub_runs_before_other_start_up_handlers(app: web.Application) -> None:
    """Whatever was registered first, it can publish; and clean-up handlers after it may not."""
    reached: list[int] = []

    async def announce(app: web.Application) -> None:
        reached.append(await app[HUB].broadcast("we are up"))

    app.on_startup.append(announce)
    setup(app)
    async with TestServer(app):
        assert reached == [0]


async def test_without_setup_topics_name_what_is_missing(aiohttp_client: AiohttpClient) -> None:
    """Everything else works; the error says what to call."""
    errors: list[str] = []

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        try:
            ws.subscribe("room")
        except HubMissing as error:
            errors.append(str(error))
        await ws.send_str("hi")
        return ws

    app = web.Application()
    app.router.add_get("/", view)
    client = await aiohttp_client(app)
    async with client.ws_connect("/") as ws:
        assert await ws.receive_str() == "hi"
    assert "aiows.setup(app)" in errors[0]


@pytest.mark.parametrize("where", ["app", "sub"])
async def test_the_key_of_a_hub_that_is_not_there_names_the_fix(
    where: str, aiohttp_client: AiohttpClient
) -> None:
    """Of an application, of a request, and of a sub-application; it is aiohttp's KeyError."""

    async def ask(request: web.Request) -> web.Response:
        told = []
        for hubs in (request.app, request.config_dict):
            with pytest.raises(KeyError) as raised:
                hubs[HUB]
            told.append(str(raised.value))
        return web.json_response(told)

    app, sub = web.Application(), web.Application()
    for each in (app, sub):
        each.router.add_get("/", ask)
    app.add_subapp("/sub", sub)
    client = await aiohttp_client(app)
    answer = await client.get("/" if where == "app" else "/sub/")
    for told in await answer.json():
        assert "call aiows.setup(app)" in told
        assert (
            "in a sub-application the hub of the one around it is request.config_dict[HUB]" in told
        )


# views


async def test_a_view_is_its_users_connection(
    app: web.Application, hub: Hub, client: Client
) -> None:
    """From authenticate to on_close: registered, subscribed, given the hub, and gone."""
    bob, alice = await enter(client, "/view?user=bob"), await enter(client, "/view?user=alice")
    assert list(hub.registry) == ["bob", "alice"]
    await alice.send_json({"kind": "say", "text": "hi"})
    assert await alice.receive_json() == {"from": "alice", "text": "hi"}
    assert await bob.receive_json() == {"from": "alice", "text": "hi"}
    assert await hub.send("bob", {"kind": "note"}) == 1
    assert await bob.receive_json() == {"kind": "note"}
    await alice.close()
    assert await bob.receive_json() == {"left": "alice"}
    await bob.close()
    await until_empty(hub)


async def test_a_view_without_a_user_is_attached_all_the_same(hub: Hub, client: Client) -> None:
    """Nobody is no user, but a topic and a broadcast reach it."""
    ws = await enter(client, "/view")
    assert len(hub.registry) == 0
    assert await hub.broadcast("all") == await hub.publish("room", "some") == 1
    assert [await ws.receive_str() for _ in range(2)] == ["all", "some"]


# how connections leave


async def view_returns(ws: ClientWebSocketResponse) -> None:
    await ws.send_str("return")


async def view_raises(ws: ClientWebSocketResponse) -> None:
    await ws.send_str("raise")


async def server_closes(ws: ClientWebSocketResponse) -> None:
    await ws.send_str("close")


async def peer_closes(ws: ClientWebSocketResponse) -> None:
    await ws.close()


async def peer_aborts(ws: ClientWebSocketResponse) -> None:
    assert ws._conn is not None
    cast("asyncio.Transport", ws._conn.transport).abort()


@pytest.mark.parametrize(
    "end", [view_returns, view_raises, server_closes, peer_closes, peer_aborts]
)
async def test_a_connection_leaves_however_it_ends(
    client: Client, hub: Hub, end: Callable[[ClientWebSocketResponse], Awaitable[None]]
) -> None:
    """Every table is empty afterwards, and the node has unsubscribed from everything."""
    ws = await enter(client, "/?user=alice&topic=a&topic=b")
    assert hub.registry.all_topics() == ("a", "b")
    assert len(hub.connections) == 1
    await end(ws)
    await until_empty(hub)
    await ws.close()


async def test_a_user_who_reconnects_stays(client: Client, hub: Hub) -> None:
    """The old connection's view ends after the new one is registered and takes nothing with it."""
    old = await enter(client, "/?user=alice")
    new = await enter(client, "/?user=alice")
    await peer_aborts(old)
    await Changes(hub.registry).until(lambda: len(hub.registry.connections("alice")) == 1)
    assert await hub.send("alice", "still there?") == 1
    assert await new.receive_str() == "still there?"


async def test_nothing_is_left_after_a_crowd_has_come_and_gone(client: Client, hub: Hub) -> None:
    """Hundreds of connects and aborts, many at once, and every table is empty."""

    async def come_and_go(number: int) -> None:
        ws = await enter(client, f"/?user={number % 5}&topic=room&topic={number}")
        if number % 2:
            await peer_aborts(ws)
        await ws.close()

    for start in range(0, 300, 50):
        await asyncio.gather(*(come_and_go(start + number) for number in range(50)))
    await until_empty(hub)


# messages


async def test_two_tabs_talk_through_a_topic(client: Client) -> None:
    """The other tab hears it; the speaker does not."""
    speaker, listener = await enter(client, "/?topic=room"), await enter(client, "/?topic=room")
    await speaker.send_str("hi")
    assert await listener.receive_str() == "hi"
    await listener.send_str("ho")
    assert await speaker.receive_str() == "ho"


class Feed(WebSocketView):
    """Its connections are the subscribers of "feed" and the user "reader"."""

    async def authenticate(self, request: web.Request) -> str:
        return "reader"

    def on_open(self) -> None:
        self.ws.subscribe("feed")
        self.ws.push("welcome")


class NarrowFeed(Feed):
    max_backpressure = 64 * 1024


FEEDS: dict[str, Callable[[Hub, str], Awaitable[int]]] = {
    "publish": lambda hub, text: hub.publish("feed", text),
    "broadcast": lambda hub, text: hub.broadcast(text),
    "send": lambda hub, text: hub.send("reader", text),
    "registry": lambda hub, text: hub.registry.send("reader", text),
}


async def read(ws: ClientWebSocketResponse, count: int) -> list[str]:
    async with asyncio.timeout(60):
        return [await ws.receive_str() for _ in range(count)]


@pytest.mark.parametrize("compress", [0, 15])
@pytest.mark.parametrize("path", ["/feed", "/narrow"])
@pytest.mark.parametrize("feed", FEEDS)
async def test_sending_in_a_loop_loses_nothing_for_who_reads(
    client: Client, hub: Hub, feed: str, path: str, compress: int
) -> None:
    """The sender awaits nothing but the hub, and the event loop turns in time all the same."""
    ws = await client.ws_connect(path, compress=compress)
    assert await ws.receive_str() == "welcome"
    texts = [f"{number:1024}" for number in range(10_000)]
    reading = asyncio.ensure_future(read(ws, len(texts)))
    reached = [await FEEDS[feed](hub, text) for text in texts]
    assert reached == [1] * len(texts)
    assert await reading == texts


async def test_a_slow_reader_shows_before_it_misses_a_message(client: Client, hub: Hub) -> None:
    """Also where the outbox has room for no more than 64 KiB."""
    async with await SlowConsumer.connect(client.make_url("/narrow")):
        (ws,) = hub.registry.connections("reader")
        statuses = []
        while SendStatus.DROPPED not in statuses:
            statuses.append(ws.push("x" * 1024))
            await asyncio.sleep(0)
        behind = statuses.index(SendStatus.BACKPRESSURE)
        assert statuses[behind:-1] == [SendStatus.BACKPRESSURE] * 32


async def test_publishing_in_a_loop_waits_for_nobody(client: Client, hub: Hub) -> None:
    """A reader that has stalled misses messages, and the others get all of them, soon."""
    async with await SlowConsumer.connect(client.make_url("/feed")):
        ws = await enter(client, "/feed")
        texts = [f"{number:1024}" for number in range(10_000)]
        reading = asyncio.ensure_future(read(ws, len(texts)))
        async with asyncio.timeout(60):
            reached = [await hub.publish("feed", text) for text in texts]
        assert set(reached) == {1, 2}
        assert reached[-1] == 1
        assert await reading == texts


async def test_applications_in_one_loop_share_a_backplane(aiohttp_client: AiohttpClient) -> None:
    """Two servers, two hubs: topics, users and everybody cross from one to the other."""
    backplane = MemoryBackplane()
    apps = [make_app(), make_app()]
    here, there = (setup(app, backplane=backplane) for app in apps)
    alice = await enter(await aiohttp_client(apps[0]), "/?user=alice&topic=room")
    bob = await enter(await aiohttp_client(apps[1]), "/?user=bob&topic=room")
    await alice.send_str("hi bob")
    assert await bob.receive_str() == "hi bob"
    assert await there.send("alice", {"kind": "note"}) == 0
    assert await alice.receive_json() == {"kind": "note"}
    assert await here.broadcast(b"\x00") == 1
    assert await alice.receive_bytes() == await bob.receive_bytes() == b"\x00"


# shutting down


class IdlePeer(asyncio.Protocol):
    """A client of a few lines, to have many of: says hello, then at most answers the Close."""

    HELLO = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.received = b""
        self.close_code = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.HELLO)

    def data_received(self, data: bytes) -> None:
        self.received += data
        _, end, frames = self.received.partition(b"\r\n\r\n")
        frames = frames.removeprefix(b"\x81\x07welcome")
        if end and frames[:1] == b"\x88" and not self.close_code:
            self.close_code = int.from_bytes(frames[2:4], "big")
            if self.answers:
                self.transport.write(b"\x88\x82\x00\x00\x00\x00" + frames[2:4])


# The promise is a second of work, the peers' own part included; how long others keep the machine busy
# is not in it. While coverage traces every line, all of it takes several times longer.
SLOWNESS = 8 if "coverage" in sys.modules else 1


@pytest.mark.parametrize("answers", [True, False])
async def test_a_thousand_idle_connections_stop_within_a_second(
    hub: Hub, app: web.Application, answers: bool
) -> None:
    """All get 1001 at once, not one after the other, whether they answer it or not."""
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1000).start()
    address = runner.addresses[0][:2]
    loop = asyncio.get_running_loop()
    peers: list[IdlePeer] = []
    for _ in range(10):
        made = [
            loop.create_connection(partial(IdlePeer, answers=answers), *address) for _ in range(100)
        ]
        peers += [peer for _, peer in await asyncio.gather(*made)]
    everybody = Changes(hub.registry)
    await everybody.until(lambda: len(hub.registry.connections("someone")) == 1000)

    begin = process_time()
    await runner.cleanup()
    assert process_time() - begin < SLOWNESS
    assert {peer.close_code for peer in peers} == {1001}
    assert_nothing_is_left(hub)
    for peer in peers:
        peer.transport.abort()


@pytest.mark.parametrize("setup_first", [True, False])
async def test_on_shutdown_handlers_still_reach_every_connection(
    app: web.Application, setup_first: bool, aiohttp_client: AiohttpClient
) -> None:
    """aiohttp's way to say goodbye works whether it was registered before setup or after."""
    reached: list[int] = []

    async def say_goodbye(app: web.Application) -> None:
        reached.append(await app[HUB].broadcast("goodbye"))

    if setup_first:
        setup(app)
    app.on_shutdown.append(say_goodbye)
    if not setup_first:
        setup(app)
    client = await aiohttp_client(app)
    ws = await enter(client)
    closing = asyncio.ensure_future(client.server.close())
    assert await ws.receive_str() == "goodbye"
    assert await close_code_of(ws) == 1001
    await closing
    assert reached == [1]


async def test_the_weakset_of_aiohttps_documentation_works(aiohttp_client: AiohttpClient) -> None:
    """Its own code and message arrive, also where setup came first."""
    sockets: web.AppKey[weakref.WeakSet[web.WebSocketResponse]]
    sockets = web.AppKey("sockets", weakref.WeakSet)

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        request.app[sockets].add(ws)
        await ws.send_str("welcome")
        async for _ in ws:
            pass
        return ws

    async def close_all(app: web.Application) -> None:
        accepted = app[sockets]
        for ws in set(accepted):
            await ws.close(code=1012, message=b"Server shutdown")

    app = web.Application()
    setup(app)
    accepted: weakref.WeakSet[web.WebSocketResponse] = weakref.WeakSet()
    app[sockets] = accepted
    app.on_shutdown.append(close_all)
    app.router.add_get("/", view)
    client = await aiohttp_client(app)
    ws = await enter(client)
    closing = asyncio.ensure_future(client.server.close())
    assert await close_code_of(ws) == 1012
    await closing


async def test_a_connection_accepted_during_the_shutdown_is_closed(
    app: web.Application, hub: Hub
) -> None:
    """A slow log-in that ends while the server stops does not hold it up."""
    entered, proceed = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        entered.set()
        await proceed.wait()
        return await chat(request)

    async def let_it_proceed(_: web.Application) -> None:
        proceed.set()

    app.router.add_get("/slow", slow)
    app.on_shutdown.append(let_it_proceed)
    server = TestServer(app)
    await server.start_server()
    async with ClientSession() as session:
        connecting = asyncio.ensure_future(session.ws_connect(server.make_url("/slow")))
        await entered.wait()
        begin = perf_counter()
        closing = asyncio.ensure_future(server.close())
        ws = await connecting
        assert await close_code_of(ws) == 1001
        await closing
        assert perf_counter() - begin < 10, "aiohttp would wait for a minute"
    assert_nothing_is_left(hub)


async def test_the_hub_stops_with_its_application(app: web.Application, hub: Hub) -> None:
    """It leaves the backplane; the next start of the same application starts it again."""
    for _ in range(2):
        runner = web.AppRunner(app)
        await runner.setup()
        assert await hub.broadcast("hi") == 0
        await runner.cleanup()
        with pytest.raises(RuntimeError, match="not running"):
            await hub.broadcast("hi")


async def test_an_application_that_is_cleaned_up_alone_closes_its_connections(
    client: Client, app: web.Application
) -> None:
    """Whoever embeds an application and never shuts aiohttp's server down still says 1001."""
    ws = await enter(client)
    await app.shutdown()
    await app.cleanup()
    assert await close_code_of(ws) == 1001


async def test_a_connections_goodbye_is_published(
    app: web.Application, aiohttp_client: AiohttpClient
) -> None:
    """While the server stops the hub still runs: what a view publishes at its end is no error."""
    published: list[int] = []

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("welcome")
        async for _ in ws:
            pass
        published.append(await request.app[HUB].publish("room", "gone"))
        return ws

    setup(app)
    app.router.add_get("/sayer", view)
    client = await aiohttp_client(app)
    ws = await enter(client, "/sayer")
    closing = asyncio.ensure_future(client.server.close())
    assert await close_code_of(ws) == 1001
    await closing
    assert published == [0]


def test_an_application_that_is_made_anew_shares_nothing() -> None:
    """Test-suites make one application after the other, each with its own loop."""

    async def serve(app: web.Application) -> None:
        async with TestClient(TestServer(app)) as client:
            await enter(client, "/?user=alice")
            assert list(app[HUB].registry) == ["alice"]

    registry, backplane = ConnectionRegistry(), MemoryBackplane()
    for _ in range(2):
        app = make_app()
        setup(app, registry=registry, backplane=backplane)
        asyncio.run(serve(app))
        assert len(registry) == 0
        assert backplane._subscribers == {}


class Said(Payload, kind="said"):
    text: str


def carrying(topic: str) -> type[WebSocketView]:
    return type("Feed", (WebSocketView,), {"carries": {topic: [Said]}})


@pytest.mark.parametrize("topic", ["lobby", "room:1", "room:*", "game:*"])
async def test_what_is_carried_on_declared_topics_starts(
    aiohttp_client: AiohttpClient, topic: str
) -> None:
    """A name with a star is declared if any topic is that it stands for."""
    app = web.Application()
    app.router.add_view("/", carrying(topic))
    setup(app, topics=[Topic("lobby"), Topic("room:*"), Topic("game:chess")])
    await aiohttp_client(app)


@pytest.mark.parametrize("is_within", [False, True])
async def test_what_is_carried_on_another_topic_does_not_start(*, is_within: bool) -> None:
    """It would never come, also where the view is in a sub-application without a hub of its own."""
    app, inner = web.Application(), web.Application()
    inner.router.add_view("/", carrying("bord:*"))
    setup(app, topics=[Topic("board:*")])
    if is_within:
        app.add_subapp("/inner/", inner)
    else:
        app.router.add_view("/", carrying("bord:*"))
    with pytest.raises(RegistrationError, match=r"Feed\.carries: the topic 'bord:\*' is not decl"):
        async with TestServer(app):
            pass


async def test_a_sub_application_with_a_hub_has_its_own_topics(
    aiohttp_client: AiohttpClient,
) -> None:
    """They are no business of the hub around it."""
    app, inner = web.Application(), web.Application()
    inner.router.add_view("/", carrying("inner"))
    setup(inner, topics=[Topic("inner")])
    setup(app)
    app.add_subapp("/inner/", inner)
    await aiohttp_client(app)


@pytest.mark.parametrize(
    ("app", "options", "problem"),
    [
        (WebSocketView, {}, r"setup\(app\) takes the web\.Application, not"),
        (None, {"topics": Topic("a")}, "topics is a sequence of Topic objects, not Topic"),
        (None, {"topics": "a"}, "topics is a sequence of Topic objects, not 'a'"),
        (None, {"backplane": "redis://"}, "backplane= takes a Backplane object, not 'redis://'"),
        (None, {"backplane": MemoryBackplane}, "backplane= takes a Backplane object, not <class"),
    ],
)
def test_what_setup_cannot_use_is_refused_at_once(
    app: Any, options: dict[str, Any], problem: str
) -> None:
    """With what it takes instead."""
    with pytest.raises(RegistrationError, match=problem):
        setup(app or web.Application(), **options)


def test_names_and_sizes_that_cannot_be_are_refused() -> None:
    """Before anybody uses them."""
    with pytest.raises(RegistrationError, match="max_history is a number of bytes, not -1"):
        MemoryBackplane(max_history=-1)
    with pytest.raises(TopicTooLong):
        Topic("x" * 1025)
