"""What can be a user id: what a mistake returns is refused before it lets anybody in."""

from __future__ import annotations

import asyncio
import enum
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from aiows import WebSocketResponse, WebSocketView
from aiows.errors import InvalidUserId, KindError
from aiows.user_id import check_user_id
from fake_connection import FakeConnection
from raw_client import RawClient
from settings.faces import FACES, Face

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


class Member(NamedTuple):
    tenant: int
    name: str


class Role(enum.Enum):
    ADMIN = "admin"


@dataclass(frozen=True)
class User:
    id: int


class Row:
    """A row of a database, which is compared by identity."""


async def not_awaited() -> str:
    return "ada"


async def streamed() -> Any:
    yield "ada"


IDS = [
    "ada",
    7,
    0,
    b"\x00",
    uuid.uuid4(),
    (1, "ada"),
    Member(1, "ada"),
    Role.ADMIN,
    User(1),
    Row(),
    1.5,
]

REFUSING = [
    lambda: web.Response(status=401),
    web.HTTPUnauthorized,
    lambda: web.HTTPUnauthorized,
    lambda: web.json_response({"error": "no"}, status=403),
    web.StreamResponse,
    WebSocketResponse,
    PermissionError,
    lambda: PermissionError,
    lambda: KindError("forbidden", "no"),
]

SAYING_NOTHING = [
    lambda: True,
    lambda: False,
    lambda: bool,
    lambda: not_awaited,
    streamed,
    lambda: (each for each in "ada"),
    lambda: str,
    lambda: print,
    lambda: "",
    lambda: b"",
    lambda: float("nan"),
    lambda: ["ada"],
    lambda: {"id": "ada"},
    lambda: {"ada"},
    lambda: bytearray(b"ada"),
    lambda: ("ada", ["admin"]),
]


@pytest.mark.parametrize("user_id", [*IDS, None], ids=repr)
def test_what_says_who_somebody_is_can_be_a_user_id(user_id: Any) -> None:
    """And None, which is nobody."""
    check_user_id(user_id, "here")


@pytest.mark.parametrize("make", [*REFUSING, *SAYING_NOTHING], ids=lambda make: repr(make()))
def test_what_a_mistake_returns_cannot_be_one(make: Callable[[], Any]) -> None:
    """The error says where it came from, and nothing of the value, which may be a secret."""
    with pytest.raises(InvalidUserId, match=r"^Inbox\.authenticate: \w+ as a user id ") as caught:
        check_user_id(make(), "Inbox.authenticate")
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize("make", REFUSING, ids=lambda make: repr(make()))
def test_who_returns_a_refusal_is_told_to_raise_it(make: Callable[[], Any]) -> None:
    """It is a habit from handlers of aiohttp."""
    with pytest.raises(InvalidUserId, match=r"raise web\.HTTPUnauthorized"):
        check_user_id(make(), "here")


async def test_a_coroutine_is_told_to_be_awaited() -> None:
    """``return find_user(request)`` in an ``async def``: everybody would be somebody."""
    forgotten = not_awaited()
    with pytest.raises(InvalidUserId, match="await it"):
        check_user_id(forgotten, "here")
    assert await forgotten == "ada"


@pytest.mark.parametrize("make", [*REFUSING, *SAYING_NOTHING], ids=lambda make: repr(make()))
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "plain"])
async def test_authenticate_lets_nobody_in_by_what_is_no_user_id(
    make: Callable[[], Any],
    is_async: bool,
    serve: Serve,
    raw_client: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A 500 before the 101: the hooks do not run, and the log says what to do."""
    opened: list[Any] = []

    class Inbox(WebSocketView):
        def on_open(self) -> None:
            opened.append(self.user_id)

    async def authenticate(self: Any, request: web.Request) -> Any:
        return make()

    def authenticate_at_once(self: Any, request: web.Request) -> Any:
        return make()

    Inbox.authenticate = authenticate if is_async else authenticate_at_once  # type: ignore[method-assign]
    app = web.Application()
    app.router.add_view("/", Inbox)
    client = await raw_client(await serve(app))
    assert client.status == 500
    assert opened == []
    assert "authenticate: " in caplog.text
    assert "InvalidUserId" in caplog.text


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
async def test_no_face_takes_a_response_for_a_user(
    face: Face, serve: Serve, raw_client: Connect
) -> None:
    """The user that was known before stays."""

    def handler(ws: Any, text: str) -> None:
        ws.user_id = "ada"
        with pytest.raises(InvalidUserId, match=r"raise web\.HTTPUnauthorized"):
            ws.user_id = web.Response(status=401)
        ws.push(ws.user_id)

    client = await raw_client(await serve(face.serve(handler, {})))
    client.send_text("a")
    assert (await client.recv_frame()).text == "ada"


async def test_a_user_id_can_be_taken_back() -> None:
    """None is nobody again."""
    connection = FakeConnection(asyncio.get_running_loop())
    connection.user_id = "ada"
    connection.user_id = None
    assert connection.user_id is None
