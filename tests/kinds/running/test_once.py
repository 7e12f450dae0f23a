"""Requests that are handled once: sent again, on whatever connection, they get the answer that was kept."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from aiows import (
    KindDispatcher,
    KindError,
    Payload,
    RegistrationError,
    WebSocketView,
    on,
    setup,
)
from aiows.codecs import JSON, MSGPACK
from aiows.errors import BackplaneDown
from aiows.kinds import KindCall, Latest, Parallel
from aiows.kinds.running import once
from eventually import eventually
from fake_backplane import FakeBackplane

Client = TestClient[web.Request, web.Application]

SESSION = "s" * 22


class Paid(Payload, kind="paid"):
    count: int


class Shop:
    """What the handlers of one test share."""

    def __init__(self) -> None:
        self.handled: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.guarded = False


SHOP = web.AppKey("SHOP", Shop)


def guard(call: KindCall) -> None:
    if call.instance.shop.guarded:
        raise KindError("forbidden", "not now")


class Shopping(WebSocketView):
    codecs = (JSON, MSGPACK)

    @property
    def shop(self) -> Shop:
        return self.app[SHOP]

    async def authenticate(self, request: web.Request) -> str | None:
        return request.query.get("user")

    @on("pay", once=True, guards=[guard])
    async def pay(self, n: int = 0) -> Paid:
        self.shop.handled["pay"] += 1
        return Paid(count=self.shop.handled["pay"])

    @on("plain", once=True)
    def plain(self) -> dict[str, int]:
        self.shop.handled["plain"] += 1
        return {"n": self.shop.handled["plain"]}

    @on("slow", once=True)
    async def slow(self) -> dict[str, int]:
        self.shop.handled["begun"] += 1
        await self.shop.gate.wait()
        self.shop.handled["slow"] += 1
        return {"n": self.shop.handled["slow"]}

    @on("beside", once=True, concurrency=Parallel(4))
    async def beside(self) -> dict[str, int]:
        self.shop.handled["begun"] += 1
        await self.shop.gate.wait()
        self.shop.handled["beside"] += 1
        return {"n": self.shop.handled["beside"]}

    @on("refuse", once=True)
    def refuse(self) -> None:
        self.shop.handled["refuse"] += 1
        raise KindError("sold_out", f"{self.shop.handled['refuse']}")

    @on("fail", once=True)
    async def fail(self) -> None:
        self.shop.handled["fail"] += 1
        raise LookupError("broken")

    @on("large", once=True)
    def large(self) -> dict[str, str]:
        self.shop.handled["large"] += 1
        return {"text": "x" * once.MAX_ANSWER}

    @on("stream", once=True, reply=None)
    def stream(self) -> Any:
        async def items() -> AsyncIterator[int]:
            self.shop.handled["stream"] += 1
            yield 1

        return items()

    @on("newest", once=True, concurrency=Latest())
    async def newest(self) -> dict[str, int]:
        self.shop.handled["begun"] += 1
        await self.shop.gate.wait()
        return {"n": 1}


@pytest.fixture
async def shop() -> Shop:
    return Shop()


Connect = Callable[..., Awaitable[Any]]


@pytest.fixture
async def connect(shop: Shop, aiohttp_client: Callable[..., Awaitable[Client]]) -> Connect:
    """Connect to the shop as ``user``."""
    app = web.Application()
    app[SHOP] = shop
    app.router.add_view("/", Shopping)
    setup(app)
    client = await aiohttp_client(app)

    async def connect(user: str | None = None, **options: Any) -> Any:
        query = "" if user is None else f"?user={user}"
        return await client.ws_connect(f"/{query}", **options)

    return connect


async def ask(ws: Any, kind: str, ref: Any = SESSION + ".1", **fields: Any) -> dict[str, Any]:
    await ws.send_json({"kind": kind, "ref": ref, **fields})
    answer: dict[str, Any] = await ws.receive_json(timeout=5)
    return answer


@pytest.mark.parametrize("kind", ["pay", "plain"])
async def test_a_request_that_is_sent_again_gets_the_same_answer(
    shop: Shop, connect: Connect, kind: str
) -> None:
    """On another connection, byte for byte, and nothing is done twice."""
    first = await ask(await connect(), kind)
    again = await connect()
    assert await ask(again, kind) == first
    assert await ask(again, kind) == first
    assert shop.handled[kind] == 1
    assert await ask(again, kind, SESSION + ".2") != first
    assert shop.handled[kind] == 2


@pytest.mark.parametrize("ref", [7, "short"])
async def test_a_ref_of_one_connection_names_no_request(
    shop: Shop, connect: Connect, ref: Any
) -> None:
    """Each connection counts 1, 2, 3: those are new requests."""
    ws = await connect()
    assert (await ask(ws, "pay", ref))["count"] == 1
    assert (await ask(ws, "pay", ref))["count"] == 2


async def test_a_message_without_a_ref_is_handled_each_time(shop: Shop, connect: Connect) -> None:
    """Nobody sends it again."""
    ws = await connect()
    for _ in range(2):
        await ws.send_json({"kind": "pay"})
    assert (await ask(ws, "pay"))["count"] == 3


async def test_users_and_kinds_do_not_see_each_others_answers(shop: Shop, connect: Connect) -> None:
    """The same ref is another request of somebody else, or of another kind."""
    assert (await ask(await connect("ada"), "pay"))["count"] == 1
    assert (await ask(await connect("bob"), "pay"))["count"] == 2
    assert (await ask(await connect(), "pay"))["count"] == 3
    assert (await ask(await connect("ada"), "plain"))["n"] == 1
    assert (await ask(await connect("ada"), "pay"))["count"] == 1


@pytest.mark.parametrize(("kind", "code"), [("refuse", "sold_out"), ("fail", "internal")])
async def test_an_error_is_an_answer_too(
    shop: Shop, connect: Connect, kind: str, code: str
) -> None:
    """Also one that nobody expected: the handler may have done half."""
    first = await ask(await connect(), kind)
    assert first["error"]["code"] == code
    assert await ask(await connect(), kind) == first
    assert shop.handled[kind] == 1


@pytest.mark.parametrize("kind", ["slow", "beside"])
async def test_its_handler_goes_on_when_the_peer_has_left(
    shop: Shop, connect: Connect, kind: str
) -> None:
    """Whoever comes back meanwhile is told that it is at work, and gets the answer afterwards."""
    first = await connect()
    await first.send_json({"kind": kind, "ref": SESSION + ".1"})
    await eventually(lambda: shop.handled["begun"])
    await first.close()
    again = await connect()
    assert (await ask(again, kind))["error"]["code"] == "in_progress"
    shop.gate.set()
    await eventually(lambda: shop.handled[kind])
    assert (await ask(again, kind))["n"] == 1
    assert shop.handled["begun"] == 1


@pytest.mark.parametrize("kind", ["slow", "beside"])
async def test_what_its_client_takes_back_is_kept_as_that(
    shop: Shop, connect: Connect, kind: str
) -> None:
    """It has stopped half-way: it is not begun again."""
    ws = await connect()
    await ws.send_json({"kind": kind, "ref": SESSION + ".1"})
    await eventually(lambda: shop.handled["begun"])
    await ws.send_json({"kind": "cancel", "ref": SESSION + ".1"})
    assert (await ask(ws, "plain", 1))["n"] == 1
    assert (await ask(await connect(), kind))["error"]["code"] == "cancelled"
    assert shop.handled["begun"] == 1


async def test_what_a_later_one_takes_the_place_of_is_kept_as_that(
    shop: Shop, connect: Connect
) -> None:
    """With `Latest`, too, each request is begun once."""
    ws = await connect()
    await ws.send_json({"kind": "newest", "ref": SESSION + ".1"})
    await eventually(lambda: shop.handled["begun"])
    superseded = await ask(ws, "newest", SESSION + ".2")
    assert superseded["error"]["code"] == "superseded"
    shop.gate.set()
    assert (await ws.receive_json())["n"] == 1
    assert await ask(await connect(), "newest") == superseded


async def test_guards_are_asked_each_time(shop: Shop, connect: Connect) -> None:
    """What they refuse is no request: it may be sent again when they do not."""
    shop.guarded = True
    assert (await ask(await connect(), "pay"))["error"]["code"] == "forbidden"
    shop.guarded = False
    assert (await ask(await connect(), "pay"))["count"] == 1
    shop.guarded = True
    assert (await ask(await connect(), "pay"))["error"]["code"] == "forbidden"


async def test_an_answer_comes_in_the_codec_that_is_spoken_now(
    shop: Shop, connect: Connect
) -> None:
    """The client may have changed it."""
    await ask(await connect(), "pay")
    ws = await connect(protocols=["aiows.msgpack"])
    request = {"kind": "pay", "ref": SESSION + ".1"}
    await ws.send_bytes(MSGPACK.encode(request))
    expected = {"kind": "paid", "ref": SESSION + ".1", "count": 1}
    assert MSGPACK.reader(Any)(await ws.receive_bytes()) == expected
    await ws.send_bytes(MSGPACK.encode({"kind": "plain", "ref": SESSION + ".1"}))
    await ws.receive_bytes()
    assert (await ask(await connect(), "plain"))["n"] == 1


async def test_of_a_large_answer_it_is_kept_that_it_was_given(shop: Shop, connect: Connect) -> None:
    """Nothing is done twice for lack of memory."""
    assert len((await ask(await connect(), "large"))["text"]) == once.MAX_ANSWER
    assert (await ask(await connect(), "large"))["error"]["code"] == "done"
    assert shop.handled["large"] == 1


async def test_a_ref_has_a_bound(shop: Shop, connect: Connect) -> None:
    """It is kept for two minutes."""
    assert (await ask(await connect(), "pay", "x" * 65))["error"]["code"] == "invalid"
    assert shop.handled["pay"] == 0
    assert (await ask(await connect(), "pay", "x" * 64))["count"] == 1


async def test_a_stream_is_no_answer(
    shop: Shop, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Said when the handler is registered where that can be known, else when it answers."""
    assert (await ask(await connect(), "stream"))["error"]["code"] == "internal"
    assert shop.handled["stream"] == 0
    assert "one answer, not a stream" in caplog.text

    async def generator() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(RegistrationError, match="has one answer, no stream"):
        KindDispatcher().on("count", once=True)(generator)
    with pytest.raises(RegistrationError, match="once= takes a bool"):
        KindDispatcher().on("count", once="yes")(lambda: None)  # type: ignore[arg-type]


async def test_it_is_not_handled_where_nobody_knows_whether_it_was(
    shop: Shop, aiohttp_client: Callable[..., Awaitable[Client]]
) -> None:
    """The backplane is away: the client may ask again."""
    backplane = FakeBackplane()

    class View(WebSocketView):
        @on("pay", once=True)
        def pay(self) -> None:
            shop.handled["pay"] += 1

    app = web.Application()
    app.router.add_view("/", View)
    setup(app, backplane=backplane)
    ws = await (await aiohttp_client(app)).ws_connect("/")
    await ws.send_json({"kind": "pay", "ref": SESSION + ".1"})
    await eventually(lambda: backplane.asked)
    backplane.asked[0][1].set_exception(BackplaneDown("away"))
    error = (await ws.receive_json())["error"]
    assert (error["code"], error["details"]) == ("unavailable", {"retry_after": 1.0})
    assert shop.handled["pay"] == 0


async def test_it_needs_a_hub(
    aiohttp_client: Callable[..., Awaitable[Client]], caplog: pytest.LogCaptureFixture
) -> None:
    """Without one there is no place for answers; the log says what to do."""

    class View(WebSocketView):
        @on("pay", once=True)
        def pay(self) -> None: ...

    app = web.Application()
    app.router.add_view("/", View)
    ws = await (await aiohttp_client(app)).ws_connect("/")
    with caplog.at_level(logging.ERROR):
        assert (await ask(ws, "pay"))["error"]["code"] == "internal"
    assert "need aiows.setup(app)" in caplog.text


def test_the_contract_says_so() -> None:
    """With the errors that come of it."""
    kinds = KindDispatcher()
    kinds.on("pay", once=True)(lambda: None)
    kinds.on("look")(lambda: None)
    contracts = {each.kind: each for each in kinds.contracts()}
    assert contracts["pay"].once
    assert not contracts["look"].once
    assert [each.code for each in contracts["pay"].errors] == ["in_progress", "done", "unavailable"]
