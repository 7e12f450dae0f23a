"""`aiows.testing.TestClient` over real sockets: sending, receiving, and the server's exceptions."""

# ruff: noqa: PT012  # a session whose end raises is a block of statements

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import WSMessage, WSMsgType, web

from aiows import (
    HUB,
    KindError,
    Payload,
    WebSocketDisconnect,
    WebSocketResponse,
    WebSocketView,
    on,
    setup,
)
from aiows.testing import Disconnected, TestClient, UnexpectedMessage, UpgradeRefused


def app_with(handler: Any, path: str = "/") -> web.Application:
    app = web.Application()
    app.router.add_route("*", path, handler)
    return app


async def echo(request: web.Request) -> web.StreamResponse:
    ws: WebSocketResponse = WebSocketResponse(protocols=("chat", "superchat"))
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
        else:
            await ws.send_bytes(message.data)
    return ws


def test_text_bytes_and_json_go_to_and_fro() -> None:
    """Each kind of message has a pair of methods."""
    with TestClient(app_with(echo)) as client, client.websocket_connect("/") as websocket:
        websocket.send_text("grüß dich")
        assert websocket.receive_text() == "grüß dich"
        websocket.send_bytes(b"\x00\xff")
        assert websocket.receive_bytes() == b"\x00\xff"
        websocket.send_json({"a": [1, None]})
        assert websocket.receive_json() == {"a": [1, None]}
        websocket.send_text("last")
        assert websocket.receive().data == "last"


def test_start_up_and_clean_up_run_once_in_the_clients_thread() -> None:
    """As an AppRunner runs them, around everything that the test does."""
    happened: list[Any] = []

    async def context(app: web.Application) -> AsyncIterator[None]:
        happened.append(("start", threading.current_thread() is threading.main_thread()))
        yield
        happened.append(("clean up", asyncio.get_running_loop() is app["loop"]))

    async def note_loop(app: web.Application) -> None:
        app["loop"] = asyncio.get_running_loop()

    app = app_with(echo)
    app.cleanup_ctx.append(context)
    app.on_startup.append(note_loop)
    app.on_shutdown.append(lambda app: note("shutdown"))

    async def note(what: str) -> None:
        happened.append(what)

    with pytest.warns(web.NotAppKeyWarning), TestClient(app):
        assert happened == [("start", False)]
    assert happened == [("start", False), "shutdown", ("clean up", True)]


def test_a_failed_start_up_is_raised_and_leaves_no_thread() -> None:
    """The same object, before the test's body."""
    error = LookupError("no database")
    before = threading.active_count()

    async def fail(app: web.Application) -> None:
        raise error

    cleaned_up: list[str] = []

    async def context(app: web.Application) -> AsyncIterator[None]:
        yield
        cleaned_up.append("what had started before")

    app = app_with(echo)
    app.cleanup_ctx.append(context)
    app.on_startup.append(fail)
    with pytest.raises(LookupError) as raised, TestClient(app):
        pass
    assert raised.value is error
    assert cleaned_up == ["what had started before"]
    assert threading.active_count() == before


def test_a_failed_clean_up_is_raised() -> None:
    """At the end of the client."""
    error = LookupError("no database")

    async def fail(app: web.Application) -> None:
        raise error

    app = app_with(echo)
    app.on_cleanup.append(fail)
    with pytest.raises(LookupError) as raised, TestClient(app):
        pass
    assert raised.value is error


async def query_of(request: web.Request) -> web.StreamResponse:
    ws: WebSocketResponse = WebSocketResponse()
    await ws.prepare(request)
    await ws.send_json([request.path, dict(request.query), request.headers.get("X-Token")])
    return ws


def test_path_query_parameters_and_headers_reach_the_server() -> None:
    """A query in the path and ``params`` add up."""
    app = app_with(query_of, "/rooms/{room}")
    with (
        TestClient(app) as client,
        client.websocket_connect(
            "/rooms/a b?x=1", params={"y": 2}, headers={"X-Token": "secret"}
        ) as websocket,
    ):
        assert websocket.receive_json() == ["/rooms/a b", {"x": "1", "y": "2"}, "secret"]


def test_a_path_begins_with_a_slash() -> None:
    """Another one is a mistake that is named."""
    with TestClient(app_with(echo)) as client, pytest.raises(ValueError, match="slash, not 'ws'"):
        client.websocket_connect("ws")


def test_the_subprotocol_is_the_one_agreed_on() -> None:
    """None if there is none."""
    with TestClient(app_with(echo)) as client:
        with client.websocket_connect("/", subprotocols=["x", "superchat"]) as websocket:
            assert websocket.subprotocol == "superchat"
        with client.websocket_connect("/") as websocket:
            assert websocket.subprotocol is None


@pytest.mark.parametrize("compress", [False, True])
def test_compression_is_offered_if_asked_for(compress: bool) -> None:
    """permessage-deflate, off by default; messages are the same."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("a" * 1000)
        await ws.send_json(bool(ws.compress))
        return ws

    with (
        TestClient(app_with(handler)) as client,
        client.websocket_connect("/", compress=compress) as websocket,
    ):
        assert websocket.receive_text() == "a" * 1000
        assert websocket.receive_json() is compress


def test_a_refused_upgrade_tells_status_headers_and_body() -> None:
    """As an exception, in place of a session."""

    async def refuse(request: web.Request) -> web.StreamResponse:
        raise web.HTTPForbidden(text='{"why": "banned"}', headers={"X-Until": "tomorrow"})

    with TestClient(app_with(refuse)) as client:
        with pytest.raises(UpgradeRefused, match=r"answered 403.*banned") as refused:
            client.websocket_connect("/")
        assert refused.value.status == 403
        assert refused.value.headers["X-Until"] == "tomorrow"
        assert refused.value.body == b'{"why": "banned"}'
        assert refused.value.json() == {"why": "banned"}


def test_a_redirect_is_a_refusal_too() -> None:
    """To a login page, for instance: it is not followed."""

    async def redirect(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/login")

    with TestClient(app_with(redirect)) as client:
        with pytest.raises(UpgradeRefused) as refused:
            client.websocket_connect("/")
        assert (refused.value.status, refused.value.headers["Location"]) == (302, "/login")


def test_receiving_after_the_servers_close_says_code_and_reason() -> None:
    """What it sent before comes first; then every receive and send raises."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str("first")
        await ws.close(code=4001, message=b"enough")
        return ws

    with TestClient(app_with(handler)) as client, client.websocket_connect("/") as websocket:
        assert websocket.receive_text() == "first"
        for receive in (websocket.receive_text, websocket.receive_bytes, websocket.receive_json):
            with pytest.raises(Disconnected, match="4001, reason 'enough'") as ended:
                receive()
            assert (ended.value.code, ended.value.reason) == (4001, "enough")
        assert (websocket.close_code, websocket.close_reason) == (4001, "enough")
        with pytest.raises(Disconnected):
            websocket.send_text("too late")
        websocket.close()
        assert websocket.close_code == 4001


def test_a_close_without_a_code_is_1005_and_an_abort_is_1006() -> None:
    """RFC 6455, section 7.1.5."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        if await ws.receive_str() == "abort":
            ws.connection.abort()
        else:
            ws.connection._protocol.transport.write(b"\x88\x00")
            await ws.receive()
        return ws

    with TestClient(app_with(handler)) as client:
        for word, code in (("abort", 1006), ("close", 1005)):
            with client.websocket_connect("/") as websocket:
                websocket.send_text(word)
                with pytest.raises(Disconnected) as ended:
                    websocket.receive()
                assert ended.value.code == websocket.close_code == code


def test_closing_sends_code_and_reason_and_waits_for_the_answer() -> None:
    """The server's hook has them; what came before can still be received."""
    closed: list[Any] = []

    class View(WebSocketView):
        def on_open(self) -> None:
            self.ws.push("hello")

        def on_close(self, code: int, reason: str) -> None:
            closed.append((code, reason))

    with TestClient(app_with(View)) as client, client.websocket_connect("/") as websocket:
        assert websocket.receive_text() == "hello"
        before = websocket.close_code
        assert before is None
        websocket.close(4000, "bye")
        assert closed == [(4000, "bye")]
        assert websocket.close_code == 4000
        with pytest.raises(Disconnected):
            websocket.receive()


def test_a_close_that_is_not_answered_is_a_timeout() -> None:
    """Which says what was waited for."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse(autoclose=False)
        await ws.prepare(request)
        await asyncio.Event().wait()
        return ws

    with TestClient(app_with(handler)) as client:
        websocket = client.websocket_connect("/", timeout=0.1)
        with pytest.raises(TimeoutError, match=r"closing /: not done after 0\.1 seconds"):
            websocket.close()


def test_disconnected_is_what_ported_tests_expect() -> None:
    """Tests written for other clients catch WebSocketDisconnect."""
    with TestClient(app_with(query_of, "/")) as client, client.websocket_connect("/") as websocket:
        websocket.receive()
        with pytest.raises(WebSocketDisconnect, match="code 1000"):
            websocket.receive()


def test_another_type_of_message_is_an_assertion_that_shows_it() -> None:
    """And so is text that is no JSON."""
    with TestClient(app_with(echo)) as client, client.websocket_connect("/") as websocket:
        websocket.send_bytes(b"abc")
        with pytest.raises(AssertionError, match="expected TEXT, received BINARY b'abc'"):
            websocket.receive_text()
        websocket.send_text("abc")
        with pytest.raises(UnexpectedMessage, match="expected BINARY, received TEXT 'abc'"):
            websocket.receive_bytes()
        websocket.send_text("{")
        with pytest.raises(UnexpectedMessage, match="expected JSON"):
            websocket.receive_json()


def test_a_wait_in_vain_is_a_timeout_that_says_for_what() -> None:
    """By the session's own limit, or by the call's."""
    with TestClient(app_with(echo)) as client:
        with client.websocket_connect("/", timeout=0.05) as websocket:
            with pytest.raises(TimeoutError, match=r"no message on / within 0\.05 seconds"):
                websocket.receive()
            websocket.send_text("still alive")
            assert websocket.receive_text(timeout=5) == "still alive"
        with (
            client.websocket_connect("/") as websocket,
            pytest.raises(TimeoutError, match=r"0\.02"),
        ):
            websocket.receive_json(timeout=0.02)


def test_a_server_that_does_not_answer_the_upgrade_is_a_timeout() -> None:
    """Which names the path; the client ends all the same."""

    async def never(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    with (
        TestClient(app_with(never)) as client,
        pytest.raises(TimeoutError, match=r"connecting to /: not done after 0\.1 seconds"),
    ):
        client.websocket_connect("/", timeout=0.1)


# kinds


class ChatSend(Payload, kind="chat.send"):
    room: str


class Chat(WebSocketView):
    @on("chat.send")
    def send(self, room: str) -> dict[str, Any]:
        self.ws.push({"kind": "chat.sent", "room": room})
        return {"room": room, "count": 1}

    @on("refuse")
    def refuse(self) -> None:
        raise KindError("forbidden", "not you", {"who": "you"})


def test_kinds_are_sent_and_received() -> None:
    """Flat messages, with a ref of the test's own."""
    with TestClient(app_with(Chat)) as client, client.websocket_connect("/") as websocket:
        websocket.send_kind("chat.send", room="a", ref="r1")
        assert websocket.receive_kind("chat.sent") == {"room": "a"}
        assert websocket.receive_kind("reply") == {"ref": "r1", "room": "a", "count": 1}
        websocket.send_kind(ChatSend(room="b"))
        assert websocket.receive_kind("chat.sent") == {"room": "b"}
        websocket.send_kind("refuse", ref=2)
        with pytest.raises(UnexpectedMessage, match=r"a message of kind 'reply'.*forbidden"):
            websocket.receive_kind("reply")


def test_asking_gives_the_replys_fields_and_keeps_other_messages() -> None:
    """In the order in which they came."""
    with TestClient(app_with(Chat)) as client, client.websocket_connect("/") as websocket:
        assert websocket.ask("chat.send", room="a") == {"room": "a", "count": 1}
        assert websocket.ask(ChatSend(room="b")) == {"room": "b", "count": 1}
        assert websocket.receive_kind("chat.sent") == {"room": "a"}
        assert websocket.receive_kind("chat.sent") == {"room": "b"}


def test_asking_raises_the_error_reply() -> None:
    """As the KindError that the server raised."""
    with TestClient(app_with(Chat)) as client, client.websocket_connect("/") as websocket:
        with pytest.raises(KindError) as refused:
            websocket.ask("refuse")
        assert (refused.value.code, refused.value.message) == ("forbidden", "not you")
        assert refused.value.details == {"who": "you"}
        with pytest.raises(KindError, match="unknown_kind"):
            websocket.ask("nothing.of.the.kind")


def test_asking_what_fails_in_the_server_raises_its_exception() -> None:
    """The same object, in place of the error reply that hides it."""
    error = LookupError("broken")

    class Failing(WebSocketView):
        @on("fail")
        def fail(self) -> None:
            raise error

    with TestClient(app_with(Failing)) as client, client.websocket_connect("/") as websocket:
        with pytest.raises(LookupError) as raised:
            websocket.ask("fail")
        assert raised.value is error


def test_asking_in_vain_is_a_timeout() -> None:
    """Messages that came meanwhile are kept."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_json([1])
        await ws.receive_json()
        await ws.receive()
        return ws

    with TestClient(app_with(handler)) as client, client.websocket_connect("/") as websocket:
        with pytest.raises(TimeoutError, match="no message"):
            websocket.ask("anything", timeout=0.2)
        assert websocket.receive_json() == [1]


# the server's exceptions


def raising_app(error: Exception, where: str) -> web.Application:
    """It says hello; then it raises ``error``, or does so where it is told to."""
    return app_with(
        raising_handler(error, where) if "handler" in where else raising_view(error, where)
    )


def raising_handler(error: Exception, where: str) -> Any:
    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        if where == "handler before the 101":
            raise error
        await ws.prepare(request)
        await ws.send_str("hello")
        if where == "handler later":
            await ws.receive()
        raise error

    return handler


def raising_view(error: Exception, where: str) -> type[WebSocketView]:
    class View(WebSocketView):
        async def authenticate(self, request: web.Request) -> None:
            if where == "authenticate":
                raise error

        def on_open(self) -> None:
            self.ws.push("hello")
            if where == "on_open":
                raise error

        async def on_message(self, msg: WSMessage) -> None:
            await asyncio.sleep(0)
            if where == "on_message":
                raise error

        async def on_close(self, code: int, reason: str) -> None:
            await asyncio.sleep(0.05)
            if where == "on_close":
                raise error

    return View


@pytest.mark.parametrize("where", ["handler", "handler later", "on_open", "on_message"])
def test_the_pending_receive_raises_what_the_server_raised(where: str) -> None:
    """The same object, after what was sent before, at once."""
    error = LookupError(where)
    begun = time.monotonic()
    with (
        TestClient(raising_app(error, where)) as client,
        client.websocket_connect("/") as websocket,
    ):
        assert websocket.receive_text() == "hello"
        if where in ("handler later", "on_message"):
            websocket.send_text("fail now")
        with pytest.raises(LookupError) as raised:
            websocket.receive_text()
        assert raised.value is error
        with pytest.raises(Disconnected) as ended:
            websocket.receive_text()
        assert ended.value.code == 1011
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("where", ["handler before the 101", "authenticate"])
def test_connecting_raises_what_the_server_raised_in_place_of_an_answer(where: str) -> None:
    """Rather than a 500 that tells nothing."""
    error = LookupError(where)
    with TestClient(raising_app(error, where)) as client:
        with pytest.raises(LookupError) as raised:
            client.websocket_connect("/")
        assert raised.value is error


@pytest.mark.parametrize("where", ["handler", "handler later", "on_open", "on_message", "on_close"])
def test_the_end_of_a_session_raises_what_no_receive_has(where: str) -> None:
    """Also what a close hook raises after the last message."""
    error = LookupError(where)
    with TestClient(raising_app(error, where)) as client:
        with pytest.raises(LookupError) as raised, client.websocket_connect("/") as websocket:
            websocket.send_text("fail now")
            websocket.receive_text()
        assert raised.value is error


def test_a_test_that_fails_because_of_the_server_shows_both() -> None:
    """The server's exception is raised, the test's own is its context."""
    error = LookupError("cause")
    with TestClient(raising_app(error, "handler")) as client:
        with pytest.raises(LookupError) as raised, client.websocket_connect("/") as websocket:
            assert websocket.receive_text() == "something else"
        assert raised.value is error
        assert isinstance(raised.value.__context__, AssertionError)


def test_sending_to_a_server_that_failed_raises_its_exception() -> None:
    """In place of an error of the socket."""
    error = LookupError("cause")
    with TestClient(raising_app(error, "handler")) as client:
        with client.websocket_connect("/") as websocket, pytest.raises(LookupError) as raised:
            while True:
                websocket.send_text("anybody?")
        assert raised.value is error


def test_each_session_raises_its_own_exceptions() -> None:
    """Also when another one is the first to ask."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        word = await ws.receive_str()
        await ws.send_str("goes on")
        raise LookupError(word)

    class View(WebSocketView):
        def on_message(self, msg: WSMessage) -> None:
            raise LookupError(msg.data)

    app = app_with(handler)
    app.router.add_view("/view", View)
    with TestClient(app) as client:
        for path in ("/", "/view"):
            with (
                pytest.raises(LookupError, match="first"),
                client.websocket_connect(path) as first,
                pytest.raises(LookupError, match="second"),
                client.websocket_connect(path) as second,
            ):
                second.send_text("second")
                first.send_text("first")


def test_what_no_session_has_caused_is_raised_at_the_end_of_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A task that the application has started and forgotten."""
    error = LookupError("background")

    async def start_what_fails(request: web.Request) -> web.StreamResponse:
        asyncio.get_running_loop().call_soon(_raise, error)
        return web.Response()

    with pytest.raises(LookupError) as raised, TestClient(app_with(start_what_fails)) as client:
        assert client.get("/").status == 200
        client.call(asyncio.sleep, 0)
    assert raised.value is error
    assert "background" in caplog.text


def _raise(error: Exception) -> None:
    raise error


def test_a_failure_in_the_background_wakes_the_pending_receive() -> None:
    """Although its connection lives on."""
    error = LookupError("background")

    class View(WebSocketView):
        def on_message(self, msg: WSMessage) -> None:
            asyncio.get_running_loop().call_soon(_raise, error)

    with TestClient(app_with(View)) as client, client.websocket_connect("/") as websocket:
        websocket.send_text("start")
        with pytest.raises(LookupError) as raised:
            websocket.receive()
        assert raised.value is error
        assert websocket.close_code is None


def test_a_client_may_be_told_to_raise_nothing_of_the_server() -> None:
    """To test what a peer sees of a failure."""
    app = raising_app(LookupError("hidden"), "handler")
    with (
        TestClient(app, raise_server_exceptions=False) as client,
        client.websocket_connect("/") as websocket,
    ):
        assert websocket.receive_text() == "hello"
        with pytest.raises(Disconnected) as ended:
            websocket.receive()
        assert ended.value.code == 1011


def test_a_server_that_sends_when_the_test_has_left_did_nothing_wrong() -> None:
    """Its ConnectionClosed is no failure of the test."""

    async def handler(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        while True:
            await ws.send_str("x" * 1000)
            await asyncio.sleep(0)

    with TestClient(app_with(handler)) as client, client.websocket_connect("/") as websocket:
        assert websocket.receive_text()


def test_servers_in_other_threads_are_not_listened_to() -> None:
    """What the test itself logs on aiows' loggers is no failure."""
    with TestClient(app_with(echo)) as client, client.websocket_connect("/"):
        logging.getLogger("aiows.connection").error("mine", exc_info=LookupError("mine"))


# several at once, and what surrounds them


def test_several_sessions_are_open_at_once() -> None:
    """And users and topics connect them."""

    class Room(WebSocketView):
        def on_open(self) -> None:
            self.ws.subscribe("room")
            self.ws.push("welcome")

        def on_message(self, msg: WSMessage) -> None:
            self.ws.publish("room", msg.data)

    app = app_with(Room)
    setup(app)
    with (
        TestClient(app) as client,
        client.websocket_connect("/") as one,
        client.websocket_connect("/") as two,
        client.websocket_connect("/") as three,
    ):
        for each in (one, two, three):
            assert each.receive_text() == "welcome"
        one.send_text("hello")
        assert two.receive_text() == three.receive_text() == "hello"
        assert client.call(app[HUB].publish, "room", "from the test") == 3
        assert one.receive_text() == "from the test"
        assert client.call(lambda: len(app[HUB].connections)) == 3


def test_the_application_and_its_loggers_are_left_as_they_were() -> None:
    """Nothing is added to it, nothing of the client remains anywhere."""
    app = app_with(echo)
    logger = logging.getLogger("aiows")
    before = list(logger.handlers)
    with TestClient(app) as client, client.websocket_connect("/"):
        assert list(app.middlewares) == []
    assert logger.handlers == before
    kept = weakref.ref(app)
    del app, client
    gc.collect()
    assert kept() is None


def test_a_session_that_is_never_left_ends_with_the_client() -> None:
    """With 1000, before the server shuts down."""
    closed: list[int] = []

    class View(WebSocketView):
        def on_close(self, code: int, reason: str) -> None:
            closed.append(code)

    with TestClient(app_with(View)) as client:
        client.websocket_connect("/")
        assert closed == []
    assert closed == [1000]


def test_plain_http_requests_reach_the_same_application() -> None:
    """With the cookies that they set, which connections bring along."""

    async def login(request: web.Request) -> web.StreamResponse:
        given = await request.json()
        response = web.json_response({"hello": given["name"]}, status=201)
        response.set_cookie("session", given["name"])
        return response

    async def who(request: web.Request) -> web.StreamResponse:
        ws: WebSocketResponse = WebSocketResponse()
        await ws.prepare(request)
        await ws.send_str(request.cookies["session"])
        return ws

    app = app_with(who)

    async def moved(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("/login")

    app.router.add_post("/login", login)
    app.router.add_get("/moved", moved)
    with TestClient(app) as client:
        response = client.post("/login", json={"name": "ada"})
        assert (response.status, response.json()) == (201, {"hello": "ada"})
        assert response.headers["Content-Type"].startswith("application/json")
        with client.websocket_connect("/") as websocket:
            assert websocket.receive_text() == "ada"
        assert client.get("/nowhere").status == 404
        answer = client.get("/moved")
        assert (answer.status, answer.headers["Location"]) == (302, "/login")
        assert client.get("/", params={"a": 1}).status == 400


def test_an_http_request_raises_what_the_server_raised() -> None:
    """In place of a 500."""
    error = LookupError("http")

    async def fail(request: web.Request) -> web.StreamResponse:
        raise error

    with TestClient(app_with(fail)) as client:
        with pytest.raises(LookupError) as raised:
            client.get("/")
        assert raised.value is error


async def test_it_works_in_an_async_test_too() -> None:
    """Its loop is another one than the test's."""
    with TestClient(app_with(echo)) as client, client.websocket_connect("/") as websocket:
        websocket.send_text("a")
        assert websocket.receive_text() == "a"


# mistakes


def test_a_client_outside_of_with_says_so() -> None:
    """Before and after."""
    client = TestClient(app_with(echo))
    with pytest.raises(RuntimeError, match="`with client:` starts it"):
        client.websocket_connect("/")


def test_an_application_runs_once() -> None:
    """A client cannot be entered again, nor made of an application that has run."""
    client = TestClient(app_with(echo))
    with client:
        pass
    with pytest.raises(RuntimeError, match="entered once"), client:
        pass
    with pytest.raises(RuntimeError, match="has been started before"):
        TestClient(client.app)


def test_calling_it_from_the_applications_own_loop_says_so() -> None:
    """It would wait for itself."""
    with (
        TestClient(app_with(echo)) as client,
        pytest.raises(RuntimeError, match="called in the event loop itself"),
    ):
        client.call(lambda: client.call(asyncio.sleep, 0))


def test_a_call_that_takes_too_long_is_cancelled() -> None:
    """And named."""
    ended = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with TestClient(app_with(echo), timeout=0.2) as client:
        with pytest.raises(TimeoutError, match=r"forever: not done after 0\.2 seconds"):
            client.call(forever)
        assert ended.wait(5)


def test_a_handler_that_blocks_the_loop_is_a_timeout() -> None:
    """Rather than a test that hangs."""
    released = threading.Event()

    class Blocking(WebSocketView):
        def on_message(self, msg: WSMessage) -> None:
            released.wait(5)

    with (
        TestClient(app_with(Blocking)) as client,
        client.websocket_connect("/", timeout=0.1) as websocket,
    ):
        websocket.send_text("block")
        with pytest.raises(TimeoutError, match="no message"):
            websocket.receive()
        with pytest.raises(TimeoutError, match="sending on /: not done"):
            websocket.send_text("anybody?")
        released.set()


def test_pytest_does_not_collect_it() -> None:
    """Although its name begins with Test."""
    assert TestClient.__test__ is False
