"""What users of `WebSocket`, `WebSocketRoute` and `use` write, for mypy and pyright: nothing runs here.

An ``ignore`` is an assertion: without the error that it names, strict mypy complains of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, assert_type

from aiohttp import web

from aiows import (
    AsyncResource,
    Connection,
    Hub,
    Ignore,
    KindDispatcher,
    SendStatus,
    WebSocket,
    WebSocketDisconnect,
    WebSocketRoute,
    WebSocketView,
    on,
    use,
)
from aiows.inject import user_id

DATABASE = web.AppKey("DATABASE", dict[str, str])


class Session:
    async def commit(self) -> None: ...


def a_session(ws: WebSocket) -> Session:
    return Session()


async def an_open_session(
    database: Annotated[dict[str, str], use(DATABASE)],
) -> AsyncIterator[Session]:
    session = Session()
    yield session
    await session.commit()


def a_plain_generator(limit: int = 10) -> Iterator[int]:
    yield limit


@asynccontextmanager
async def a_manager() -> AsyncIterator[str]:
    yield "managed"


async def an_accepted(ws: Ignore[WebSocket]) -> Ignore[AsyncResource[WebSocket]]:
    await ws.accept()
    yield ws
    await ws.close()


route = WebSocketRoute("rooms/{room}", name="room", idle_timeout=30, origins=["https://a.example"])


@route.ws_handler
async def talk(
    ws: Annotated[WebSocket, use(an_accepted, reuse=False)],
    session: Annotated[Session, use(an_open_session, reuse=True)],
    other: Annotated[Session, use(a_session)],
    limit: Annotated[int, use(a_plain_generator)],
    text: Annotated[str, use(a_manager)],
    user: Annotated[str, use(user_id)],
    hub: Hub,
    request: web.Request,
    room: str,
    sizes: list[int],
    page: int | None = None,
    ignored: Ignore[int] = 1,
) -> None:
    assert_type(ws, WebSocket)
    assert_type(session, Session)
    assert_type(ignored, int)
    assert_type(await ws.receive_text(), str)
    assert_type(await ws.receive_bytes(), bytes)
    assert_type(await ws.receive(), dict[str, Any])
    assert_type(ws.push({"a": 1}), SendStatus)
    assert_type(ws.connection, Connection)
    assert_type(ws.path_params, dict[str, str])
    assert_type(ws.query_params["a"], str)
    assert_type(ws.url.port, int | None)
    async for line in ws.iter_text():
        assert_type(line, str)
        await ws.send_text(line)
    async for data in ws.iter_bytes():
        assert_type(data, bytes)
    await ws.send_json({"a": 1}, mode="binary")
    await ws.send_json({"a": 1}, mode="xml")  # type: ignore[arg-type]  # pyright: ignore
    await ws.send_text(b"a")  # type: ignore[arg-type]  # pyright: ignore
    try:
        await ws.receive_json(mode="binary")
    except WebSocketDisconnect as end:
        assert_type(end.code, int | None)
        assert_type(end.reason, str)


assert_type(route.name, str | None)

plain_route = WebSocketRoute("plain")


@plain_route.ws_handler  # type: ignore[type-var]  # pyright: ignore
def plain(ws: WebSocket) -> None: ...


WebSocketRoute("a", idle_timeot=3)  # type: ignore[call-arg]  # pyright: ignore


async def handler(request: web.Request) -> web.StreamResponse:
    ws = WebSocket(request, max_msg_size=1024, compress=False)
    if "token" not in ws.query_params:
        await ws.send_denial_response(web.json_response({}, status=401))
        return ws.response
    await ws.accept(subprotocol="a", headers={"X-A": "b"})
    await ws.accept(headers=[(b"x-a", b"b"), ("X-A", "c")])
    await kinds.serve(ws)
    return ws.response


kinds = KindDispatcher()


@kinds.on("say")
async def say(ws: WebSocket, text: str, session: Annotated[Session, use(a_session)]) -> None: ...


class Chat(WebSocketView):
    @on("say")
    async def say(
        self, text: str, session: Annotated[Session, use(an_open_session, reuse=True)]
    ) -> str:
        return text


app = web.Application()
app.add_routes([route, web.get("/plain", handler)])
