"""What applications write of kinds, guards and middleware, for mypy and pyright: nothing runs here.

An ``ignore`` is an assertion: without the error that it names, strict mypy complains of it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any, assert_type

from aiohttp import web

from aiows import Connection, KindDispatcher, KindError, Payload, WebSocketView, on, use
from aiows.connection import Peer
from aiows.kinds import (
    Guard,
    InOrder,
    KindCall,
    KindContract,
    Latest,
    Middleware,
    Next,
    OnePerKey,
    Parallel,
    authenticated,
    rate_limit,
    role,
)


class Said(Payload, kind="said"):
    text: str


@dataclass
class Note:
    text: str


class Session: ...


def open_session() -> Session:
    return Session()


def paid(call: KindCall) -> None:
    assert_type(call.kind, str)
    assert_type(call.replace(payload=Note("a")), KindCall)


async def invited(call: KindCall) -> None: ...


async def timed(call: KindCall, next: Next) -> object:
    return await next(call)


async def passing(call: KindCall, next: Next) -> Any:
    return await next(call.replace(payload=None))


async def roles_of(call: KindCall) -> list[str]:
    return ["admin"]


guards: list[Guard] = [paid, invited, authenticated, role("a", of=roles_of), rate_limit(3, per=2)]
middleware: list[Middleware] = [timed, passing]

router = KindDispatcher(guards=guards, dependencies=[open_session])
kinds = KindDispatcher(middleware=[timed], dependencies=[use(open_session, reuse=True)])
kinds.include(router, "a.", guards=[paid], middleware=middleware)
kinds.sends(Said, examples=[Said("hi")])
kinds.sends("note", Note)
kinds.asks("confirm", payload=Note, reply=bool, errors=["busy"])
assert_type(kinds.contracts(), tuple[KindContract, ...])


@router.on("note", payload=Note, guards=[role("admin")], errors=["late", KindError("a", "b")])
def note(ws: Connection, note: Note, session: Session) -> str:
    return note.text


assert_type(note(Connection.__new__(Connection), Note("a"), Session()), str)


class Chat(WebSocketView):
    guards = (rate_limit(20, per=1), paid)
    middleware = (timed,)
    routers = (router, ("b.", router))
    sends = (Said,)

    @on(Said)
    @on("other", guards=[authenticated], reply=Note)
    def said(self, msg: Said) -> None: ...


class Inbox(WebSocketView):
    async def authenticate(self, request: web.Request) -> str | None:
        return request.query.get("user")


class Tenants(WebSocketView):
    async def authenticate(self, request: web.Request) -> tuple[int, str]:
        return 1, "ada"


class Open(WebSocketView):
    async def authenticate(  # type: ignore[override]
        self, request: web.Request
    ) -> str | web.Response:  # pyright: ignore
        return web.Response(status=401)  # it has to be raised


router.on("a", colour="red")  # type: ignore[call-arg]  # pyright: ignore
KindDispatcher(guards=authenticated)  # type: ignore[arg-type]  # pyright: ignore
KindDispatcher(middleware=[paid])  # type: ignore[list-item]  # pyright: ignore
rate_limit(3, by="address")  # type: ignore[arg-type]  # pyright: ignore


async def asking(ws: Peer, said: Said) -> None:
    assert_type(await ws.ask("confirm"), dict[str, Any])
    assert_type(await ws.ask("confirm", {"text": "sure?"}, timeout=None), dict[str, Any])
    assert_type(await ws.ask(said, timeout=5), dict[str, Any])
    assert_type(ws.ask_stream("count", {"to": 3}), AsyncGenerator[dict[str, Any]])
    await ws.ask(said, {"text": "twice"})  # type: ignore[call-overload]  # pyright: ignore
    await ws.ask(7)  # type: ignore[call-overload]  # pyright: ignore


@kinds.on("rows", concurrency=Parallel(2), timeout=5)
async def rows(table: str) -> AsyncIterator[int]:
    yield 1


kinds.on("first", concurrency=InOrder())(rows)
kinds.on("second", concurrency=OnePerKey(lambda message: message.table))(rows)
kinds.on("third", concurrency=Latest("table"))(rows)
kinds.on("fourth", concurrency=2)  # type: ignore[arg-type]  # pyright: ignore
