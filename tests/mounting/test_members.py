"""What a view's class has that is nearly ours, or cannot be called, is told when the class is made."""

from __future__ import annotations

from typing import Any

import pytest

from aiows import KindDispatcher, Payload, RegistrationError, WebSocketView, on
from aiows.kinds import role


def function(source: str) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)
    return next(value for name, value in names.items() if name != "__builtins__")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("idle_timout", "idle_timeout"),
        ("idletimeout", "idle_timeout"),
        ("max_message_size", "max_msg_size"),
        ("max_payload_length", "max_msg_size"),
        ("compression", "compress"),
        ("compression_threshold", "compress_threshold"),
        ("heartbeat", "idle_timeout"),
        ("receive_timeout", "idle_timeout"),
        ("timeout", "kind_timeout"),
        ("writer_limit", "max_backpressure"),
        ("origin", "origins"),
        ("codec", "codecs"),
        ("router", "routers"),
        ("order", None),
        ("pong", None),
        ("max_msg_sise", "max_msg_size"),
        ("protocol", "protocols"),
        ("ends", None),
        ("topic", None),
        ("users", None),
        ("kind", None),
    ],
)
def test_an_option_that_is_nearly_ours_is_an_error(name: str, meant: str | None) -> None:
    """It would be ignored."""
    if meant is None:
        type("Chat", (WebSocketView,), {name: "a"})
        return
    with pytest.raises(RegistrationError) as refused:
        type("Chat", (WebSocketView,), {name: "a"})
    assert str(refused.value) == f"Chat.{name} is never used; did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("onopen", "on_open"),
        ("onMessage", "on_message"),
        ("on_connect", "on_open"),
        ("on_disconnect", "on_close"),
        ("on_recieve", None),
        ("on_receive", "on_message"),
        ("on_mesage", "on_message"),
        ("on_closed", "on_close"),
        ("autenticate", "authenticate"),
        ("on_login", None),
        ("on_opn", "on_open"),
        ("on_ope", "on_open"),
        ("on_opne", "on_open"),
        ("on_opened", "on_open"),
        ("on_clos", "on_close"),
        ("on_colse", "on_close"),
        ("on_drrain", "on_drain"),
        ("on_drop", "on_dropped"),
        ("may_subscibe", "may_subscribe"),
        ("may_subscribes", "may_subscribe"),
        ("can_subscribe", "may_subscribe"),
        ("on_unknown_kinds", "on_unknown_kind"),
        ("on_unknow_kind", "on_unknown_kind"),
        ("on_unknown", "on_unknown_kind"),
        ("auth", "authenticate"),
        ("on_order", None),
        ("on_lose", None),
        ("on_drawn", None),
        ("on_pen", None),
        ("on_closing_time", None),
        ("may_edit", None),
        ("may_publish", None),
        ("send", None),
        ("close", None),
        ("guard", None),
    ],
)
def test_a_hook_that_is_nearly_ours_is_an_error(name: str, meant: str | None) -> None:
    """It would never be called."""
    hook = function(f"def {name}(self, *args): ...")
    if meant is None:
        type("Chat", (WebSocketView,), {name: hook})
        return
    with pytest.raises(RegistrationError, match=f"did you mean '{meant}'"):
        type("Chat", (WebSocketView,), {name: hook})


def test_an_option_of_aiohttps_class_alone_is_an_error() -> None:
    """A view has nothing like it."""
    with pytest.raises(
        RegistrationError, match=r"Chat\.autoping is never used: it is an option of"
    ):
        type("Chat", (WebSocketView,), {"autoping": False})


def test_who_has_the_right_one_too_may_have_the_other() -> None:
    """It is the application's own, then."""

    class Chat(WebSocketView):
        router = KindDispatcher()
        routers = (router,)

        def on_open(self) -> None:
            self.on_connect()

        def on_connect(self) -> None: ...

        @on("connect")
        def on_disconnect(self) -> None: ...

    assert Chat.kinds is not None


@pytest.mark.parametrize(
    "source",
    [
        "def on_open(): ...",
        "def on_message(self): ...",
        "def on_message(msg): ...",
        "async def on_close(self, code): ...",
        "def on_close(self, code, reason, why): ...",
        "def authenticate(self): ...",
        "def on_drain(self, ws): ...",
        "def may_subscribe(self): ...",
        "def may_subscribe(self, ws, topic): ...",
        "def __init__(self): ...",
    ],
)
def test_a_hook_that_cannot_be_called_is_an_error(source: str) -> None:
    """With what it is called with."""
    hook = function(source)
    with pytest.raises(RegistrationError, match=rf"{hook.__name__} is called with \(self"):
        type("Chat", (WebSocketView,), {hook.__name__: hook})


@pytest.mark.parametrize(
    "source",
    [
        "def __init__(self, request, *, room=''): ...",
        "def on_message(self, *args): ...",
        "async def on_close(self, *_): ...",
        "def on_close(view, code, why=''): ...",
    ],
)
def test_hooks_that_can_be_called_are_none(source: str) -> None:
    """However they are written."""
    hook = function(source)
    type("Chat", (WebSocketView,), {hook.__name__: hook})
    type("Chat", (WebSocketView,), {"on_open": staticmethod(lambda: None)})


class Say(Payload, kind="say"):
    text: str


@pytest.mark.parametrize(
    "source",
    ["def say(): ...", "def say(ws): ...", "def say(payload: Say): ..."],
)
def test_a_handler_without_self_is_an_error(source: str) -> None:
    """It would get the view in the place of its first parameter."""
    names: dict[str, Any] = {"Say": Say}
    exec(source, names)
    with pytest.raises(RegistrationError, match="has self as its first parameter"):
        type("Chat", (WebSocketView,), {"say": on("say")(names["say"])})


@pytest.mark.parametrize(
    "source",
    ["def on_drop(self): ...", "def auth(self): ...", "def can_subscribe(self, user, topic): ..."],
)
def test_a_name_that_may_be_the_applications_own_is_none(source: str) -> None:
    """It cannot be called as the hook is, so it is not meant for one."""
    hook = function(source)
    type("Chat", (WebSocketView,), {hook.__name__: hook})


@pytest.mark.parametrize(
    "source",
    [
        "def on_open(self): yield",
        "async def on_open(self): yield",
        "def on_message(self, msg): yield",
    ],
)
def test_a_hook_with_a_yield_is_an_error(source: str) -> None:
    """Nothing of it would ever run."""
    hook = function(source)
    with pytest.raises(RegistrationError, match="with a yield in it, it would never run"):
        type("Chat", (WebSocketView,), {hook.__name__: hook})


def test_a_hook_is_a_method_and_no_handler_of_a_kind() -> None:
    """Neither a value nor both at once."""
    with pytest.raises(RegistrationError, match=r"Chat\.on_open is a method, not 5"):
        type("Chat", (WebSocketView,), {"on_open": 5})
    with pytest.raises(RegistrationError, match="on_message is a hook: the handler of a kind has"):
        type("Chat", (WebSocketView,), {"on_message": on("x")(lambda self, msg: None)})


@pytest.mark.parametrize(
    "origins",
    [
        lambda origin: True,
        lambda self, request, origin: True,
        lambda self, origin: True,
    ],
)
def test_origins_as_a_method_is_an_error(origins: Any) -> None:
    """It is called with the request and the origin, before there is a view."""
    with pytest.raises(RegistrationError, match=r"called with \(request, origin\), without self"):
        type("Chat", (WebSocketView,), {"origins": origins})
    type("Chat", (WebSocketView,), {"origins": staticmethod(lambda request, origin: True)})


def test_what_is_wrong_with_the_guards_of_a_view_names_the_view() -> None:
    """Not only the guard."""
    with pytest.raises(RegistrationError, match=r"^Chat: .*it makes a guard"):
        type("Chat", (WebSocketView,), {"guards": (role,)})


def test_carried_topics_have_no_star_within() -> None:
    """Nor can a declared one."""
    with pytest.raises(RegistrationError, match="a \\* can only be at a topic's end"):
        type("Chat", (WebSocketView,), {"carries": {"a*b": [Say]}})
