"""Handlers that are async generators: items in order, an end, backpressure; they are always closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import pytest
from aiohttp import web

from aiows import KindDispatcher, KindError, Payload, WebSocketView, use
from aiows.kinds import KindCall, Next, Parallel
from json_client import JsonClient, app_with
from raw_client import RawClient
from server_side import Result

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Enter = Callable[..., Awaitable[JsonClient]]


class Tick(Payload, kind="tick"):
    n: int


@pytest.fixture
def enter(serve: Serve, raw_client: Connect) -> Enter:
    """Serve kinds in a loop, and connect."""

    async def enter(kinds: KindDispatcher, **options: Any) -> JsonClient:
        return JsonClient(
            await raw_client(await serve(app_with(kinds), shutdown_timeout=0.1), **options)
        )

    return enter


class Endless:
    """A generator that writes down how far it got, and whether it was closed."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = Result()
        self.may_go_on = asyncio.Event()

    async def items(self, filler: str = "") -> AsyncGenerator[dict[str, Any]]:
        try:
            while True:
                self.made += 1
                yield {"n": self.made, "filler": filler}
                if not filler:
                    await self.may_go_on.wait()
        finally:
            self.closed.set()


@pytest.fixture
async def endless() -> Endless:
    return Endless()


def kinds_with(endless: Endless, filler: str = "", **options: Any) -> KindDispatcher:
    kinds = KindDispatcher()

    @kinds.on("endless", **options)
    async def all_of_them() -> AsyncIterator[dict[str, Any]]:
        async for item in endless.items(filler):
            yield item

    kinds.on("ping")(lambda: "pong")
    return kinds


async def test_items_come_one_by_one_and_then_the_end(enter: Enter) -> None:
    """In the forms that a reply has, whatever the kind of a payload."""
    kinds = KindDispatcher()

    @kinds.on("count")
    async def count(to: int) -> AsyncIterator[Any]:
        for n in range(to):
            await asyncio.sleep(0)
            yield n
        yield {"last": True}
        yield Tick(n=7)
        yield None

    client = await enter(kinds)
    client.say("count", to=2, ref=1)
    assert [await client.hear() for _ in range(6)] == [
        {"kind": "item", "ref": 1, "result": 0},
        {"kind": "item", "ref": 1, "result": 1},
        {"kind": "item", "ref": 1, "last": True},
        {"kind": "item", "ref": 1, "n": 7},
        {"kind": "item", "ref": 1},
        {"kind": "end", "ref": 1},
    ]


async def test_items_are_nested_where_replies_are(enter: Enter) -> None:
    """Under the dispatcher's key."""
    kinds = KindDispatcher(payload_key="payload")

    @kinds.on("count")
    async def count() -> AsyncIterator[Any]:
        yield {"n": 0}

    client = await enter(kinds)
    client.say("count", ref=1)
    assert await client.hear() == {"kind": "item", "ref": 1, "payload": {"n": 0}}
    assert await client.hear() == {"kind": "end", "ref": 1}


async def test_a_stream_of_nothing_has_an_end(enter: Enter) -> None:
    """Or the peer would wait for it."""
    kinds = KindDispatcher()

    @kinds.on("count")
    async def count() -> AsyncIterator[Any]:
        for n in range(0):
            yield n

    client = await enter(kinds)
    assert await client.ask("count", ref=1) == {"kind": "end", "ref": 1}


@pytest.mark.parametrize(
    ("error", "code"), [(KindError("enough", "No more."), "enough"), (LookupError(), "internal")]
)
async def test_an_error_in_the_midst_ends_the_stream(
    enter: Enter, error: Exception, code: str
) -> None:
    """After the items that came before it; the connection lives."""
    kinds = KindDispatcher()
    kinds.on("ping")(lambda: "pong")

    @kinds.on("count")
    async def count() -> AsyncIterator[Any]:
        yield 0
        raise error

    client = await enter(kinds)
    assert (await client.ask("count", ref=1))["kind"] == "item"
    assert (await client.hear())["error"]["code"] == code
    assert (await client.ask("ping", ref=2))["result"] == "pong"


async def test_an_item_that_json_cannot_say_ends_the_stream(enter: Enter, endless: Endless) -> None:
    """As an error of the handler's; its generator is closed."""
    kinds = KindDispatcher()

    @kinds.on("count")
    async def count() -> AsyncIterator[Any]:
        try:
            yield {"kind": "mine"}
        finally:
            endless.closed.set()

    client = await enter(kinds)
    assert (await client.ask("count", ref=1))["error"]["code"] == "internal"
    await endless.closed.get()


async def test_a_stream_needs_a_ref(enter: Enter, endless: Endless) -> None:
    """Nothing would tie its items together; the generator is never begun."""
    client = await enter(kinds_with(endless))
    answer = await client.ask("endless")
    assert answer["error"] == {
        "code": "invalid",
        "message": "ref: 'endless' answers with a stream, which needs one",
        "details": {"field": "ref", "expected": "str | int", "got": "nothing"},
    }
    assert endless.made == 0


async def test_a_stream_that_is_taken_back_is_closed(enter: Enter, endless: Endless) -> None:
    """There is no end to come, and the next message is handled."""
    client = await enter(kinds_with(endless))
    assert (await client.ask("endless", ref=1))["n"] == 1
    client.say("cancel", ref=1)
    await endless.closed.get()
    assert (await client.ask("ping", ref=2))["result"] == "pong"


@pytest.mark.parametrize("leave", ["close", "abort"])
async def test_a_stream_whose_peer_leaves_is_closed(
    enter: Enter, endless: Endless, leave: str
) -> None:
    """However it leaves."""
    client = await enter(kinds_with(endless))
    await client.ask("endless", ref=1)
    if leave == "close":
        await client.leave()
    else:
        client.raw.abort()
    await endless.closed.get()


@pytest.mark.parametrize("concurrency", [{}, {"concurrency": Parallel(2)}])
async def test_a_close_of_ours_closes_streams(
    serve: Serve, raw_client: Connect, endless: Endless, concurrency: Any
) -> None:
    """Nothing that they have can be sent any more."""
    views: list[WebSocketView] = []

    class View(WebSocketView):
        routers = (kinds_with(endless, **concurrency),)

        def on_open(self) -> None:
            views.append(self)

    app = web.Application()
    app.router.add_view("/", View)
    client = JsonClient(await raw_client(await serve(app)))
    await client.ask("endless", ref=1)
    views[0].ws.close(4000)
    await endless.closed.get()


async def test_a_stream_that_is_begun_after_our_close_ends(enter: Enter, endless: Endless) -> None:
    """Its turn came too late; nobody would ever take its first item."""
    kinds = KindDispatcher()
    kinds.on("ping")(lambda: "pong")
    may_close = asyncio.Event()

    @kinds.on("quiet", concurrency=Parallel(1))
    async def quiet(ws: Any) -> AsyncIterator[int]:
        if not may_close.is_set():
            await may_close.wait()
            ws.connection.close(4000)
            return
        try:
            await asyncio.Event().wait()
            yield 1
        finally:
            endless.closed.set()

    client = await enter(kinds)
    client.say("quiet", ref=1)
    client.say("quiet", ref=2)
    await client.ask("ping", ref=3)
    may_close.set()
    await endless.closed.get()


async def test_a_stream_waits_for_a_peer_that_reads_slowly(enter: Enter, endless: Endless) -> None:
    """It makes no more than the buffers hold, and goes on when there is room."""
    client = await enter(kinds_with(endless, filler="x" * 10_000), receive_buffer=4096)
    client.raw.pause_reading()
    client.say("endless", ref=1)
    made = -1
    while made != endless.made or not made:
        made = endless.made
        await asyncio.sleep(0.05)
    assert made < 1000
    client.raw.resume_reading()
    for n in range(1, made + 10):
        assert (await client.hear())["n"] == n
    client.raw.abort()
    await endless.closed.get()


async def test_a_limit_is_for_each_item(enter: Enter, endless: Endless) -> None:
    """A stream may go on for ever as long as it goes on."""
    kinds = KindDispatcher(timeout=0.05)

    @kinds.on("count")
    async def count() -> AsyncIterator[int]:
        for n in range(4):
            await asyncio.sleep(0.02)
            yield n
        async for _ in endless.items():
            yield 4

    client = await enter(kinds)
    client.say("count", ref=1)
    assert [(await client.hear())["result"] for _ in range(5)] == [0, 1, 2, 3, 4]
    assert (await client.hear())["error"]["code"] == "timeout"


async def test_a_factory_is_open_as_long_as_the_stream(enter: Enter) -> None:
    """What it gave is used between items, too."""
    kinds, log = KindDispatcher(), list[Any]()

    async def database() -> AsyncGenerator[list[int]]:
        log.append("open")
        yield [1, 2]
        log.append("closed")

    @kinds.on("rows")
    async def rows(table: Annotated[list[int], use(database)]) -> AsyncIterator[int]:
        for row in table:
            log.append(row)
            yield row

    client = await enter(kinds)
    client.say("rows", ref=1)
    while (await client.hear())["kind"] != "end":
        pass
    assert log == ["open", 1, 2, "closed"]


async def test_a_middleware_may_pass_a_stream_on(enter: Enter) -> None:
    """What it gets from the next is the generator."""

    async def around(call: Any, next: Any) -> Any:
        return await next(call)

    kinds = KindDispatcher(middleware=[around])

    @kinds.on("count")
    async def count() -> AsyncIterator[int]:
        yield 1

    client = await enter(kinds)
    assert (await client.ask("count", ref=1))["result"] == 1
    assert (await client.hear())["kind"] == "end"


async def test_a_middleware_may_wrap_a_stream(enter: Enter) -> None:
    """It gets the generator, and returns one of its own; a guard comes before."""

    async def doubling(call: KindCall, next: Next) -> Any:
        items = await next(call)

        async def doubled() -> AsyncIterator[int]:
            async for item in items:
                yield 2 * item

        return doubled()

    kinds = KindDispatcher(middleware=[doubling], guards=[lambda call: None])

    @kinds.on("count")
    async def count() -> AsyncIterator[int]:
        yield 1
        yield 2

    client = await enter(kinds)
    client.say("count", ref=1)
    assert [(await client.hear()).get("result") for _ in range(3)] == [2, 4, None]
