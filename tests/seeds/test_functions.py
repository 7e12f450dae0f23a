"""Seed 003, row by row: a function that says by its parameters what it needs, over real sockets.

C8, the synchronous client, is in tests/seeds/test_client.py.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from itertools import count
from typing import Annotated, Any, Literal, TypeAlias
from unittest.mock import ANY
from uuid import UUID

import msgspec
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from aiows import (
    AsyncResource,
    Hub,
    Ignore,
    Payload,
    RegistrationError,
    WebSocket,
    WebSocketRoute,
    setup,
    use,
)
from server_side import ProductionServer

Client: TypeAlias = TestClient[Any, Any]
Serve: TypeAlias = Callable[..., Awaitable[Client]]

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture
def serve(aiohttp_client: AiohttpClient) -> Serve:
    """Serve routes in an application of their own."""

    async def serve(*routes: web.AbstractRouteDef) -> Client:
        app = web.Application()
        app.add_routes(routes)
        return await aiohttp_client(ProductionServer(app))

    return serve


async def hear(client: Client, url: str) -> Any:
    """Connect, and return what the server says first, in JSON, or how it closes."""
    async with client.ws_connect(url) as ws:
        return await next_of(ws)


async def next_of(ws: ClientWebSocketResponse) -> Any:
    message = await ws.receive(timeout=5)
    return message.json() if message.type is WSMsgType.TEXT else message.data


async def refused(client: Client, url: str) -> tuple[int, Any]:
    """Ask for the upgrade and return the status and the error that come instead of it."""
    async with client.get(url, headers=UPGRADE) as response:
        return response.status, (await response.json())["error"]


# The seed's own example, but for the imports

ws_route = WebSocketRoute("web_socket/{session_id}")


async def ws_factory(ws: Ignore[WebSocket]) -> Ignore[AsyncResource[WebSocket]]:
    await ws.accept()
    yield ws
    await ws.close()


@ws_route.ws_handler
async def ws_handler(  # type: ignore[no-untyped-def]
    ws: Annotated[WebSocket, use(ws_factory, reuse=False)],
    session_id: str,
    max_users: int,
):
    assert session_id == "session123" and max_users == 5  # noqa: PT018
    await ws.send_text("Hello, world!")


async def test_the_seeds_example_runs_as_it_is_written(serve: Serve) -> None:
    """Nothing but its imports is ours."""
    client = await serve(ws_route)
    async with client.ws_connect("/web_socket/session123?max_users=5") as ws:
        assert await ws.receive_str(timeout=5) == "Hello, world!"
        assert await next_of(ws) == 1000


@pytest.mark.parametrize("path", ["rooms/{room}", "/rooms/{room}"])
async def test_c01_a_route_has_a_path_with_or_without_the_slash(serve: Serve, path: str) -> None:
    """It is aiohttp's, with names and patterns, and can be named."""
    route = WebSocketRoute(path, name="room")

    @route.ws_handler
    async def endpoint(ws: WebSocket, room: str) -> None:
        await ws.accept()
        await ws.send_json([room, str(ws.request.app.router["room"].url_for(room="b"))])

    client = await serve(route)
    assert await hear(client, "/rooms/a") == ["a", "/rooms/b"]
    async with client.get("/rooms/a") as response:
        assert response.status == 426


def test_c01_a_path_that_cannot_be_is_refused() -> None:
    """At once, as are options that nobody knows."""
    with pytest.raises(RegistrationError, match=r"'/rooms/\{room' cannot be a path"):
        WebSocketRoute("rooms/{room")
    with pytest.raises(
        RegistrationError, match="unknown option 'max_size'; there are max_msg_size"
    ):
        WebSocketRoute("rooms", max_size=5)  # type: ignore[call-arg]


def test_c02_the_function_comes_back_as_it_was() -> None:
    """It can be called, tested and mounted again."""

    async def endpoint(ws: WebSocket) -> None: ...

    assert WebSocketRoute("a").ws_handler(endpoint) is endpoint
    route = WebSocketRoute("b")
    assert route.ws_handler(endpoint) is endpoint
    with pytest.raises(RegistrationError, match="/b has a handler already"):
        route.ws_handler(endpoint)
    with pytest.raises(RegistrationError, match="<WebSocketRoute /c> has no handler"):
        web.Application().add_routes([WebSocketRoute("c")])


def plain(ws: WebSocket) -> None: ...
def generator(ws: WebSocket) -> Iterator[None]: yield  # fmt: skip


async def stream(ws: WebSocket) -> AsyncIterator[None]: yield  # fmt: skip


@pytest.mark.parametrize("function", [plain, generator, stream])
def test_c02_what_is_no_async_def_is_refused(function: Any) -> None:
    """When it is registered, with its name and its place."""
    assert_refused(function, "an endpoint has to be an async def")


def assert_refused(function: Any, problem: str, *, at: Any = None, path: str = "r/{room}") -> None:
    """Check that ``function`` cannot be registered, and that the error names it, or ``at``."""
    where = at or function
    place = f"{where.__qualname__} ({__file__}:{where.__code__.co_firstlineno}): {problem}"
    with pytest.raises(RegistrationError, match=re.escape(place)):
        WebSocketRoute(path).ws_handler(function)


Log: TypeAlias = list[Any]

log: Log = []


@pytest.fixture(autouse=True)
def _fresh_log() -> None:
    log.clear()


def a_function() -> str:
    return "function"


async def a_coroutine() -> str:
    await asyncio.sleep(0)
    return "coroutine"


def a_generator() -> Generator[str, None, None]:
    yield "generator"
    log.append("end of generator")


async def an_async_generator() -> AsyncGenerator[str, None]:
    yield "async generator"
    await asyncio.sleep(0)
    log.append("end of async generator")


@contextmanager
def a_manager() -> Iterator[str]:
    yield "manager"
    log.append("end of manager")


@asynccontextmanager
async def an_async_manager() -> AsyncIterator[str]:
    yield "async manager"
    log.append("end of async manager")


class AClass:
    def __init__(self, room: str) -> None:
        self.room = room


async def test_c03_a_factory_is_any_sort_of_function(serve: Serve) -> None:
    """What follows ``yield`` runs at the end, the last one first."""
    route = WebSocketRoute("{room}")

    @route.ws_handler
    async def endpoint(
        ws: WebSocket,
        one: Annotated[str, use(a_function)],
        two: Annotated[str, use(a_coroutine)],
        three: Annotated[str, use(a_generator)],
        four: Annotated[str, use(an_async_generator)],
        five: Annotated[str, use(a_manager)],
        *,
        six: Annotated[str, use(an_async_manager)],
        seven: Annotated[AClass, use(AClass)],
        eight: Annotated[str, use(lambda room: room.upper())],
    ) -> None:
        await ws.accept()
        await ws.send_json([one, two, three, four, five, six, seven.room, eight])

    client = await serve(route)
    async with client.ws_connect("/a") as ws:
        heard = await next_of(ws)
        assert await next_of(ws) == 1000
    assert heard == [
        *("function", "coroutine", "generator", "async generator", "manager", "async manager"),
        *("a", "A"),
    ]
    assert log == [
        "end of async manager",
        "end of manager",
        "end of async generator",
        "end of generator",
    ]


async def test_c03_what_follows_yield_runs_after_an_exception_too(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the seed's own factory, whose close then says that not all went well."""
    route = WebSocketRoute("a")

    @route.ws_handler
    async def endpoint(
        ws: Annotated[WebSocket, use(ws_factory)],
        three: Annotated[str, use(a_generator)],
        four: Annotated[str, use(an_async_generator)],
    ) -> None:
        raise LookupError("broken")

    client = await serve(route)
    assert await hear(client, "/a") == 1011
    assert log == ["end of async generator", "end of generator"]
    await client.close()
    assert "LookupError: broken" in caplog.text


async def a_guard() -> AsyncIterator[str]:
    try:
        yield "guard"
    except Exception as error:
        log.append(error)


def a_plain_guard() -> Iterator[str]:
    try:
        yield "plain guard"
    except Exception as error:
        log.append(error)
        raise
    finally:
        log.append("end of plain guard")


async def test_c03_a_yield_within_try_gets_the_exception(serve: Serve) -> None:
    """It can react, but what went wrong stays wrong: the peer is told 1011."""
    route = WebSocketRoute("a")
    broken = LookupError("broken")

    @route.ws_handler
    async def endpoint(
        ws: WebSocket,
        one: Annotated[str, use(a_plain_guard)],
        two: Annotated[str, use(a_guard)],
        three: Annotated[str, use(a_manager)],
    ) -> None:
        await ws.accept()
        raise broken

    client = await serve(route)
    assert await hear(client, "/a") == 1011
    assert log == [broken, broken, "end of plain guard"]


async def test_c03_closing_a_closed_socket_is_harmless(serve: Serve) -> None:
    """Whoever closed it, and before the factory's own close."""
    route = WebSocketRoute("a")

    @route.ws_handler
    async def endpoint(ws: Annotated[WebSocket, use(ws_factory)]) -> None:
        async for text in ws.iter_text():
            await ws.close(4000, text)

    client = await serve(route)
    async with client.ws_connect("/a") as ws:
        await ws.send_str("bye")
        assert await next_of(ws) == 4000
    async with client.ws_connect("/a") as ws:
        await ws.close(code=4001)
        assert ws.close_code == 4001


numbers = count()


async def a_session(room: str, limit: int = 10) -> AsyncIterator[list[Any]]:
    yield [next(numbers), room, limit]
    log.append("end of session")


class Store:
    def __init__(self, session: Annotated[list[Any], use(a_session, reuse=True)]) -> None:
        self.session = session


async def test_c04_a_reused_value_is_shared_by_all_who_ask(serve: Serve) -> None:
    """One value a connection, cleaned up once; without reuse there is one for each that asks."""
    route = WebSocketRoute("{room}")

    @route.ws_handler
    async def endpoint(
        ws: WebSocket,
        session: Annotated[list[Any], use(a_session, reuse=True)],
        same: Annotated[list[Any], use(a_session, reuse=True)],
        store: Annotated[Store, use(Store)],
        other: Annotated[list[Any], use(a_session)],
    ) -> None:
        assert session is same
        assert session is store.session
        assert session is not other
        await ws.accept()
        await ws.send_json([session, other])

    client = await serve(route)
    [first, second], [third, fourth] = [await hear(client, f"/{room}?limit=5") for room in "ab"]
    assert [each[1:] for each in (first, second, third, fourth)] == [["a", 5]] * 2 + [["b", 5]] * 2
    assert len({each[0] for each in (first, second, third, fourth)}) == 4
    assert log == ["end of session"] * 4


def a_hen(egg: Annotated[str, use(an_egg)]) -> str:  # pyright: ignore[reportUndefinedVariable]
    return egg


def an_egg(hen: Annotated[str, use(a_hen)]) -> str:
    return hen


async def circular(ws: WebSocket, egg: Annotated[str, use(an_egg)]) -> None: ...


def test_c04_a_circle_of_factories_is_refused() -> None:
    """When it is registered, not when the first client comes."""
    assert_refused(circular, "a factory needs its own value: an_egg -> a_hen -> an_egg", at=an_egg)


class Colour(Enum):
    RED = "red"
    GREEN = "green"


Positive: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]


async def test_c05_path_and_query_are_converted(serve: Serve) -> None:
    """By their types, with defaults, None for what may be missing, and lists of repeated keys."""
    route = WebSocketRoute("{room}/{number}")
    got: dict[str, Any] = {}

    @route.ws_handler
    async def endpoint(
        ws: WebSocket,
        room: str,
        number: int,
        ratio: float,
        loud: bool,
        colour: Colour,
        day: date,
        key: UUID,
        limit: Positive,
        tags: list[str],
        sizes: set[int] | None,
        numbers: Annotated[tuple[int, ...], "of houses"] = (),
        nothing: int | None = 7,
        absent: str | None = None,
        maybe: date | None = None,
        *,
        page: int = 1,
    ) -> None:
        got.update(locals())
        await ws.accept()

    client = await serve(route)
    key = UUID("12345678-1234-5678-1234-567812345678")
    url = (
        f"/caf%C3%A9/-7?ratio=1e3&loud=true&colour=red&day=2024-02-29&key={key}&limit=1"
        "&tags=a&tags=b&nothing=null&page=2&numbers=1"
    )
    assert await hear(client, url) == 1000
    del got["ws"], got["got"]
    assert got == {
        "room": "café",
        "number": -7,
        "ratio": 1000.0,
        "loud": True,
        "colour": Colour.RED,
        "day": date(2024, 2, 29),
        "key": key,
        "limit": 1,
        "tags": ["a", "b"],
        "sizes": None,
        "numbers": (1,),
        "nothing": None,
        "absent": None,
        "maybe": None,
        "page": 2,
    }


@pytest.mark.parametrize(
    ("annotation", "query", "expected", "got"),
    [
        (int, "", "int", "nothing"),
        (int, "value=", "int", "''"),
        (int, "value=many", "int", "'many'"),
        (int, "value=1.5", "int", "'1.5'"),
        (int, "value=1&value=2", "int", "2 values"),
        (int, "value=" + "9" * 5000, "int", "'" + "9" * 124 + "..."),
        (Positive, "value=0", "int >= 1", "'0'"),
        (Annotated[Positive, msgspec.Meta(title="page")], "value=0", "int >= 1", "'0'"),
        (float, "value=nan", "a finite number", "'nan'"),
        (Decimal, "value=NaN", "a finite number", "'NaN'"),
        (list[float], "value=1&value=-inf", "a finite number", "['1', '-inf']"),
        (bool, "value=perhaps", "bool", "'perhaps'"),
        (Colour, "value=blue", "'red' or 'green'", "'blue'"),
        (Literal["a", "b"], "value=c", "'a' or 'b'", "'c'"),
        (date, "value=2023-02-29", "date", "'2023-02-29'"),
        (UUID, "value=1", "uuid", "'1'"),
        (int | None, "value=x", "int", "'x'"),
        (list[int], "value=1&value=x", "any number of int", "['1', 'x']"),
        (list[int], "", "any number of int", "nothing"),
        (list[Positive], "value=0", "int >= 1", "['0']"),
        (
            Annotated[str, msgspec.Meta(max_length=3)],
            "value=%00%F0%9F%98%80ab",
            "str of length <= 3",
            ANY,
        ),
    ],
)
async def test_c05_a_bad_or_missing_value_is_answered_400(
    serve: Serve, annotation: Any, query: str, expected: str, got: str
) -> None:
    """Before the upgrade, and before any factory runs: what, where from, what was expected and came."""
    route = WebSocketRoute("a")

    async def endpoint(session: Any, ws: Any, value: Any) -> None:
        raise AssertionError

    endpoint.__annotations__ = {
        "session": Annotated[WebSocket, use(ws_factory)],
        "ws": WebSocket,
        "value": annotation,
    }
    route.ws_handler(endpoint)
    status, error = await refused(await serve(route), f"/a?{query}")
    assert status == 400
    assert error["code"] == "invalid"
    assert error["details"] == {
        "parameter": "value",
        "in": "query",
        "expected": expected,
        "got": got,
    }
    details = error["details"]
    assert error["message"] == f"'value' in the query: expected {expected}, got {details['got']}"


async def test_c05_a_factorys_values_come_from_the_request_too(serve: Serve) -> None:
    """A bad one of the last factory stops the first one from running."""
    route = WebSocketRoute("rooms/{number}")

    async def a_number(number: int, offset: int) -> int:
        return number + offset

    @route.ws_handler
    async def endpoint(
        ws: Annotated[WebSocket, use(ws_factory)],
        total: Annotated[int, use(a_number)],
        twice: Annotated[int, use(lambda number: number * 2)],
    ) -> None:
        await ws.send_json([total, twice])

    client = await serve(route)
    assert await hear(client, "/rooms/3?offset=4") == [7, 6]
    status, error = await refused(client, "/rooms/three?offset=4")
    assert (status, error["details"]["parameter"], error["details"]["in"]) == (
        400,
        "number",
        "path",
    )
    status, error = await refused(client, "/rooms/3")
    assert (status, error["details"]["parameter"], error["details"]["in"]) == (
        400,
        "offset",
        "query",
    )


class Database: ...


class Cache:
    pass


async def a_database() -> Database:
    return Database()


async def a_private_cache() -> Ignore[Cache]:
    return Cache()


class Repository:
    def __init__(self, database: Database) -> None:
        self.database = database


def cached(cache: Cache) -> str: return repr(cache)  # fmt: skip


async def test_c06_a_factory_is_where_others_get_its_type_from(serve: Serve) -> None:
    """Within the same function: who asks for a class gets it from the factory that returns it."""
    route = WebSocketRoute("a")

    @route.ws_handler
    async def endpoint(
        ws: WebSocket,
        repository: Annotated[Repository, use(Repository)],
        database: Annotated[Database, use(a_database, reuse=True)],
    ) -> None:
        await ws.accept()
        await ws.send_json(repository.database is database)

    assert await hear(await serve(route), "/a") is True


async def unsupplied(
    ws: WebSocket,
    cache: Annotated[Cache, use(a_private_cache)],
    text: Annotated[str, use(cached)],
) -> None: ...


def test_c06_an_ignored_return_type_is_not_for_others() -> None:
    """The factory serves those who name it."""
    assert_refused(unsupplied, "'cache': no factory and no provider returns Cache", at=cached)


async def test_c06_an_ignored_parameter_is_left_alone(serve: Serve) -> None:
    """No factory and no query fills it; a connection, a request and a hub are still supplied."""
    route = WebSocketRoute("a")

    @route.ws_handler
    async def endpoint(
        face: Ignore[WebSocket],
        request: Ignore[web.Request],
        database: Annotated[Database, use(a_database)],
        page: Ignore[int] = 1,
        other: Ignore[Database | None] = None,
        third: Ignore[Database] = None,  # type: ignore[assignment]
    ) -> None:
        await face.accept()
        await face.send_json([face.request is request, page, other, third])

    assert await hear(await serve(route), "/a?page=2") == [True, 1, None, None]


async def without_default(ws: WebSocket, page: Ignore[int]) -> None: ...


def test_c06_an_ignored_parameter_needs_a_default() -> None:
    """Otherwise nothing could be passed for it."""
    assert_refused(without_default, "'page' is annotated with Ignore, so it needs a default")


async def test_c07_several_routes_and_sub_applications(aiohttp_client: AiohttpClient) -> None:
    """One route can be in several applications, each with its own hub and state."""
    route, other = WebSocketRoute("rooms/{room}"), WebSocketRoute("other")
    key = web.AppKey("name", str)

    @route.ws_handler
    async def in_room(
        ws: WebSocket, room: str, app: web.Application, hub: Hub, name: Annotated[str, use(key)]
    ) -> None:
        await ws.accept()
        await ws.send_json([room, name, key in app, len(hub.connections)])

    @other.ws_handler
    async def elsewhere(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json("other")

    app, below = web.Application(), web.Application()
    app[key], below[key] = "above", "below"
    setup(app)
    for each in (app, below):
        each.add_routes([route, other])
    app.add_subapp("/below", below)
    client = await aiohttp_client(app)
    assert await hear(client, "/rooms/a") == ["a", "above", True, 1]
    assert await hear(client, "/below/rooms/b") == ["b", "below", True, 1]
    assert await hear(client, "/below/other") == "other"


class Item(msgspec.Struct):
    name: str


class Said(Payload, kind="said"):
    text: str


@dataclass
class Box:
    size: int


async def struct(ws: WebSocket, item: Item) -> None: ...
async def payload(ws: WebSocket, item: Said | None) -> None: ...
async def dataclass_(ws: WebSocket, item: Box) -> None: ...
async def mapping(ws: WebSocket, item: dict[str, int]) -> None: ...
async def data(ws: WebSocket, item: bytes) -> None: ...
async def many(ws: WebSocket, item: list[Item]) -> None: ...


@pytest.mark.parametrize("function", [struct, payload, dataclass_, mapping, data, many])
def test_c09_a_body_parameter_is_refused(function: Any) -> None:
    """An upgrade request has none."""
    assert_refused(function, "'item' needs a request body, but an upgrade request has none")


async def unknown(ws: WebSocket, database: Database) -> None: ...
async def untyped(ws, database) -> None: ...  # type: ignore[no-untyped-def]
async def list_in_path(ws: WebSocket, room: list[str]) -> None: ...
async def list_or_not(ws: WebSocket, page: list[int] | int) -> None: ...
async def unreadable(ws: WebSocket, page: list[int] | set[int]) -> None: ...
async def other_face(ws: WebSocket, response: web.WebSocketResponse) -> None: ...
async def variadic(ws: WebSocket, *pages: int) -> None: ...
def paged(page: int = 1) -> int: ...  # type: ignore[empty-body]
async def two_defaults(ws: WebSocket, page: int, it: Annotated[int, use(paged)]) -> None: ...
async def twice(ws: WebSocket, room: int, it: Annotated[AClass, use(AClass)]) -> None: ...


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (unknown, "'database': no factory and no provider returns Database"),
        (untyped, "'database' is not in the path: it needs a type, such as str or WebSocket"),
        (list_in_path, "'room': a path has one value of each name, not a list"),
        (list_or_not, "'page' may be a list or one value: a query cannot tell which"),
        (unreadable, "'page' cannot be read from a path or a query: Type unions may not"),
        (other_face, "'response': an endpoint has a WebSocket, not a WebSocketResponse"),
        (variadic, "*pages cannot be filled: name the fields one by one"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_c09_other_mistakes_are_refused_too(function: Any, problem: str) -> None:
    """With the function's name and line."""
    assert_refused(function, problem)


def test_c09_two_who_ask_for_one_value_have_to_agree() -> None:
    """One client cannot mean two things by it."""
    problem = "has another type or default in another function"
    assert_refused(twice, f"'room' {problem}", at=AClass.__init__)
    assert_refused(two_defaults, f"'page' {problem}", at=paged)


async def test_c10_state_lives_with_the_connection(serve: Serve) -> None:
    """Two connections at once have values and variables of their own."""
    route = WebSocketRoute("{room}")

    @route.ws_handler
    async def endpoint(
        ws: Annotated[WebSocket, use(ws_factory)],
        session: Annotated[list[Any], use(a_session, reuse=True)],
        store: Annotated[Store, use(Store)],
    ) -> None:
        ws.user_data = 0
        async for text in ws.iter_text():
            ws.user_data += 1
            session.append(text)
            await ws.send_json([ws.user_data, store.session[3:]])

    client = await serve(route)
    async with client.ws_connect("/a") as a, client.ws_connect("/b") as b:
        for ws, text, expected in (
            (a, "x", [1, ["x"]]),
            (b, "y", [1, ["y"]]),
            (a, "z", [2, ["x", "z"]]),
            (b, "w", [2, ["y", "w"]]),
        ):
            await ws.send_str(text)
            assert await next_of(ws) == expected
