"""`on` in a view: marked methods become handlers when the class is made, those of its bases included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, TypedDict

import orjson
import pytest
from aiohttp import WSMessage, web

from aiows import KindDispatcher, KindError, Payload, RegistrationError, WebSocketView, on
from aiows.kinds import Guard, KindCall, Middleware, Next, authenticated
from raw_client import RawClient

Serve = Callable[..., Awaitable[int]]
Connect = Callable[..., Awaitable[RawClient]]


class Said(Payload, kind="said"):
    text: str


class Note(TypedDict):
    text: str


class Echo(WebSocketView):
    sends = (Said,)

    @on("echo")
    def echo(self, text: str) -> str:
        return text

    @on("left")
    @on("right")
    def turn(self, kind_of: str = "turn") -> str:
        return kind_of


def kinds_of(view: type[WebSocketView]) -> list[str]:
    assert view.kinds is not None
    return [each.kind for each in view.kinds.contracts()]


@pytest.fixture
def ask(serve: Serve, raw_client: Connect) -> Callable[..., Awaitable[Any]]:
    """Connect to a view and return the answer to one message."""

    async def ask(view: type[WebSocketView], query: str = "", **message: Any) -> Any:
        app = web.Application()
        app.router.add_view("/", view)
        client = await raw_client(await serve(app), f"/{query}")
        client.send_text(orjson.dumps({"ref": 1, **message}).decode())
        return orjson.loads((await client.recv_frame()).payload)

    return ask


Ask = Callable[..., Awaitable[Any]]


async def test_a_method_may_be_marked_for_several_kinds(ask: Ask) -> None:
    """In the order in which they are read."""
    assert kinds_of(Echo) == ["echo", "left", "right", "said"]
    assert (await ask(Echo, kind="right"))["result"] == "turn"


def test_a_kind_twice_is_told_with_both_methods() -> None:
    """In one class, or where a subclass gives a kind of its base to another method."""
    line = Echo.echo.__code__.co_firstlineno
    known = rf"'echo' has a handler already: Echo\.echo \({__file__}:{line}\)"
    with pytest.raises(RegistrationError, match=rf"Twice\.again .*: the kind {known}"):

        class Twice(Echo):
            @on("echo")
            def again(self) -> None: ...


def test_on_has_to_be_told_the_kind() -> None:
    """Without parentheses it would take the method away in silence."""

    def ping() -> None: ...

    decorators: tuple[Any, ...] = (on, KindDispatcher().on)
    for decorate in decorators:
        with pytest.raises(
            RegistrationError, match=r'ping .* on\(\) needs a kind: @on\("chat.send"\)'
        ):
            decorate(ping)


async def test_a_method_that_is_marked_anew_has_its_new_kinds(ask: Ask) -> None:
    """The one that it takes the place of is gone, with its kinds."""

    class Louder(Echo):
        @on("shout")
        def echo(self, text: str) -> str:
            return text.upper()

    assert kinds_of(Louder) == ["shout", "left", "right", "said"]
    assert (await ask(Louder, kind="shout", text="hi"))["result"] == "HI"


def test_none_takes_a_kind_away() -> None:
    """As it takes away a method."""

    class Quiet(Echo):
        echo: ClassVar[Any] = None

    assert kinds_of(Quiet) == ["left", "right", "said"]


async def test_the_options_of_a_kind_are_those_of_a_dispatcher(ask: Ask) -> None:
    """Guards, a payload, errors for the contract."""

    class Careful(WebSocketView):
        async def authenticate(self, request: web.Request) -> str | None:
            return request.query.get("user")

        @on("note", payload=Note, guards=[authenticated], errors=["late"])
        def note(self, note: Note) -> str:
            return f"{self.user_id}: {note['text']}"

    assert (await ask(Careful, kind="note", text="hi"))["error"]["code"] == "unauthenticated"
    assert (await ask(Careful, "?user=ann", kind="note", text="hi"))["result"] == "ann: hi"
    with pytest.raises(RegistrationError, match=r"method .*: unknown options of a kind: colour"):

        class Wrong(WebSocketView):
            @on("some", colour="red")  # type: ignore[call-arg]
            def method(self) -> None: ...


async def test_guards_and_middleware_of_a_view_are_around_everything(ask: Ask) -> None:
    """They see the view; a subclass has them until it has others."""

    def friendly(call: KindCall) -> None:
        if call.instance.match_info.route.resource is None or call.payload.text != "hi":
            raise KindError("unfriendly", "Say hi.")

    async def twice(call: KindCall, next: Next) -> Any:
        return 2 * await next(call)

    class Guarded(Echo):
        guards: ClassVar[Sequence[Guard]] = (friendly,)
        middleware: ClassVar[Sequence[Middleware]] = (twice,)

    class Inheriting(Guarded):
        pass

    class Open(Guarded):
        guards = ()

    assert (await ask(Inheriting, kind="echo", text="ho"))["error"]["code"] == "unfriendly"
    assert (await ask(Inheriting, kind="echo", text="hi"))["result"] == "hihi"
    assert (await ask(Open, kind="echo", text="ho"))["result"] == "hoho"


async def test_a_view_has_the_kinds_of_its_routers(ask: Ask) -> None:
    """With a prefix or without; its subclasses too, and what is registered later."""
    plain, admin = KindDispatcher(), KindDispatcher()

    class Both(WebSocketView):
        routers: ClassVar[Sequence[Any]] = (plain, ("admin.", admin))

    class Subclass(Both):
        routers = (("more.", plain),)

    plain.on("echo")(lambda text: text)
    admin.on("who", method=True)(lambda self: type(self).__name__)
    assert (await ask(Both, kind="echo", text="hi"))["result"] == "hi"
    assert (await ask(Both, kind="admin.who"))["result"] == "Both"
    assert (await ask(Subclass, kind="admin.who"))["result"] == "Subclass"
    assert kinds_of(Subclass) == ["echo", "admin.who", "more.echo"]


async def test_a_fallback_alone_handles_all_kinds(ask: Ask) -> None:
    """A view needs no other kind for it."""

    class Patient(WebSocketView):
        def on_unknown_kind(self, kind: str) -> str:
            return kind

    assert (await ask(Patient, kind="whatever"))["result"] == "whatever"


async def test_a_view_that_only_sends_kinds_gets_every_message(ask: Ask) -> None:
    """What it sends is in the contract, and on_message sees TEXT."""

    class Ticker(WebSocketView):
        sends = (Said,)

        def on_message(self, msg: WSMessage) -> None:
            self.ws.push({"got": msg.data})

    assert kinds_of(Ticker) == ["said"]
    assert await ask(Ticker, kind="some") == {"got": '{"ref":1,"kind":"some"}'}
    assert WebSocketView.kinds is None


def test_two_handlers_of_one_name_in_a_class_are_an_error() -> None:
    """The first would be gone without a word."""
    with pytest.raises(RegistrationError, match=r"Chat\.say .*already, which would be lost"):

        class Chat(WebSocketView):
            @on("a")
            def say(self) -> None: ...  # pyright: ignore[reportRedeclaration]

            @on("b")  # type: ignore[no-redef]
            def say(self) -> None: ...  # noqa: F811


def test_one_handler_may_have_several_kinds_and_be_replaced_in_a_subclass() -> None:
    """Neither is a second one of its name."""

    class Chat(WebSocketView):
        @on("a")
        @on("b")
        def say(self) -> None: ...

    class Louder(Chat):
        @on("c")
        def say(self) -> None: ...

    assert Louder.kinds is not None
    assert [each.kind for each in Louder.kinds.contracts()] == ["c"]
