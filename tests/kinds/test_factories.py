"""Kind handlers whose parameters come from factories: one value a message, or one a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated, Any

import orjson
import pytest
from aiohttp import web

from aiows import (
    Connection,
    KindDispatcher,
    KindError,
    Payload,
    RegistrationError,
    WebSocketResponse,
    WebSocketView,
    on,
    setup,
    use,
)
from aiows.inject import user_id
from raw_client import RawClient
from talk import Talk, refusal_of, say

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]

log: list[Any] = []


@pytest.fixture(autouse=True)
def _fresh_log() -> None:
    log.clear()


class Session:
    """What is opened for a message or a connection."""


def a_session() -> Iterator[Session]:
    session = Session()
    log.append("begin")
    try:
        yield session
    except Exception as error:
        log.append(error)
    finally:
        log.append("end")


async def an_async_session(ws: Connection) -> AsyncIterator[Session]:
    log.append("begin")
    await asyncio.sleep(0)
    yield Session()
    await asyncio.sleep(0)
    log.append(("end", ws.closed))


class Room(Payload, kind="room"):
    name: str
    size: int = 1


class Membership:
    def __init__(self, name: str, size: int) -> None:
        self.place = (name, size)


def big(room: Room) -> bool:
    return room.size > 10


# one value a message


async def test_a_factory_is_opened_and_closed_for_each_message() -> None:
    """And closed before the reply leaves: what it could not save was not done."""
    kinds = KindDispatcher()

    @kinds.on("some")
    async def some(value: int, *, session: Annotated[Session, use(a_session)]) -> int:
        log.append(type(session).__name__)
        return value

    talk = Talk(kinds)
    for value in (1, 2):
        assert await talk.say({"kind": "some", "value": value, "ref": 1}) == [
            {"kind": "reply", "ref": 1, "result": value}
        ]
    assert log == ["begin", "Session", "end"] * 2


async def test_a_factorys_parameters_are_fields_of_the_message() -> None:
    """They are checked with the others, before anything is opened."""
    kinds = KindDispatcher()

    @kinds.on("some")
    def some(
        session: Annotated[Session, use(a_session)],
        name: str,
        member: Annotated[Membership, use(Membership)],
    ) -> Any:
        return [name, *member.place]

    assert await say(kinds, {"kind": "some", "name": "a", "size": 3, "ref": 1}) == [
        {"kind": "reply", "ref": 1, "result": ["a", "a", 3]}
    ]
    log.clear()
    error = await refusal_of(kinds, {"kind": "some", "name": "a", "size": "big"})
    assert error["details"] == {"field": "size", "expected": "int", "got": "str"}
    assert log == []


async def test_a_factory_may_ask_for_the_whole_payload() -> None:
    """Or for fields of it."""
    kinds = KindDispatcher()

    @kinds.on("room")
    def room(
        is_big: Annotated[bool, use(big)], member: Annotated[Membership, use(Membership)]
    ) -> Any:
        return [is_big, *member.place]

    with pytest.raises(RegistrationError, match="Room has no field 'other'"):
        kinds.on(Room)(asking_for_other)
    kinds = KindDispatcher()

    @kinds.on(Room)
    def room_again(is_big: Annotated[bool, use(big)]) -> bool:
        return is_big

    assert await say(kinds, {"kind": "room", "name": "a", "size": 11, "ref": 1}) == [
        {"kind": "reply", "ref": 1, "result": True}
    ]


def other_of(other: int) -> int:
    return other


def asking_for_other(other: Annotated[int, use(other_of)]) -> None: ...


async def test_what_a_handler_raises_reaches_its_factories_and_the_peer() -> None:
    """A factory that swallows it does not turn it into a success."""
    kinds = KindDispatcher()
    no = KindError("no", "never")

    @kinds.on("some")
    async def some(session: Annotated[Session, use(a_session)]) -> None:
        raise no

    assert (await refusal_of(kinds, {"kind": "some", "ref": 1}))["code"] == "no"
    assert log == ["begin", no, "end"]


async def test_what_a_factory_raises_is_the_error_reply() -> None:
    """At its beginning, where it can refuse, or at its end, where it fails."""
    kinds = KindDispatcher()

    def members_only(ws: Connection) -> None:
        raise KindError("forbidden", "members only")

    def failing() -> Iterator[None]:
        yield
        raise LookupError("not saved")

    @kinds.on("refused")
    def refused(
        session: Annotated[Session, use(a_session)], _: Annotated[None, use(members_only)]
    ) -> None: ...

    @kinds.on("failed")
    def failed(_: Annotated[None, use(failing)]) -> str:
        return "done"

    assert (await refusal_of(kinds, {"kind": "refused"}))["code"] == "forbidden"
    assert log[-1] == "end"
    assert (await refusal_of(kinds, {"kind": "failed", "ref": 1}))["code"] == "internal"


async def test_a_fallback_has_factories_too() -> None:
    """Which may ask for kind and fields."""
    kinds = KindDispatcher()

    def described(kind: str, fields: dict[str, Any]) -> str:
        return f"{kind}: {fields}"

    @kinds.fallback
    def fallback(text: Annotated[str, use(described)]) -> str:
        return text

    assert await say(kinds, {"kind": "any", "a": 1, "ref": 1}) == [
        {"kind": "reply", "ref": 1, "result": "any: {'a': 1}"}
    ]

    def by_size(size: int) -> int:
        return size

    def other(size: Annotated[int, use(by_size)]) -> None: ...

    with pytest.raises(RegistrationError, match=r"by_size .*'size': a fallback can ask for"):
        KindDispatcher().fallback(other)


# one value a connection


async def test_a_reused_value_lasts_as_long_as_its_connection() -> None:
    """Whatever messages come, and whichever dispatcher brings them."""
    kinds = KindDispatcher()
    sessions: list[Session] = []

    @kinds.on("some")
    @kinds.on("other")
    def some(session: Annotated[Session, use(a_session, reuse=True)]) -> None:
        sessions.append(session)

    talk, somebody_else = Talk(kinds), Talk(kinds)
    for kind in ("some", "other", "some"):
        await talk.say({"kind": kind})
    await somebody_else.say({"kind": "some"})
    first, second, third, theirs = sessions
    assert first is second is third is not theirs
    assert log == ["begin", "begin"]
    talk.connection.close()
    assert log == ["begin", "begin", "end"]
    talk.connection.lost(None)
    somebody_else.connection.lost(None)
    await somebody_else.connection._protocol.settle(None)


async def test_what_is_reused_is_not_taken_from_one_message() -> None:
    """It would be the first one's, for all that follow."""

    def of_a_field(name: str) -> str:
        return name

    def of_another(name: Annotated[str, use(of_a_field)]) -> str:
        return name

    def by_field(it: Annotated[str, use(of_a_field, reuse=True)]) -> None: ...
    def by_payload(it: Annotated[bool, use(big, reuse=True)]) -> None: ...
    def further_down(it: Annotated[str, use(of_another, reuse=True)]) -> None: ...

    for handler in (by_field, by_payload, further_down):
        with pytest.raises(RegistrationError, match="is of one message, but reuse=True is for"):
            KindDispatcher().on("room")(handler)


async def test_messages_at_once_share_one_value() -> None:
    """Whoever comes second waits until the first has made it."""
    kinds = KindDispatcher()

    @kinds.on("some")
    async def some(session: Annotated[Session, use(an_async_session, reuse=True)]) -> int:
        return id(session)

    talk = Talk(kinds)
    answers = await asyncio.gather(*[talk.say({"kind": "some", "ref": n}) for n in range(3)])
    said = [orjson.loads(each) for each in talk.connection.payloads]
    assert len(answers) == len(said) == 3
    assert len({each["result"] for each in said}) == 1
    talk.connection.lost(None)
    await talk.connection._protocol.settle(None)
    assert log == ["begin", ("end", True)]


async def test_a_value_that_could_not_be_made_is_tried_again() -> None:
    """What its making had opened is closed each time, not at the end."""
    kinds = KindDispatcher()
    attempts = iter([False, False, True])

    def lucky(session: Annotated[Session, use(a_session)]) -> str:
        if not next(attempts):
            raise KindError("later", "try again")
        return "lucky"

    @kinds.on("some")
    def some(luck: Annotated[str, use(lucky, reuse=True)]) -> str:
        return luck

    talk = Talk(kinds)
    answers = [(await talk.say({"kind": "some", "ref": 1}))[0]["kind"] for _ in range(4)]
    assert answers == ["error", "error", "reply", "reply"]
    assert [each for each in log if isinstance(each, str)] == ["begin", "end"] * 2 + ["begin"]
    talk.connection.lost(None)
    await talk.connection._protocol.settle(None)
    assert log[-1] == "end"


async def test_a_value_outlives_the_connection_while_a_handler_uses_it() -> None:
    """It ends when the last of them has."""
    kinds = KindDispatcher()
    gate = asyncio.Event()

    @kinds.on("some")
    async def some(session: Annotated[Session, use(a_session, reuse=True)]) -> None:
        await gate.wait()
        log.append("used")

    talk = Talk(kinds)
    handling = asyncio.ensure_future(talk.say({"kind": "some"}))
    await asyncio.sleep(0)
    talk.connection.close()
    assert log == ["begin"]
    gate.set()
    await handling
    assert log == ["begin", "used", "end"]
    log.clear()
    await talk.say({"kind": "some"})
    assert log == ["begin", "used", "end"]
    talk.connection.lost(None)


async def test_who_comes_during_the_clean_up_gets_a_value_of_its_own() -> None:
    """A message that was taken before the end: nothing is cleaned up under its handler."""
    kinds = KindDispatcher()
    cleaning, used = asyncio.Event(), asyncio.Event()

    async def slow_to_end() -> AsyncIterator[str]:
        yield "it"
        log.append("ending")
        await cleaning.wait()

    @kinds.on("some")
    async def some(it: Annotated[str, use(slow_to_end, reuse=True)], wait: bool) -> None:
        if wait:
            cleaning.set()
            await used.wait()
            log.append("used")

    talk = Talk(kinds)
    await talk.say({"kind": "some", "wait": False})
    talk.connection.close()
    assert log == ["ending"]
    late = asyncio.ensure_future(talk.say({"kind": "some", "wait": True}))
    await cleaning.wait()
    await talk.connection._protocol.settle(None)
    used.set()
    await late
    assert log == ["ending", "used", "ending"]
    talk.connection.lost(None)


async def test_a_clean_up_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is left to be told, and the others are cleaned up all the same."""
    kinds = KindDispatcher()

    def failing(session: Annotated[Session, use(a_session)]) -> Iterator[str]:
        yield "it"
        raise LookupError("not saved")

    @kinds.on("some")
    def some(it: Annotated[str, use(failing, reuse=True)]) -> None: ...

    talk = Talk(kinds)
    await talk.say({"kind": "some"})
    talk.connection.lost(None)
    await talk.connection._protocol.settle(None)
    assert log[-1] == "end"
    assert "LookupError: not saved" in caplog.text


# over real sockets


async def ask(client: RawClient, **fields: Any) -> Any:
    client.send_text(orjson.dumps(fields).decode())
    return orjson.loads((await client.recv_frame()).payload)


KEY = web.AppKey("name", str)


class Asking(WebSocketView):
    """Its handlers ask for everything that there is."""

    async def authenticate(self, request: web.Request) -> str:
        return request.query["user"]

    @on("who")
    def who(self, user: Annotated[str, use(user_id)], name: Annotated[str, use(KEY)]) -> list[str]:
        return [user, name]

    @on("where")
    def where(self, request: web.Request) -> str:
        return request.path

    @on("session")
    def session(self, session: Annotated[Session, use(an_async_session, reuse=True)]) -> int:
        return id(session)


class Keeping(Asking):
    keep_request = True


def app_with(view: type[WebSocketView]) -> web.Application:
    app, below = web.Application(), web.Application()
    app[KEY] = "above"
    below.router.add_view("/view", view)
    setup(app)
    app.add_subapp("/below", below)
    return app


async def test_a_views_handlers_ask_for_user_application_and_request(
    serve: Serve, raw_client: Connect
) -> None:
    """The request only if the view keeps it."""
    client = await raw_client(await serve(app_with(Keeping)), "/below/view?user=ann")
    assert (await ask(client, kind="who", ref=1))["result"] == ["ann", "above"]
    assert (await ask(client, kind="where", ref=1))["result"] == "/below/view"
    client = await raw_client(await serve(app_with(Asking)), "/below/view?user=ann")
    assert (await ask(client, kind="who", ref=1))["result"] == ["ann", "above"]
    assert (await ask(client, kind="where", ref=1))["error"]["code"] == "internal"


async def test_a_drop_in_views_handlers_ask_for_the_request(
    serve: Serve, raw_client: Connect
) -> None:
    """And for what the application keeps."""
    kinds = KindDispatcher()

    @kinds.on("where")
    def where(request: web.Request, name: Annotated[str, use(KEY)]) -> list[str]:
        return [request.path, name]

    async def view(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse[Any] = WebSocketResponse()
        await ws.prepare(request)
        await kinds.serve(ws)
        return ws

    app = web.Application()
    app[KEY] = "here"
    app.router.add_get("/", view)
    client = await raw_client(await serve(app))
    assert (await ask(client, kind="where", ref=1))["result"] == ["/", "here"]


async def test_a_connections_value_is_cleaned_up_before_the_application_is(
    serve: Serve, raw_client: Connect
) -> None:
    """A pool that on_cleanup closes is still open."""
    app = app_with(Asking)

    async def cleaned_up(app: web.Application) -> None:
        log.append("application")

    app.on_cleanup.append(cleaned_up)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = await raw_client(runner.addresses[0][1], "/below/view?user=ann")
    first, second = [await ask(client, kind="session", ref=1) for _ in range(2)]
    assert first == second
    await runner.cleanup()
    assert log == ["begin", ("end", True), "application"]


async def test_messages_that_came_before_a_loss_still_share_the_value(
    serve: Serve, raw_client: Connect
) -> None:
    """They are handled after it, and the value ends with the last of them."""
    ended, gate = asyncio.Event(), asyncio.Event()
    sessions: list[Session] = []

    async def session() -> AsyncIterator[Session]:
        yield Session()
        ended.set()

    class Slow(WebSocketView):
        @on("some")
        async def some(self, session: Annotated[Session, use(session, reuse=True)]) -> None:
            await gate.wait()
            sessions.append(session)

        def on_message(self, msg: Any) -> None: ...

    app = web.Application()
    app.router.add_view("/", Slow)
    client = await raw_client(await serve(app))
    for _ in range(3):
        client.send_text('{"kind":"some"}')
    client.send_eof()
    await client.wait_closed()
    gate.set()
    async with asyncio.timeout(5):
        await ended.wait()
    assert len(sessions) == 3
    assert len(set(map(id, sessions))) == 1
