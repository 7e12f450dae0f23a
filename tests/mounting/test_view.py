"""`WebSocketView` over real sockets: hooks in their order, kinds, users, and nothing of HTTP kept."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
from collections.abc import Awaitable, Callable
from time import process_time
from typing import Any, ClassVar

import orjson
import pytest
from aiohttp import WSMessage, WSMsgType, web

from aiows import (
    HUB,
    HubMissing,
    KindDispatcher,
    Payload,
    RegistrationError,
    RequestReleased,
    WebSocketView,
    on,
    setup,
)
from aiows.codecs import JSON
from aiows.kinds import KindCall
from raw_client import BINARY, CLOSE, PING, RawClient, build_frame, close_payload

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


def app_with(view: type[WebSocketView], *, hub: bool = True) -> web.Application:
    app = web.Application()
    app.router.add_view("/", view)
    if hub:
        setup(app)
    return app


async def ask(client: RawClient, **fields: Any) -> Any:
    client.send_text(orjson.dumps(fields).decode())
    return orjson.loads((await client.recv_frame()).payload)


class Recorder(WebSocketView):
    """Writes down what happens."""

    log: ClassVar[list[Any]]
    closed: ClassVar[asyncio.Event]

    async def authenticate(self, request: web.Request) -> str | None:
        return request.query.get("user")

    async def on_open(self) -> None:
        self.log.append("open begins")
        await asyncio.sleep(0)
        self.log.append("open ends")

    async def on_message(self, msg: WSMessage) -> None:
        self.log.append(msg.data)
        await asyncio.sleep(0)

    def on_close(self, code: int, reason: str) -> None:
        self.log.append((code, reason))
        self.closed.set()


def recorder() -> type[Recorder]:
    """A view class with a log of its own."""
    return type("Recorded", (Recorder,), {"log": [], "closed": asyncio.Event()})


async def test_hooks_run_in_order_and_close_runs_once(serve: Serve, raw_client: Connect) -> None:
    """Nothing is seen before open has finished, nothing after close."""
    view = recorder()
    client = await raw_client(await serve(app_with(view)), handshake=False)
    client.send_request("localhost", "/", [])
    client.send_raw(
        build_frame(1, "a") + build_frame(2, b"b") + build_frame(CLOSE, close_payload(4000, "bye"))
    )
    await client.recv_response()
    async with asyncio.timeout(5):
        await view.closed.wait()
    assert view.log == ["open begins", "open ends", "a", b"b", (4000, "bye")]
    assert (await client.recv_frame()).close_code == 4000
    await client.wait_closed()
    assert len(view.log) == 5


async def test_an_abort_is_a_close_with_1006(serve: Serve, raw_client: Connect) -> None:
    """Once, as every end."""
    view = recorder()
    client = await raw_client(await serve(app_with(view)))
    client.send_text("a")
    client.send_frame(PING)
    await client.recv_frame()
    client.abort()
    async with asyncio.timeout(5):
        await view.closed.wait()
    assert view.log[-2:] == ["a", (1006, "")]


async def test_a_hook_that_raises_closes_with_1011(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which hook and connection; the close hook still runs."""

    class Broken(Recorder):
        log: ClassVar[list[Any]] = []
        closed: ClassVar[asyncio.Event] = asyncio.Event()

        async def on_message(self, msg: WSMessage) -> None:
            raise LookupError("broken")

    client = await raw_client(await serve(app_with(Broken)))
    client.send_text("a")
    assert (await client.recv_frame()).close_code == 1011
    assert "LookupError: broken" in caplog.text
    assert "the hook Broken.on_message failed on <Connection" in caplog.text
    assert Broken.log[-1] == (1011, "")


async def test_closing_runs_the_close_hook_before_it_returns(
    serve: Serve, raw_client: Connect
) -> None:
    """Also an async one: it has made its first step."""
    order: list[str] = []

    class Closing(WebSocketView):
        async def on_message(self, msg: WSMessage) -> None:
            self.ws.close(4001, "enough")
            order.append("after close")

        async def on_close(self, code: int, reason: str) -> None:
            order.append(f"on_close {code} {reason}")
            await asyncio.sleep(0)

    client = await raw_client(await serve(app_with(Closing)))
    client.send_text("a")
    frame = await client.recv_frame()
    assert (frame.close_code, frame.close_reason) == (4001, "enough")
    assert order == ["on_close 4001 enough", "after close"]


class Stalled(WebSocketView):
    """A view whose peer is behind; it writes down what found no room."""

    max_backpressure = 64 * 1024
    compress = False
    views: ClassVar[list[Any]]

    def on_open(self) -> None:
        self.ws.subscribe("news")
        self.dropped: list[tuple[str | bytes, WSMsgType]] = []
        self.views.append(self)

    def on_dropped(self, message: str | bytes, opcode: WSMsgType) -> Any:
        self.dropped.append((message, opcode))


SendTo = Callable[[web.Application, Any, Any], Awaitable[object]]


async def by_publish(app: web.Application, view: Any, message: Any) -> None:
    await app[HUB].publish("news", message)


async def by_broadcast(app: web.Application, view: Any, message: Any) -> None:
    await app[HUB].broadcast(message)


async def by_push(app: web.Application, view: Any, message: Any) -> None:
    view.ws.push(message)


async def by_publish_of_another(app: web.Application, view: Any, message: Any) -> None:
    view.ws.publish("news", message, include_self=True)


@pytest.mark.parametrize("send", [by_publish, by_broadcast, by_push, by_publish_of_another])
async def test_a_view_learns_of_each_message_that_found_no_room(
    send: SendTo, serve: Serve, raw_client: Connect
) -> None:
    """However it was sent: what arrives and what it is told of are together all that there was."""
    view: type[Stalled] = type("Reader", (Stalled,), {"views": []})
    app = app_with(view)
    client = await raw_client(await serve(app), receive_buffer=4096)
    (reader,) = view.views
    messages = [f"{number} {'é' * 8000}" for number in range(600)]
    for message in messages:
        await send(app, reader, message)
    assert {opcode for _, opcode in reader.dropped} == {WSMsgType.TEXT}
    dropped = {message for message, _ in reader.dropped}
    assert 0 < len(dropped) == len(reader.dropped) < 600
    arrived = [(await client.recv_frame()).text for _ in range(600 - len(dropped))]
    assert arrived == [message for message in messages if message not in dropped]


async def test_what_found_no_room_is_given_as_the_peer_would_have_got_it(
    serve: Serve, raw_client: Connect
) -> None:
    """Bytes as bytes, an object in the connection's codec."""
    view: type[Stalled] = type("Reader", (Stalled,), {"views": []})
    await raw_client(await serve(app_with(view)), receive_buffer=4096)
    (reader,) = view.views
    while reader.ws.push(bytes(16 * 1024)):
        pass
    reader.ws.push({"kind": "note", "text": "x" * 16 * 1024})
    assert reader.dropped == [
        (bytes(16 * 1024), WSMsgType.BINARY),
        (orjson.dumps({"kind": "note", "text": "x" * 16 * 1024}).decode(), WSMsgType.TEXT),
    ]


async def test_on_dropped_may_be_async_and_is_not_told_of_what_it_drops_itself(
    serve: Serve, raw_client: Connect
) -> None:
    """Or a view that sends again what was dropped would never end."""

    class Stubborn(Stalled):
        views: ClassVar[list[Any]] = []

        async def on_dropped(self, message: str | bytes, opcode: WSMsgType) -> None:
            self.dropped.append((message, opcode))
            assert not self.ws.push(message)

    await raw_client(await serve(app_with(Stubborn)), receive_buffer=4096)
    (reader,) = Stubborn.views
    while reader.ws.push(bytes(16 * 1024)):
        pass
    assert len(reader.dropped) == 1


async def test_on_dropped_may_close_a_connection_that_may_not_miss_anything(
    serve: Serve, raw_client: Connect
) -> None:
    """The peer learns why, and comes back from where it was."""

    class Ledger(Stalled):
        views: ClassVar[list[Any]] = []

        def on_dropped(self, message: str | bytes, opcode: WSMsgType) -> None:
            self.ws.close(1013, "too slow")

    app = app_with(Ledger)
    client = await raw_client(await serve(app), receive_buffer=4096)
    (ledger,) = Ledger.views
    while not ledger.ws.closed:
        await app[HUB].publish("news", bytes(16 * 1024))
    while (frame := await client.recv_frame()).opcode != CLOSE:
        pass
    assert (frame.close_code, frame.close_reason) == (1013, "too slow")


async def test_a_refusal_in_authenticate_is_an_ordinary_http_answer(
    serve: Serve, raw_client: Connect
) -> None:
    """No 101, no open, no close."""

    class Refusing(Recorder):
        log: ClassVar[list[Any]] = []

        async def authenticate(self, request: web.Request) -> str | None:
            raise web.HTTPForbidden(text="no")

    client = await raw_client(await serve(app_with(Refusing)))
    assert client.status == 403
    assert Refusing.log == []


async def test_a_plain_get_answers_426(serve: Serve, raw_client: Connect) -> None:
    """It says what the route is for."""
    client = await raw_client(
        await serve(app_with(WebSocketView)), headers={"Upgrade": "", "Connection": "close"}
    )
    assert client.status == 426
    assert client.headers["upgrade"] == "websocket"


async def test_another_sites_page_is_refused(serve: Serve, raw_client: Connect) -> None:
    """A view has the same-origin check on; the page's own site passes."""
    port = await serve(app_with(WebSocketView))
    foreign = await raw_client(port, headers={"Origin": "http://evil.example"})
    assert foreign.status == 403
    own = await raw_client(port, headers={"Origin": f"http://127.0.0.1:{port}"})
    assert own.status == 101


class Send(Payload, kind="send"):
    text: str


class Rooms(WebSocketView):
    async def authenticate(self, request: web.Request) -> str | None:
        return request.query.get("user")

    def on_open(self) -> None:
        self.ws.subscribe("general")

    @on(Send)
    async def send(self, msg: Send) -> dict[str, Any]:
        await self.hub.publish("general", {"kind": "said", "by": self.user_id, "text": msg.text})
        return {"ok": True}

    @on("add")
    def add(self, a: int, b: int = 1) -> int:
        return a + b


class LoudRooms(Rooms):
    def add(self, a: int, b: int = 1) -> int:
        return 100 * (a + b)


async def test_kind_methods_answer_and_reach_the_hub(serve: Serve, raw_client: Connect) -> None:
    """A payload type, fields as parameters, a reply, a publish to the other one."""
    port = await serve(app_with(Rooms))
    alice = await raw_client(port, "/?user=alice")
    bob = await raw_client(port, "/?user=bob")
    assert await ask(bob, kind="add", a=2, ref=1) == {"kind": "reply", "ref": 1, "result": 3}
    alice.send_text('{"kind": "send", "text": "hi"}')
    said = {"kind": "said", "by": "alice", "text": "hi"}
    assert orjson.loads((await bob.recv_frame()).payload) == said


async def test_a_subclass_inherits_kinds_and_may_override_the_method(
    serve: Serve, raw_client: Connect
) -> None:
    """As methods do."""
    client = await raw_client(await serve(app_with(LoudRooms)))
    assert (await ask(client, kind="add", a=1, ref=1))["result"] == 200


class Forgiving(Rooms):
    payload_key = "payload"

    def on_unknown_kind(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {"unknown": kind, "fields": fields}


async def test_a_view_may_have_a_fallback_and_the_nested_form(
    serve: Serve, raw_client: Connect
) -> None:
    """Its class says so."""
    client = await raw_client(await serve(app_with(Forgiving)))
    assert await ask(client, kind="add", payload={"a": 1}, ref=1) == {
        "kind": "reply",
        "ref": 1,
        "payload": {"result": 2},
    }
    answer = await ask(client, kind="nope", payload={"a": 1}, ref=2)
    assert answer["payload"] == {"unknown": "nope", "fields": {"a": 1}}


def _is_a_friend(_: web.BaseRequest, origin: str) -> bool:
    return origin == "https://friend.example"


async def test_origins_may_be_a_function(serve: Serve, raw_client: Connect) -> None:
    """It gets the request and the origin, and is no method."""

    class Choosy(WebSocketView):
        origins = staticmethod(_is_a_friend)

    port = await serve(app_with(Choosy))
    friend = await raw_client(port, headers={"Origin": "https://friend.example"})
    assert friend.status == 101
    other = await raw_client(port, headers={"Origin": "https://other.example"})
    assert other.status == 403


async def test_an_unknown_kind_gets_an_error_reply_and_binary_reaches_on_message(
    serve: Serve, raw_client: Connect
) -> None:
    """What kinds did not take is the view's."""
    seen: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    class Both(Rooms):
        def on_message(self, msg: WSMessage) -> None:
            if msg.type is WSMsgType.BINARY:
                seen.set_result(msg.data)

    client = await raw_client(await serve(app_with(Both)))
    assert (await ask(client, kind="nope"))["error"]["code"] == "unknown_kind"
    client.send_frame(BINARY, b"\x01")
    async with asyncio.timeout(5):
        assert await seen == b"\x01"


async def test_a_message_of_the_wrong_type_is_answered(serve: Serve, raw_client: Connect) -> None:
    """Whoever sent it with a ref would wait for ever."""
    client = await raw_client(await serve(app_with(Rooms)))
    client.send_frame(BINARY, b'{"kind": "add", "a": 1, "ref": 1}')
    assert b"not_text" in (await client.recv_frame()).payload
    assert (await ask(client, kind="nope"))["error"]["code"] == "unknown_kind"


async def test_the_hub_reaches_every_device_of_a_user(serve: Serve, raw_client: Connect) -> None:
    """And the registry is exact when one leaves."""
    app = app_with(Rooms)
    port = await serve(app)
    phone, laptop = [await raw_client(port, "/?user=alice") for _ in range(2)]
    assert await ask(phone, kind="add", a=1, ref=1)
    assert await ask(laptop, kind="add", a=1, ref=1)
    assert await app[HUB].send("alice", {"kind": "note"}) == 2
    assert (await phone.recv_frame()).text == (await laptop.recv_frame()).text == '{"kind":"note"}'
    phone.send_close(1000)
    await phone.wait_closed()
    assert len(app[HUB].registry.connections("alice")) == 1


async def test_the_request_is_readable_until_on_open_has_returned(
    serve: Serve, raw_client: Connect
) -> None:
    """Afterwards it raises and says what to do; keep_request keeps it."""

    class Released(WebSocketView):
        def on_open(self) -> None:
            assert self.request.path == "/"

        @on("path")
        def path(self) -> str:
            with pytest.raises(RequestReleased, match="keep_request"):
                self.request  # noqa: B018
            return "released"

    class Kept(WebSocketView):
        keep_request = True

        @on("path")
        def path(self) -> str:
            return self.request.path

    for view, path in ((Released, "released"), (Kept, "/")):
        client = await raw_client(await serve(app_with(view)))
        assert (await ask(client, kind="path", ref=1))["result"] == path


async def test_nothing_of_http_stays_while_a_view_is_idle(
    serve: Serve, raw_client: Connect
) -> None:
    """No task, no request, no HTTP protocol object."""
    port = await serve(app_with(Rooms))
    tasks_before, held_before = asyncio.all_tasks(), _held_of_http()
    client = await raw_client(port)
    assert await ask(client, kind="add", a=1, ref=1)
    async with asyncio.timeout(5):  # aiohttp's own task ends some turns of the loop later
        while not _held_of_http() <= held_before:
            await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks_before


def _held_of_http() -> set[int]:
    gc.collect()
    http = {"RequestHandler", "Request", "SwitchingProtocols"}
    return {id(each) for each in gc.get_objects() if type(each).__name__ in http}


async def test_without_setup_everything_works_but_the_hub(
    serve: Serve, raw_client: Connect
) -> None:
    """And the error names what is missing."""

    class Lonely(WebSocketView):
        @on("topic")
        def topic(self) -> str:
            with pytest.raises(HubMissing, match=r"setup\(app\)"):
                self.ws.subscribe("x")
            with pytest.raises(HubMissing, match=r"setup\(app\)"):
                self.hub  # noqa: B018
            return "works"

    client = await raw_client(await serve(app_with(Lonely, hub=False)))
    assert (await ask(client, kind="topic", ref=1))["result"] == "works"


@pytest.mark.parametrize("name", ["ws", "user_id", "hub"])
async def test_authenticate_is_told_that_there_is_no_connection_yet(
    name: str, serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """And what to do instead of ``self.ws.close(4401)``: the log says it, and nobody gets in."""

    class Early(WebSocketView):
        async def authenticate(self, request: web.Request) -> str | None:
            assert not hasattr(self, "ws")
            return str(getattr(self, name))

    client = await raw_client(await serve(app_with(Early)), handshake=False)
    client.send_request("127.0.0.1", "/", ())
    await client.recv_response()
    assert client.status == 500
    told = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert len(told) == 1
    assert "ws in " in told[0]
    assert "Early.authenticate is not there: there is a connection from on_open on" in told[0]
    assert "raises a response such as web.HTTPUnauthorized()" in told[0]


async def test_another_missing_name_in_authenticate_stays_as_it_is(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no matter of the connection."""

    class Wrong(WebSocketView):
        async def authenticate(self, request: web.Request) -> str | None:
            return str(request.ws)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]

    client = await raw_client(await serve(app_with(Wrong)), handshake=False)
    client.send_request("127.0.0.1", "/", ())
    await client.recv_response()
    assert client.status == 500
    (told,) = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert type(told) is AttributeError


async def test_it_works_in_a_sub_application(serve: Serve, raw_client: Connect) -> None:
    """With the hub of the application around it."""
    sub = web.Application()
    sub.router.add_view("/ws", Rooms)
    app = web.Application()
    setup(app)
    app.add_subapp("/sub", sub)
    port = await serve(app)
    client = await raw_client(port, "/sub/ws?user=alice")
    assert await ask(client, kind="add", a=1, ref=1)
    assert "alice" in app[HUB].registry


async def test_a_silent_peer_is_given_up_after_the_idle_timeout(
    serve: Serve, raw_client: Connect
) -> None:
    """With a ping before it."""
    view = recorder()
    view.idle_timeout = 0.06
    client = await raw_client(await serve(app_with(view)))
    assert (await client.recv_frame()).opcode == PING
    async with asyncio.timeout(5):
        await view.closed.wait()
    assert view.log[-1] == (1006, "")


def guard(call: KindCall) -> None: ...


@pytest.mark.parametrize(
    ("attribute", "given", "expected"),
    [
        ("max_msg_size", "4 MiB", "a number of bytes, or 0 for no limit"),
        ("max_backpressure", 0, "a positive number of bytes"),
        ("idle_timeout", None, "a number of seconds, or 0 for none"),
        ("protocols", "chat", "a collection of names"),
        ("codecs", JSON, "a sequence of codecs"),
        ("codecs", [None], "a sequence of codecs"),
        ("compress", "yes", "a member of Compression, or a bool"),
        ("compress_threshold", -1, "a number of bytes, or None for the mode's own"),
        ("origins", [80], "'same', '*', a collection of origins, or a function"),
        ("keep_request", None, "a bool"),
        ("payload_key", 5, "a key, or None"),
        ("max_bad_messages", None, "a number of messages, or 0 for no limit"),
        ("in_flight", "many", "a number of handlers"),
        ("kind_timeout", 0, "more than 0 seconds, or None"),
        ("guards", guard, "a sequence of guards"),
        ("guards", None, "a sequence of guards"),
        ("middleware", [5], "a sequence of middleware"),
        ("dependencies", guard, "a sequence of factories, or use() of them"),
        ("routers", KindDispatcher(), "a sequence of KindDispatcher objects, or pairs"),
        ("routers", [object()], "a sequence of KindDispatcher objects, or pairs"),
        ("routers", ("chat.", KindDispatcher()), "a sequence of KindDispatcher objects, or pairs"),
        ("sends", Send, "a sequence of Payload types"),
    ],
)
def test_an_attribute_of_the_wrong_shape_is_told(attribute: str, given: Any, expected: str) -> None:
    """When the class is made, with its name, the attribute's, and what that should be."""
    problem = f"Wrong.{attribute} is {expected}"
    with pytest.raises(RegistrationError, match=f"^{re.escape(problem)}.*, not "):
        type("Wrong", (WebSocketView,), {attribute: given})


def test_what_a_base_beside_the_view_says_is_checked_too() -> None:
    """The error names the class that says it."""

    class Routed:
        routers: ClassVar[Any] = KindDispatcher()

    with pytest.raises(RegistrationError, match=r"Routed\.routers is a sequence"):

        class Both(Routed, WebSocketView):
            routers = ()


def test_what_is_not_used_or_not_known_yet_is_not_looked_at() -> None:
    """A base's value that a class replaces, and what each view says by itself."""

    class Base:
        idle_timeout: Any = None

    class View(Base, WebSocketView):
        idle_timeout = 30.0  # type: ignore[misc]

        @property
        def max_msg_size(self) -> int:  # type: ignore[override]
            return 1000

    assert View.idle_timeout == 30


@pytest.mark.parametrize(
    ("attribute", "given", "problem"),
    [
        ("payload_key", "ref", "payload_key cannot be 'ref'"),
        ("in_flight", 0, "in_flight is 1 or more"),
        ("codecs", (), "codecs= takes at least one codec"),
    ],
)
def test_what_no_dispatcher_takes_is_told_with_the_view(
    attribute: str, given: Any, problem: str
) -> None:
    """In the dispatcher's words."""
    with pytest.raises(RegistrationError, match=f"^Wrong: {problem}"):
        type("Wrong", (WebSocketView,), {attribute: given})


async def test_drain_is_told_after_backpressure(serve: Serve, raw_client: Connect) -> None:
    """Coalesced, never lost."""
    drained: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Slow(WebSocketView):
        def on_open(self) -> None:
            while self.ws.send(bytes(16 * 1024)).value == "success":
                pass

        def on_drain(self) -> None:
            if not drained.done():
                drained.set_result(self.ws.buffered_amount)

    client = await raw_client(await serve(app_with(Slow)), receive_buffer=4096)
    while not drained.done():
        await client.recv_frame()
    assert drained.result() <= 64 * 1024


async def test_the_access_log_has_the_upgrade_when_on_open_has_returned(
    serve: Serve, raw_client: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Middlewares and the log see the 101; the connection goes on."""
    caplog.set_level(logging.INFO, "aiohttp.access")
    client = await raw_client(await serve(app_with(Rooms)))
    assert await ask(client, kind="add", a=1, ref=1)
    assert any('"GET / HTTP/1.1" 101' in line for line in caplog.messages)


async def test_hooks_at_work_finish_before_the_application_cleans_up() -> None:
    """A close hook that writes to a database still finds it open; one that hangs is cancelled."""
    log: list[str] = []
    go_on = asyncio.Event()

    class Slow(WebSocketView):
        async def on_close(self, code: int, reason: str) -> None:
            try:
                await (go_on.wait() if self.user_id is None else asyncio.Event().wait())
                log.append("hook finished")
            except asyncio.CancelledError:
                log.append("hook cancelled")
                raise

        async def authenticate(self, request: web.Request) -> str | None:
            return request.query.get("user")

    async def clean_up(_: web.Application) -> None:
        log.append("clean-up")

    app = app_with(Slow)
    app.on_shutdown.append(_set(go_on))
    app.on_cleanup.append(clean_up)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    clients = [await RawClient.connect(port, path) for path in ("/", "/?user=hanging")]
    await runner.cleanup()
    assert sorted(log[:2]) == ["hook cancelled", "hook finished"]
    assert log[2] == "clean-up"
    for client in clients:
        client.close()


def _set(event: asyncio.Event) -> Callable[[web.Application], Awaitable[None]]:
    async def set_event(_: web.Application) -> None:
        event.set()

    return set_event


async def test_a_thousand_idle_connections_end_within_a_second() -> None:
    """1001 for each, at once."""
    app = app_with(Rooms)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
    port = runner.addresses[0][1]
    clients: list[RawClient] = []
    for _ in range(10):
        clients += await asyncio.gather(*(RawClient.connect(port) for _ in range(100)))
    begin = process_time()
    await runner.cleanup()
    took = process_time() - begin
    frames = [await client.recv_frame() for client in clients]
    assert {frame.close_code for frame in frames} == {1001}
    for client in clients:
        client.close()
    assert took < 1, "a second of work; how busy the machine is with others does not count"
