"""`WebSocketRoute`: when a function is called, how it may end, and what is cleaned up with it."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated, Any

import pytest
from aiohttp import web

from aiows import (
    KindDispatcher,
    RegistrationError,
    WebSocket,
    WebSocketDisconnect,
    WebSocketRoute,
    use,
)
from aiows.inject import scope
from aiows.mounting.function import endpoint_handler
from raw_client import CLOSE, RawClient, close_payload
from server_side import Result

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]
Endpoint = Callable[..., Awaitable[Any]]


def app_with(function: Endpoint, **options: Any) -> web.Application:
    route = WebSocketRoute("/", **options)
    route.ws_handler(function)
    app = web.Application()
    app.add_routes([route])
    return app


async def call_it(ws: WebSocket) -> None:
    await ws.accept()


# what is refused before the function is called


@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        ({"Upgrade": ""}, "GET", 426),
        ({}, "HEAD", 405),
        ({}, "POST", 405),
        ({"Origin": "http://evil.example"}, "GET", 403),
        ({"Sec-WebSocket-Version": "1"}, "GET", 400),
        ({"Sec-WebSocket-Key": "short"}, "GET", 400),
    ],
)
async def test_what_is_no_upgrade_is_answered_in_http(
    aiohttp_client: Any, headers: dict[str, str], method: str, status: int
) -> None:
    """A page of another site, too: a browser sends its cookies along."""
    usual = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    client = await aiohttp_client(app_with(call_it))
    async with client.request(method, "/", headers={**usual, **headers}) as response:
        assert response.status == status


async def test_options_are_the_connections(serve: Serve, raw_client: Connect) -> None:
    """As the route was made with them."""
    app = app_with(call_it, origins=["http://friend.example"])
    client = await raw_client(await serve(app), headers={"Origin": "http://friend.example"})
    assert client.status == 101

    async def listen(ws: WebSocket) -> None:
        await ws.accept()
        await ws.receive_text()

    client = await raw_client(await serve(app_with(listen, max_msg_size=10)))
    client.send_text("x" * 11)
    assert (await client.recv_frame()).close_code == 1009


# how it may end


async def test_a_function_that_returns_before_it_accepts_is_answered_500(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """And the log says which one."""

    async def forgetful(ws: WebSocket) -> None: ...

    client = await raw_client(await serve(app_with(forgetful)))
    assert client.status == 500
    assert "forgetful" in caplog.text
    assert "returned without a call of accept() or close()" in caplog.text


async def test_a_function_that_raises_before_it_accepts_is_answered_500(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a word of what it was."""

    async def broken(ws: WebSocket) -> None:
        raise LookupError("secret")

    client = await raw_client(await serve(app_with(broken)))
    assert client.status == 500
    assert "LookupError: secret" in caplog.text


async def test_an_http_exception_before_accept_is_its_own_response(
    serve: Serve, raw_client: Connect
) -> None:
    """Also one of a factory, whoever asks for it."""

    def authorized(ws: WebSocket) -> str:
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})

    async def endpoint(ws: WebSocket, user: Annotated[str, use(authorized)]) -> None:
        raise AssertionError

    client = await raw_client(await serve(app_with(endpoint)))
    assert (client.status, client.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("error", [LookupError, web.HTTPForbidden])
async def test_a_function_that_raises_after_accept_closes_with_1011(
    serve: Serve, raw_client: Connect, error: type[Exception]
) -> None:
    """Nothing of HTTP reaches the wire, whatever it raises."""

    async def broken(ws: WebSocket) -> None:
        await ws.accept()
        raise error

    client = await raw_client(await serve(app_with(broken)))
    frame = await client.recv_frame()
    assert (frame.opcode, frame.close_code) == (CLOSE, 1011)
    client.send_frame(CLOSE, close_payload(1011))
    assert (await client.wait_closed()).rest == b""


async def test_a_function_that_returns_after_accept_closes_with_1000(
    serve: Serve, raw_client: Connect
) -> None:
    """What it returns says nothing."""

    async def brief(ws: WebSocket) -> str:
        await ws.accept()
        return "ignored"

    client = await raw_client(await serve(app_with(brief)))
    assert (await client.recv_frame()).close_code == 1000


async def test_a_disconnect_that_nobody_catches_is_no_error(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """It is how a loop that only receives ends; factories learn of it."""
    result = Result()

    async def notified(ws: WebSocket) -> AsyncIterator[None]:
        try:
            yield
        except WebSocketDisconnect as end:
            result.set(end.code)

    async def endless(ws: WebSocket, _: Annotated[None, use(notified)]) -> None:
        await ws.accept()
        while True:
            await ws.receive_text()

    client = await raw_client(await serve(app_with(endless)))
    client.abort()
    assert await result.get() == 1006
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_sending_after_the_own_close_is_an_error(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The peer is not to blame."""
    result = Result()

    async def confused(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(4000)
        try:
            await ws.send_text("one more thing")
        finally:
            result.set()

    port = await serve(app_with(confused))
    client = await raw_client(port)
    assert (await client.recv_frame()).close_code == 4000
    client.send_frame(CLOSE, close_payload(4000))
    await result.get()
    await client.wait_closed()
    async with asyncio.timeout(5):
        while "SentAfterClose" not in caplog.text:
            await asyncio.sleep(0)


async def test_another_connection_that_has_closed_is_an_error(
    serve: Serve, raw_client: Connect
) -> None:
    """It says nothing of this one."""

    async def confused(ws: WebSocket) -> None:
        await ws.accept()
        raise WebSocketDisconnect(1001)

    client = await raw_client(await serve(app_with(confused)))
    assert (await client.recv_frame()).close_code == 1011


async def test_what_is_raised_after_a_denial_is_logged_and_not_sent(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """A second answer would be read as that of the next request."""

    async def denying(ws: WebSocket) -> None:
        await ws.close()
        raise web.HTTPNotFound

    port = await serve(app_with(denying))
    client = await raw_client(port)
    assert client.status == 403
    assert "raised after its answer" in caplog.text
    client.send_request("localhost", "/", [])
    await client.recv_response()
    assert client.status == 403


async def test_a_peer_that_leaves_before_accept_is_no_error(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waits for a database meets that every day."""
    result = Result()

    async def slow(ws: WebSocket) -> None:
        client.abort()
        while ws.request.transport is not None:
            await asyncio.sleep(0)
        try:
            await ws.accept()
        except WebSocketDisconnect as end:
            result.set((end.code, ws.closed))
            raise

    port = await serve(app_with(slow))
    client = await raw_client(port, handshake=False)
    client.send_request("localhost", "/", [])
    assert await result.get() == (1006, True)
    await asyncio.sleep(0)
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_a_shutdown_closes_with_1001_whatever_is_cleaned_up(
    serve: Serve, raw_client: Connect
) -> None:
    """A cancelled function's factory says close(), and does not mean that all is well."""
    result = Result()

    async def closing(ws: WebSocket) -> AsyncIterator[None]:
        await ws.accept()
        yield
        result.set(ws.closed)
        await ws.close()

    async def waiting(_: Annotated[None, use(closing)]) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(5)

    client = await raw_client(await serve(app_with(waiting)))
    assert (await client.recv_frame()).close_code == 1001
    assert await result.get() is False


# what belongs to a call


@pytest.mark.parametrize("reuse", [True, False])
async def test_a_factory_that_fails_half_way_leaves_nothing_open(
    serve: Serve, raw_client: Connect, reuse: bool
) -> None:
    """What it had asked for ends, shared or not."""
    log: list[str] = []

    async def first() -> AsyncIterator[str]:
        log.append("first begins")
        yield ""
        log.append("first ends")

    def second(_: Annotated[str, use(first, reuse=reuse)]) -> Iterator[str]:
        log.append("second begins")
        yield ""
        log.append("second ends")

    async def failing(_: Annotated[str, use(second, reuse=reuse)]) -> str:
        raise LookupError("no database")

    async def endpoint(ws: WebSocket, _: Annotated[str, use(failing, reuse=reuse)]) -> None:
        raise AssertionError

    client = await raw_client(await serve(app_with(endpoint)))
    assert client.status == 500
    assert log == ["first begins", "second begins", "second ends", "first ends"]


async def test_those_entered_before_get_what_was_raised_in_reverse_order(
    serve: Serve, raw_client: Connect
) -> None:
    """And what one of them raises in its turn does not stop the others."""
    raised: list[BaseException] = []

    async def first() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            raised.append(error)
            raise

    def second() -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            raised.append(error)
            raise ValueError("clean-up") from error

    def failing() -> None:
        raised.append(LookupError("no database"))
        raise raised[0]

    async def endpoint(
        ws: WebSocket,
        a: Annotated[None, use(first)],
        b: Annotated[None, use(second)],
        c: Annotated[None, use(failing)],
    ) -> None:
        raise AssertionError

    client = await raw_client(await serve(app_with(endpoint)))
    assert client.status == 500
    failure, seen_by_second, seen_by_first = raised
    assert seen_by_second is failure
    assert isinstance(seen_by_first, ValueError)
    raised.clear()


async def test_a_clean_up_that_fails_closes_with_1011(serve: Serve, raw_client: Connect) -> None:
    """The function itself was fine."""

    def failing() -> Iterator[None]:
        yield
        raise LookupError("clean-up")

    async def endpoint(ws: WebSocket, _: Annotated[None, use(failing)]) -> None:
        await ws.accept()

    client = await raw_client(await serve(app_with(endpoint)))
    assert (await client.recv_frame()).close_code == 1011


async def test_a_factory_that_yields_twice_or_never_is_an_error(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """As with any context manager."""

    def never() -> Iterator[None]:
        return
        yield

    async def twice() -> AsyncIterator[None]:
        yield
        yield

    async def asks_never(ws: WebSocket, _: Annotated[None, use(never)]) -> None: ...

    async def asks_twice(ws: WebSocket, _: Annotated[None, use(twice)]) -> None:
        await ws.accept()

    client = await raw_client(await serve(app_with(asks_never)))
    assert client.status == 500
    assert "generator didn't yield" in caplog.text
    client = await raw_client(await serve(app_with(asks_twice)))
    assert (await client.recv_frame()).close_code == 1011


async def test_kind_handlers_share_what_the_endpoints_factories_made(
    serve: Serve, raw_client: Connect
) -> None:
    """It is the same connection; the end is the endpoint's."""
    kinds = KindDispatcher()
    made: list[object] = []

    async def session(ws: WebSocket) -> AsyncIterator[object]:
        made.append(object())
        yield made[-1]
        made.append("end")

    @kinds.on("same")
    async def same(session: Annotated[object, use(session, reuse=True)]) -> bool:
        return session is made[0]

    async def endpoint(ws: WebSocket, session: Annotated[object, use(session, reuse=True)]) -> None:
        await ws.accept()
        await kinds.serve(ws)

    client = await raw_client(await serve(app_with(endpoint)))
    client.send_text('{"kind":"same","ref":1}')
    assert (await client.recv_frame()).text == '{"kind":"reply","ref":1,"result":true}'
    client.send_close()
    await client.recv_frame()
    await client.wait_closed()
    assert made[1:] == ["end"]


async def test_nothing_is_kept_of_a_call_that_has_ended(serve: Serve, raw_client: Connect) -> None:
    """Neither the face nor what factories made, whatever refers to what."""
    faces: list[weakref.ref[WebSocket]] = []

    async def itself(ws: WebSocket) -> WebSocket:
        faces.append(weakref.ref(ws))
        return ws

    async def endpoint(ws: Annotated[WebSocket, use(itself, reuse=True)]) -> None:
        await ws.accept()

    client = await raw_client(await serve(app_with(endpoint)))
    client.send_close()
    await client.recv_frame()
    await client.wait_closed()
    async with asyncio.timeout(5):
        while faces[0]() is not None:
            await asyncio.sleep(0)
            gc.collect()
    assert len(scope._scopes) == 0


async def test_a_handler_can_be_made_without_a_route(serve: Serve, raw_client: Connect) -> None:
    """It is an aiohttp handler like any other."""
    client = await raw_client(await serve(endpoint_handler(call_it, "/")))
    assert (await client.recv_frame()).close_code == 1000
    with pytest.raises(RegistrationError, match="unknown option 'max_size'"):
        endpoint_handler(call_it, "/", max_size=5)  # type: ignore[call-arg]  # pyright: ignore
