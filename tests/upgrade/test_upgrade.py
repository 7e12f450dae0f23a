"""`upgrade`: the 101 is a response of aiohttp like any other, however the connection was mounted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from aiows import WebSocketResponse
from raw_client import RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

every_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)


@every_face
async def test_signals_may_add_to_the_101_and_middlewares_see_it(
    face: Face, serve: Serve, raw_client: Connect
) -> None:
    """A cookie, for example; the middleware gets it when the handler has returned, and it is prepared."""
    app = face.serve(lambda ws, text: ws.push(text), {})
    seen: asyncio.Future[tuple[int, bool]] = asyncio.get_running_loop().create_future()

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Set-Cookie"] = "visits=1"

    @web.middleware
    async def look(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        response = await handler(request)
        seen.set_result((response.status, response.prepared))
        return response

    app.on_response_prepare.append(add)
    app.middlewares.append(look)
    client = await raw_client(await serve(app))
    assert client.headers["set-cookie"] == "visits=1"
    client.send_text("hello")
    assert (await client.recv_frame()).text == "hello"
    client.send_close()
    assert (await client.recv_frame()).close_code == 1000
    async with asyncio.timeout(5):
        assert await seen == (101, True)


@every_face
async def test_a_signal_that_raises_is_a_500_and_no_connection(
    face: Face, serve: Serve, raw_client: Connect
) -> None:
    """Nothing was sent before."""
    app = face.serve(lambda ws, text: None, {})

    async def fail(request: web.Request, response: web.StreamResponse) -> None:
        if response.status == 101:
            raise ValueError

    app.on_response_prepare.append(fail)
    client = await raw_client(await serve(app))
    assert client.status == 500


async def test_a_101_that_was_not_sent_is_not_followed_by_frames(
    serve: Serve, raw_client: Connect
) -> None:
    """Not even if the view goes on as if nothing had happened."""
    app = web.Application()
    prepared: list[bool] = []

    async def fail(request: web.Request, response: web.StreamResponse) -> None:
        if response.status == 101:
            raise ValueError

    async def view(request: web.Request) -> web.StreamResponse:
        ws = WebSocketResponse()
        for _ in range(2):
            try:
                await ws.prepare(request)
            except ValueError:
                prepared.append(ws.prepared)
        with pytest.raises(RuntimeError, match="prepare"):
            await ws.send_str("a frame")
        raise web.HTTPBadRequest

    app.on_response_prepare.append(fail)
    app.add_routes([web.get("/", view)])
    client = await raw_client(await serve(app))
    assert (client.status, prepared) == (400, [False])
