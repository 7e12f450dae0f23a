"""Codecs as a user meets them: one application, and clients that each speak their own format."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType, web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from aiows import (
    HUB,
    KindDispatcher,
    Payload,
    WebSocket,
    WebSocketResponse,
    WebSocketRoute,
    WebSocketView,
    on,
    setup,
)
from aiows.codecs import JSON, MSGPACK, Codec, JsonCodec, MsgpackCodec, ObjectCodec
from aiows.testing import TestClient as TestingClient
from protobuf_codec import PROTOBUF

ALL = (JSON, MSGPACK, PROTOBUF)
each_codec = pytest.mark.parametrize("codec", ALL, ids=lambda codec: codec.name)

NAN = float("nan")
MESSAGES = (WSMsgType.TEXT, WSMsgType.BINARY)


class Colour(enum.Enum):
    RED = "red"


class Order(Payload, kind="order"):
    number: int
    price: Decimal
    weight: float
    colour: Colour
    id: UUID
    day: date
    at: datetime
    data: bytes


ORDER = Order(
    number=2**70,
    price=Decimal("1.10"),
    weight=0.1,
    colour=Colour.RED,
    id=UUID(int=7),
    day=date(2026, 11, 21),
    at=datetime(2026, 11, 21, 5, 0, tzinfo=UTC),
    data=b"\xff\x00",
)


class Greeting(Payload, kind="greeting"):
    data: bytes


class Shop(WebSocketView):
    codecs: ClassVar[Sequence[Codec]] = ALL

    def on_open(self) -> None:
        self.ws.subscribe("all")

    @on(Order)
    def order(self, order: Order) -> Order:
        assert order == ORDER
        return order

    @on("push")
    def push(self, message: Any) -> None:
        self.ws.push(Greeting(data=b"\xff") if message is None else message)

    @on("question")
    async def question(self) -> Any:
        return await self.ws.ask("answer", {"data": b"\xff", "number": 2**70})

    def on_message(self, msg: WSMessage) -> None:
        self.ws.push({"kind": "seen", "type": type(msg.data).__name__})


class Speaker:
    """A client that speaks one codec."""

    def __init__(self, ws: ClientWebSocketResponse, codec: Codec) -> None:
        self.ws = ws
        self.codec = codec

    async def say(self, message: Any) -> None:
        data = self.codec.encode(message)
        await self.ws.send_frame(data, WSMsgType.TEXT if self.codec.is_text else WSMsgType.BINARY)

    async def hear(self, type_: Any = dict[str, Any]) -> Any:
        msg = await self.ws.receive(timeout=5)
        assert msg.type is MESSAGES[not self.codec.is_text]
        return self.codec.reader(type_)(msg.data)


class Numbers(WebSocketView):
    codecs: ClassVar[Sequence[Codec]] = ALL

    @on("sum")
    def add(self, numbers: list[float], scale: float = 1.0) -> float:
        return sum(numbers) * scale

    @on("keep")
    def keep(self, anything: Any) -> int:
        return len(anything)


Client = TestClient[web.Request, web.Application]
Connect = Callable[..., Awaitable[Speaker]]


@pytest.fixture
async def shop(aiohttp_client: AiohttpClient) -> Client:
    app = web.Application()
    app.router.add_view("/", Shop)
    setup(app)
    return await aiohttp_client(app)


async def speak(client: Client, codec: Codec, *offered: str) -> Speaker:
    return Speaker(await client.ws_connect("/", protocols=offered or (codec.subprotocol,)), codec)


@each_codec
async def test_the_same_handler_serves_every_codec(shop: Client, codec: Codec) -> None:
    """And the values are the same at its end and, in the reply, at the other."""
    client = await speak(shop, codec)
    assert client.ws.protocol == codec.subprotocol
    await client.say({**codec.plain(ORDER), "ref": 7})
    reply = await client.hear(Order)
    assert (reply.ref, reply.kind) == (7, "order")
    reply.ref = ORDER.ref
    assert reply == ORDER


@pytest.mark.parametrize(
    ("offered", "chosen", "codec"),
    [
        ((), None, JSON),
        (("unknown",), None, JSON),
        (("unknown", "aiows.msgpack", "aiows.json"), "aiows.msgpack", MSGPACK),
    ],
)
async def test_the_clients_first_choice_is_spoken_or_else_our_first(
    shop: Client, offered: tuple[str, ...], chosen: str | None, codec: Codec
) -> None:
    """A client that offers nothing need not know of codecs."""
    client = Speaker(await shop.ws_connect("/", protocols=offered), codec)
    assert client.ws.protocol == chosen
    await client.say({"kind": "push", "message": {"number": 1}})
    assert await client.hear() == {"number": 1}


async def test_a_protocol_that_is_no_codecs_leaves_the_first_codec(
    aiohttp_client: AiohttpClient,
) -> None:
    """What the application offers besides is its own matter."""

    class View(Shop):
        protocols = ("chat.v1",)
        codecs = (MSGPACK, JSON)

    app = web.Application()
    app.router.add_view("/", View)
    setup(app)
    client = await speak(await aiohttp_client(app), MSGPACK, "chat.v1")
    assert client.ws.protocol == "chat.v1"
    await client.say({"kind": "push", "message": {"number": 1}})
    assert await client.hear() == {"number": 1}


@each_codec
async def test_what_is_pushed_to_a_connection_is_in_its_codec(shop: Client, codec: Codec) -> None:
    """Dicts and payloads alike."""
    client = await speak(shop, codec)
    await client.say({"kind": "push", "message": {"number": 2**70}})
    assert await client.hear(dict[str, int]) == {"number": 2**70}
    await client.say({"kind": "push", "message": None})
    assert await client.hear(Greeting) == Greeting(data=b"\xff")


async def test_a_publish_reaches_each_connection_in_its_codec(shop: Client) -> None:
    """Text and bytes reach all as they are."""
    assert shop.app is not None
    clients = [await speak(shop, codec) for codec in ALL]
    assert await shop.app[HUB].publish("all", Greeting(data=b"\xff")) == 3
    for client in clients:
        assert await client.hear(Greeting) == Greeting(data=b"\xff")
    await shop.app[HUB].publish("all", "hi")
    await shop.app[HUB].broadcast(b"\xff")
    for client in clients:
        assert [(await client.ws.receive(timeout=5)).data for _ in range(2)] == ["hi", b"\xff"]


@each_codec
async def test_a_question_and_its_answer_are_in_the_codec(shop: Client, codec: Codec) -> None:
    """So are their errors, and what takes a question back."""
    client = await speak(shop, codec)
    await client.say({"kind": "question", "ref": 1})
    question = await client.hear()
    assert codec.convert(question["data"], bytes) == b"\xff"
    assert (question["kind"], question["number"]) == ("answer", 2**70)
    await client.say({"kind": "reply", "ref": question["ref"], "yes": 2**70})
    assert await client.hear() == {"kind": "reply", "ref": 1, "yes": 2**70}


@each_codec
async def test_an_error_reply_says_what_and_where_in_the_codec(shop: Client, codec: Codec) -> None:
    """The same words for all."""
    client = await speak(shop, codec)
    await client.say({**codec.plain(ORDER), "weight": "heavy", "ref": 7})
    error = (await client.hear())["error"]
    assert error["code"] == "invalid"
    assert error["details"] == {"field": "weight", "expected": "float", "got": "str"}


@each_codec
async def test_a_message_of_the_other_type_is_the_views_own(shop: Client, codec: Codec) -> None:
    """TEXT as `str`, BINARY as `bytes`."""
    client = await speak(shop, codec)
    await (client.ws.send_bytes(b"a") if codec.is_text else client.ws.send_str("a"))
    assert (await client.hear())["type"] == ("bytes" if codec.is_text else "str")


@each_codec
async def test_serve_refuses_a_message_of_the_other_type(
    aiohttp_client: AiohttpClient, codec: Codec
) -> None:
    """And the response gets its codec from the dispatcher's."""
    kinds = KindDispatcher(codecs=ALL)

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse(codecs=kinds.codecs)
        await ws.prepare(request)
        await kinds.serve(ws)
        return ws

    app = web.Application()
    app.router.add_get("/", view)
    client = await speak(await aiohttp_client(app), codec)
    await (client.ws.send_bytes(b"a") if codec.is_text else client.ws.send_str("a"))
    expected = "not_text" if codec.is_text else "not_binary"
    assert (await client.hear())["error"]["code"] == expected


async def test_an_endpoint_offers_codecs_too(aiohttp_client: AiohttpClient) -> None:
    """What it pushes is in the one that was chosen."""
    route = WebSocketRoute("/", codecs=ALL)

    @route.ws_handler
    async def endpoint(ws: WebSocket) -> None:
        await ws.accept()
        ws.push(Greeting(data=b"\xff"))
        await ws.receive_text()

    app = web.Application()
    app.add_routes([route])
    server = await aiohttp_client(app)
    for codec in ALL:
        client = await speak(server, codec)
        assert client.ws.protocol == codec.subprotocol
        assert await client.hear(Greeting) == Greeting(data=b"\xff")


@pytest.mark.parametrize(("has_kinds", "given"), [(True, bytes), (False, str)])
async def test_a_view_with_kinds_reads_text_from_its_bytes(
    aiohttp_client: AiohttpClient, has_kinds: bool, given: type
) -> None:
    """Nobody makes a `str` of it on the way; a view without kinds gets one."""
    seen: list[type] = []

    class Listening(JsonCodec):
        def reader(self, type_: Any, /) -> Callable[[str | bytes], Any]:
            read = super().reader(type_)

            def read_seen(data: str | bytes) -> Any:
                seen.append(type(data))
                return read(data)

            return read_seen

    class View(WebSocketView):
        codecs = (Listening(),)
        routers = (kinds,) if has_kinds else ()

        def on_message(self, msg: WSMessage) -> None:
            seen.append(type(msg.data))
            self.ws.push({"said": msg.data})

    app = web.Application()
    app.router.add_view("/", View)
    client = await speak(await aiohttp_client(app), JSON)
    await client.say({"kind": "some", "ref": 1})
    said = {"kind": "reply", "ref": 1} if has_kinds else {"said": '{"kind":"some","ref":1}'}
    assert await client.hear() == said
    assert seen == [given]


kinds = KindDispatcher()
kinds.on("some")(lambda: None)


class Counting(MsgpackCodec):
    """Counts what it encodes."""

    count = 0

    def encode(self, value: Any, /) -> bytes:
        self.count += 1
        return super().encode(value)


class Mute(ObjectCodec):
    """Reads everything and can say nothing."""

    name = "silence"

    def loads(self, data: bytes, /) -> Any:
        return {"kind": "push", "message": {}}

    def dumps(self, plain: Any, /) -> bytes:
        raise LookupError("never")


async def test_a_publish_is_encoded_once_a_codec(aiohttp_client: AiohttpClient) -> None:
    """Not once a connection; and one codec that cannot say it does not keep it from the others."""
    counting = Counting("counting")
    mute = Mute("mute")

    class View(Shop):
        codecs = (JSON, counting, mute)

    app = web.Application()
    app.router.add_view("/", View)
    setup(app)
    client = await aiohttp_client(app)
    clients = [await speak(client, counting) for _ in range(3)]
    silent = await speak(client, mute)
    hearing = await speak(client, JSON)
    assert await app[HUB].publish("all", {"number": 1}) == 4
    for each in (*clients, hearing):
        assert await each.hear() == {"number": 1}
    assert counting.count == 1
    await app[HUB].publish("all", "hi")
    assert (await silent.ws.receive(timeout=5)).data == "hi"


async def test_a_publish_that_a_codec_cannot_say_is_logged_once(
    aiohttp_client: AiohttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever looks for the missing message finds out why."""

    class View(Shop):
        codecs = (Mute("mute"),)

    app = web.Application()
    app.router.add_view("/", View)
    setup(app)
    client = await aiohttp_client(app)
    await speak(client, View.codecs[0])
    await speak(client, View.codecs[0])
    assert await app[HUB].publish("all", {"number": 1}) == 0
    assert [record.message for record in caplog.records if "does not reach" in record.message] == [
        "a message does not reach the connections that speak <Mute mute>"
    ]


SAID: dict[Any, Any] = {
    "id": 2**70,
    "ratio": float("nan"),
    "at": datetime(2026, 11, 21, 5, 0, tzinfo=UTC),
    "for": timedelta(seconds=90),
    "price": Decimal("1.10"),
    "tags": frozenset({"a"}),
    "data": b"\xff",
    1: None,
    None: True,
}

AS_JSON = (
    '{"id":1180591620717411303424,"ratio":null,"at":"2026-11-21T05:00:00Z","for":"PT90S",'
    '"price":"1.10","tags":["a"],"data":"/w==","1":null,"null":true}'
)

UNSAYABLE: Any = {"id": 2**70, "items": [{"price": object()}]}


async def send_by_each_method(request: web.Request, value: Any) -> web.StreamResponse:
    """The drop-in: eight messages, each sent in another way; with what cannot be said the errors."""
    ws = WebSocketResponse()
    await ws.prepare(request)
    hub = request.app[HUB]
    ways: tuple[Callable[[], Any], ...] = (
        lambda: ws.push(value),
        lambda: ws.send_json(value),
        lambda: ws.send_json_bytes(value),
        lambda: ws.connection.send(value),
        lambda: hub.publish("all", value),
        lambda: hub.send("ada", value),
        lambda: hub.broadcast(value),
        lambda: hub.registry.push("ada", value),
    )
    ws.subscribe("all")
    with hub.registry.add("ada", ws):
        for way in ways:
            try:
                sent: Any = way()
                if hasattr(sent, "__await__"):
                    await sent
            except TypeError as error:
                await ws.send_str(str(error))
    return ws


async def send_by_a_function(ws: WebSocket, value: Any) -> None:
    await ws.accept()
    for mode in ("text", "binary"):
        try:
            await ws.send_json(value, mode)
        except TypeError as error:
            await ws.send_text(str(error))


@pytest.mark.parametrize("value", [SAID, UNSAYABLE], ids=["sayable", "not sayable"])
async def test_every_way_to_send_says_the_same(aiohttp_client: AiohttpClient, value: Any) -> None:
    """In strict JSON; what cannot be said is a TypeError that names the place, whoever sends it."""

    async def drop_in(request: web.Request) -> web.StreamResponse:
        return await send_by_each_method(request, value)

    async def function(ws: WebSocket) -> None:
        await send_by_a_function(ws, value)

    route = WebSocketRoute("/function")
    route.ws_handler(function)
    app = web.Application()
    app.add_routes([web.get("/drop-in", drop_in), route])
    setup(app)
    client = await aiohttp_client(app)
    said: list[str] = []
    for path in ("/drop-in", "/function"):
        async with client.ws_connect(path) as ws:
            messages = [message.data async for message in ws]
        said += [each if isinstance(each, str) else each.decode() for each in messages]
    assert len(said) == 10
    if value is SAID:
        assert set(said) == {AS_JSON}
    else:
        (error,) = set(said)
        assert error.endswith("no codec encodes objects of type object - at `$.items[0].price`")


def test_the_test_client_says_the_same() -> None:
    """A test sends what the application would."""

    async def function(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(await ws.receive_text())

    route = WebSocketRoute("/")
    route.ws_handler(function)
    app = web.Application()
    app.add_routes([route])
    with TestingClient(app) as client, client.websocket_connect("/") as session:
        session.send_json(SAID)
        assert session.receive_text() == AS_JSON


LARGE = 700_000  # values


@pytest.mark.parametrize(
    ("codec", "message", "problem"),
    [
        (
            MSGPACK,
            {"kind": "sum", "numbers": [1] * LARGE, "scale": NAN},
            "scale: expected finite number, got nan",
        ),
        (
            MSGPACK,
            {"kind": "sum", "numbers": [*[1] * LARGE, NAN]},
            "numbers[700000]: expected finite number, got nan",
        ),
        (
            JSON,
            {"kind": "sum", "numbers": [1] * LARGE, "scale": "a"},
            "scale: expected float, got str",
        ),
        (
            MSGPACK,
            {"kind": "keep", "anything": [{}] * LARGE},
            "more than 100000 values, of which not all types are declared",
        ),
        (
            JSON,
            {"kind": "keep", "anything": [{}] * LARGE},
            "more than 100000 values, of which not all types are declared",
        ),
    ],
)
async def test_a_large_message_that_is_refused_gets_its_error(
    aiohttp_client: AiohttpClient, codec: Codec, message: dict[str, Any], problem: str
) -> None:
    """It came in a few kilobytes; the connection goes on."""
    app = web.Application()
    app.router.add_view("/", Numbers)
    client = await aiohttp_client(app)
    speaker = Speaker(
        await client.ws_connect("/", protocols=(codec.subprotocol,), compress=15), codec
    )
    await speaker.say({**message, "ref": 1})
    reply = await speaker.hear()
    assert (reply["kind"], reply["ref"], reply["error"]["code"]) == ("error", 1, "invalid")
    assert reply["error"]["message"] == problem
    await speaker.say({"kind": "keep", "anything": [1] * 90_000, "ref": 2})
    assert await speaker.hear() == {"kind": "reply", "ref": 2, "result": 90_000}
