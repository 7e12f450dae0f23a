"""A `WebSocketView` answers HTTP methods as any view of aiohttp does, also with mixins for those."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import aiohttp_cors
import pytest
from aiohttp import WSMessage, web

from aiows import WebSocketView, on
from raw_client import RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

PAGE = "http://page.example"


class Echo(WebSocketView):
    origins = "*"

    def on_message(self, msg: WSMessage) -> None:
        self.ws.push(msg.data)


def app_with(view: type[WebSocketView]) -> web.Application:
    app = web.Application()
    app.router.add_view("/", view)
    return app


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def check_echo(client: RawClient) -> None:
    assert client.status == 101
    client.send_text("hi")
    assert (await client.recv_frame()).text == "hi"


async def test_a_view_with_cors_answers_upgrade_and_preflight(
    serve: Serve, raw_client: Connect, session: aiohttp.ClientSession
) -> None:
    """aiohttp_cors asks the class for ``get``, and answers OPTIONS with a method of its own."""

    class Shared(Echo, aiohttp_cors.CorsViewMixin):
        pass

    app = web.Application()
    anything: Any = aiohttp_cors.ResourceOptions  # it has no types
    cors = aiohttp_cors.setup(app, defaults={PAGE: anything()})
    cors.add(app.router.add_view("/", Shared))
    port = await serve(app)
    client = await raw_client(port, headers={"Origin": PAGE})
    assert client.headers["access-control-allow-origin"] == PAGE
    await check_echo(client)
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
    async with session.options(f"http://127.0.0.1:{port}/", headers=preflight) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert answer.headers["Access-Control-Allow-Methods"] == "GET"


async def test_methods_named_like_http_methods_answer_them(
    serve: Serve, raw_client: Connect, session: aiohttp.ClientSession
) -> None:
    """Beside the upgrade; what the view lacks is 405, with all that it has."""

    class Inbox(Echo):
        async def post(self) -> web.Response:
            return web.Response(text=await self.request.text())

    port = await serve(app_with(Inbox))
    url = f"http://127.0.0.1:{port}/"
    async with session.post(url, data="a letter") as answer:
        assert await answer.text() == "a letter"
    async with session.put(url) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,POST")
    await check_echo(await raw_client(port))


async def test_get_may_be_overridden_for_what_is_no_upgrade(
    serve: Serve, raw_client: Connect, session: aiohttp.ClientSession
) -> None:
    """A page and its WebSocket on one path."""

    class Page(Echo):
        async def get(self) -> web.StreamResponse:
            if "Upgrade" in self.request.headers:
                return await super().get()
            return web.Response(text="the page")

    port = await serve(app_with(Page))
    async with session.get(f"http://127.0.0.1:{port}/") as answer:
        assert await answer.text() == "the page"
    await check_echo(await raw_client(port))


async def test_what_only_has_the_name_of_an_http_method_is_not_called_from_outside(
    serve: Serve, raw_client: Connect, session: aiohttp.ClientSession
) -> None:
    """Handlers of kinds, helpers that are given something, and plain functions."""
    called: list[str] = []

    class Things(WebSocketView):
        @on("thing.get")
        async def get(self) -> dict[str, str]:  # type: ignore[override]
            return {"thing": "a"}

        @on("thing.delete")
        async def delete(self) -> None:
            called.append("delete")

        async def put(self, thing: str) -> None:
            called.append(f"put {thing}")

        def post(self) -> None:
            called.append("post")

    port = await serve(app_with(Things))
    url = f"http://127.0.0.1:{port}/"
    for method in ("DELETE", "PUT", "POST", "PATCH"):
        async with session.request(method, url) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert called == []
    client = await raw_client(port)
    client.send_text('{"kind":"thing.get","ref":1}')
    assert (await client.recv_frame()).text == '{"kind":"reply","ref":1,"thing":"a"}'


def test_a_view_has_all_that_aiohttps_has() -> None:
    """But for the methods of HTTP that a class chooses to have."""
    assert {name for name in dir(web.View) if not name.startswith("_")} <= set(dir(WebSocketView))
    assert callable(WebSocketView.get)
