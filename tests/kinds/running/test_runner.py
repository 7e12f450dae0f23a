"""Running requests: they end if they are taken back or if the peer leaves; other messages run on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import pytest
from aiohttp import WSMessage, WSMsgType, web

from aiows import KindDispatcher, WebSocketResponse, WebSocketView, on
from aiows.codecs import JSON, MSGPACK
from aiows.kinds import InOrder, Parallel
from fake_connection import FakeConnection
from json_client import JsonClient, app_with
from raw_client import BINARY, CLOSE, TEXT, RawClient, build_frame, close_payload
from server_side import Result

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Enter = Callable[[KindDispatcher], Awaitable[JsonClient]]


@pytest.fixture
def enter(serve: Serve, raw_client: Connect) -> Enter:
    """Serve kinds in a loop, and connect."""

    async def enter(kinds: KindDispatcher) -> JsonClient:
        return JsonClient(await raw_client(await serve(app_with(kinds), shutdown_timeout=0.1)))

    return enter


class Handler:
    """A handler that waits until it may go on, and writes down how it ended."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended = Result()

    async def __call__(self) -> str:
        self.began.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.ended.set("cancelled")
            raise
        self.ended.set("done")
        return "done"


def kinds_with(handler: Handler, **options: Any) -> KindDispatcher:
    kinds = KindDispatcher(**options)

    @kinds.on("wait")
    async def wait() -> str:
        return await handler()

    kinds.on("ping")(lambda: "pong")
    return kinds


@pytest.fixture
async def handler() -> Handler:
    return Handler()


async def test_a_request_that_is_taken_back_ends(handler: Handler, enter: Enter) -> None:
    """It is not answered, and the loop goes on with the next message."""
    client = await enter(kinds_with(handler))
    client.say("wait", ref=1)
    await handler.began.wait()
    client.say("cancel", ref=1)
    assert await handler.ended.get() == "cancelled"
    assert await client.ask("ping", ref=2) == {"kind": "reply", "ref": 2, "result": "pong"}


async def test_a_request_that_waits_behind_another_can_be_taken_back(
    handler: Handler, enter: Enter
) -> None:
    """It is never begun, and the next with its ref is another one."""
    kinds, begun = kinds_with(handler), []

    @kinds.on("note")
    def note(n: int) -> int:
        begun.append(n)
        return n

    client = await enter(kinds)
    client.say("wait", ref=1)
    await handler.began.wait()
    client.say("note", n=2, ref="b")
    client.say("cancel", ref="b")
    client.say("cancel", ref=1)
    assert (await client.ask("note", n=3, ref="c"))["result"] == 3
    assert (await client.ask("note", n=4, ref="b"))["result"] == 4
    assert begun == [3, 4]


async def test_what_comes_with_its_request_takes_it_back(handler: Handler, enter: Enter) -> None:
    """Both were received before the view came to the first."""
    client = await enter(kinds_with(handler))
    client.raw.send_raw(
        b"".join(
            build_frame(TEXT, text)
            for text in (
                '{"kind":"wait","ref":1}',
                '{"kind":"note","text":"cancel"}',
                '{"kind":"cancel","ref":1}',
            )
        )
    )
    assert await handler.ended.get() == "cancelled"
    assert (await client.hear())["error"]["code"] == "unknown_kind"


async def test_what_was_taken_back_in_vain_is_forgotten(handler: Handler, enter: Enter) -> None:
    """A ref that was nobody's when it was taken back may be used afterwards."""
    kinds = kinds_with(handler)
    kinds.on("note")(lambda: "noted")
    client = await enter(kinds)
    client.say("wait", ref=1)
    await handler.began.wait()
    client.say("note", ref=2)
    client.say("cancel", ref=3)
    await client.until_read()
    handler.may_end.set()
    assert [(await client.hear())["ref"] for _ in range(2)] == [1, 2]
    assert await client.ask("note", ref=3) == {"kind": "reply", "ref": 3, "result": "noted"}


async def test_a_peer_that_takes_back_without_end_fills_no_memory(
    handler: Handler, enter: Enter
) -> None:
    """The oldest is forgotten, and so it is handled."""
    client = await enter(kinds_with(handler))
    client.say("wait", ref=0)
    await handler.began.wait()
    client.say("ping", ref="a")
    client.say("ping", ref="b")
    for ref in ("a", "b", *range(1, 64)):
        client.say("cancel", ref=ref)
    await client.until_read()
    handler.may_end.set()
    assert [(await client.hear())["ref"] for _ in range(2)] == [0, "a"]
    assert (await client.ask("ping", ref="c"))["ref"] == "c"


async def test_what_takes_back_a_ref_that_nobody_can_have_is_not_kept(
    handler: Handler, enter: Enter
) -> None:
    """It would be megabytes 64 times, and the place of what can be taken back."""
    client = await enter(kinds_with(handler))
    client.say("wait", ref=0)
    await handler.began.wait()
    client.say("ping", ref="a")
    client.say("cancel", ref="a")
    for n in range(64):
        client.say("cancel", ref=f"{n:0129}")
    await client.until_read()
    handler.may_end.set()
    assert (await client.hear())["ref"] == 0
    assert (await client.ask("ping", ref="b"))["ref"] == "b"


async def test_a_long_message_is_not_looked_into(handler: Handler, enter: Enter) -> None:
    """What takes a request back is short; the rest would be read twice."""
    client = await enter(kinds_with(handler))
    client.say("wait", ref=1)
    await handler.began.wait()
    client.say("cancel", ref=1, filler="x" * 1024)
    await client.until_read()
    handler.may_end.set()
    assert (await client.hear())["result"] == "done"


@pytest.mark.parametrize("options", [{"decode_text": False}, {"codecs": (MSGPACK,)}])
async def test_requests_are_taken_back_in_any_form_of_data(
    handler: Handler, serve: Serve, raw_client: Connect, options: Any
) -> None:
    """Text as bytes, or another codec."""
    codec = options.get("codecs", (JSON,))[0]
    kinds = kinds_with(handler, codecs=(codec,))
    client = await raw_client(await serve(app_with(kinds, **options)))

    def say(**fields: Any) -> None:
        client.send_frame(TEXT if codec.is_text else BINARY, codec.encode(fields))

    say(kind="wait", ref=1)
    await handler.began.wait()
    say(kind="note", text="\x00cancel")
    say(kind="cancel", ref=1)
    assert await handler.ended.get() == "cancelled"


async def test_what_nobody_waits_for_cannot_be_taken_back(handler: Handler, enter: Enter) -> None:
    """A message without ref runs to its end; a ref that is not known is no error."""
    client = await enter(kinds_with(handler))
    client.say("wait")
    await handler.began.wait()
    client.say("cancel", ref=1)
    client.say("cancel")
    client.say("cancel", ref=None)
    await client.until_read()
    handler.may_end.set()
    assert await handler.ended.get() == "done"
    assert (await client.ask("ping", ref=2))["result"] == "pong"


@pytest.mark.parametrize("leave", ["close", "abort"])
async def test_a_peer_that_leaves_ends_its_requests(
    handler: Handler, enter: Enter, leave: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At once: nobody is left to answer. Nothing of it is an error."""
    client = await enter(kinds_with(handler))
    client.say("wait", ref=1)
    await handler.began.wait()
    if leave == "close":
        await client.leave()
    else:
        client.raw.abort()
    assert await handler.ended.get() == "cancelled"
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_a_peer_that_leaves_does_not_end_its_messages(handler: Handler, enter: Enter) -> None:
    """They run to their end."""
    client = await enter(kinds_with(handler))
    client.say("wait")
    await handler.began.wait()
    client.raw.abort()
    for _ in range(10):
        await asyncio.sleep(0)
    handler.may_end.set()
    assert await handler.ended.get() == "done"


async def test_a_request_that_is_begun_after_its_peer_has_left_does_not_wait(
    handler: Handler, enter: Enter
) -> None:
    """It was received before the Close, so it is begun; where it would wait it ends."""
    kinds, late = kinds_with(handler), Handler()

    @kinds.on("late")
    async def wait_late() -> str:
        return await late()

    client = await enter(kinds)
    client.say("wait")
    await handler.began.wait()
    client.say("late", ref=1)
    client.raw.send_frame(CLOSE, close_payload(1000))
    handler.may_end.set()
    assert await late.ended.get() == "cancelled"
    assert (await client.raw.recv_frame()).close_code == 1000


async def test_a_close_of_ours_lets_requests_finish(
    handler: Handler, serve: Serve, raw_client: Connect
) -> None:
    """It is not the peer who gave them up; their answers are thrown away."""

    class View(WebSocketView):
        @on("wait")
        async def wait(self) -> str:
            self.ws.close(4000)
            return await handler()

    app = web.Application()
    app.router.add_view("/", View)
    client = JsonClient(await raw_client(await serve(app)))
    client.say("wait", ref=1)
    await client.leave()
    handler.may_end.set()
    assert await handler.ended.get() == "done"


async def test_a_handler_may_catch_its_end(enter: Enter) -> None:
    """As any cancellation; what it returns then is the answer."""
    kinds, began = KindDispatcher(), asyncio.Event()

    @kinds.on("wait")
    async def wait() -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "caught"
        return "never"

    client = await enter(kinds)
    client.say("wait", ref=1)
    await began.wait()
    assert (await client.ask("cancel", ref=1))["result"] == "caught"


async def test_a_cancelled_view_is_still_cancelled(handler: Handler) -> None:
    """To stop a handler and to stop what runs it are two things."""
    kinds, connection = kinds_with(handler), FakeConnection(asyncio.get_running_loop())
    message = WSMessage(WSMsgType.TEXT, '{"kind":"wait","ref":1}', None)
    task = asyncio.create_task(kinds.dispatch(connection, message))
    await handler.began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await handler.ended.get() == "cancelled"


async def test_a_handler_that_takes_too_long_is_ended(handler: Handler, enter: Enter) -> None:
    """With an answer that says so; the kind's own limit goes before the dispatcher's."""
    kinds = kinds_with(handler, timeout=0.01)

    @kinds.on("patient", timeout=60)
    async def patient() -> str:
        await asyncio.sleep(0.02)
        return "done"

    client = await enter(kinds)
    assert await client.ask("wait", ref=1) == {
        "kind": "error",
        "ref": 1,
        "error": {"code": "timeout", "message": "it took more than 0.01 seconds"},
    }
    assert await handler.ended.get() == "cancelled"
    assert (await client.ask("patient", ref=2))["result"] == "done"


async def test_a_timeout_of_the_handlers_own_is_a_failure_of_it(
    enter: Enter, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is told more than that; the log has connection, user and kind."""
    kinds = KindDispatcher(timeout=60)

    @kinds.on("fail")
    async def fail(ws: Any) -> None:
        ws.user_id = "ada"
        await asyncio.sleep(0)
        raise TimeoutError("of a database")

    client = await enter(kinds)
    answer = await client.ask("fail", ref=1)
    assert answer["error"] == {"code": "internal", "message": "the handler failed"}
    assert "TimeoutError: of a database" in caplog.text
    assert "the handler of kind 'fail' failed on <Connection open user_id='ada'>, user 'ada'" in (
        caplog.text
    )


async def test_at_shutdown_handlers_are_waited_for_and_then_ended(
    handler: Handler, raw_client: Connect
) -> None:
    """All within the time that the runner gives them, however many kinds of work there are."""
    kinds = kinds_with(handler)
    beside = Handler()

    @kinds.on("beside", concurrency=Parallel(4))
    async def wait_beside() -> str:
        return await beside()

    runner = web.AppRunner(app_with(kinds), shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    client = JsonClient(await raw_client(runner.addresses[0][1]))
    client.say("beside")
    client.say("wait")
    await handler.began.wait()
    started = monotonic()
    await runner.cleanup()
    assert monotonic() - started < 5
    assert await handler.ended.get() == await beside.ended.get() == "cancelled"


@pytest.mark.parametrize("concurrency", [InOrder(), Parallel(4)])
async def test_at_shutdown_handlers_of_peers_that_have_gone_are_ended_too(
    handler: Handler, raw_client: Connect, concurrency: Any
) -> None:
    """Nobody else would end them."""

    class View(WebSocketView):
        @on("wait", concurrency=concurrency)
        async def wait(self) -> str:
            return await handler()

    app = web.Application()
    app.router.add_view("/", View)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = JsonClient(await raw_client(runner.addresses[0][1]))
    client.say("wait")
    await handler.began.wait()
    client.raw.abort()
    server: Any = runner.server
    while not any(each.connection.closed for each in server.connections):
        await asyncio.sleep(0.001)
    await runner.cleanup()
    assert await handler.ended.get() == "cancelled"
    assert server.connections == []


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_serve_ends_with_the_last_handler(
    handler: Handler, serve: Serve, raw_client: Connect, is_cancelled: bool
) -> None:
    """What a view cleans up after it is no longer in use; a view that is cancelled ends them, too."""
    kinds, served = KindDispatcher(), Result()
    began: asyncio.Future[asyncio.Task[Any]] = asyncio.get_running_loop().create_future()

    @kinds.on("beside", concurrency=Parallel(4))
    async def beside() -> str:
        return await handler()

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse()
        await ws.prepare(request)
        began.set_result(asyncio.create_task(kinds.serve(ws)))
        await asyncio.wait([began.result()])
        served.set("served")
        return ws

    client = JsonClient(await raw_client(await serve(view)))
    client.say("beside")
    await handler.began.wait()
    await client.leave()
    serving = await began
    await asyncio.sleep(0)
    assert not serving.done()
    if is_cancelled:
        serving.cancel()
    else:
        handler.may_end.set()
    assert await served.get() == "served"
    assert await handler.ended.get() == ("cancelled" if is_cancelled else "done")


@pytest.mark.parametrize("option", [{"in_flight": 0}, {"timeout": 0}, {"timeout": -1.0}])
def test_a_dispatcher_with_impossible_bounds_is_not_made(option: Any) -> None:
    """Better than one that handles nothing."""
    with pytest.raises(ValueError, match=next(iter(option))):
        KindDispatcher(**option)
