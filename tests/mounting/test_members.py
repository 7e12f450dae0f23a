"""What a view's class has that is nearly ours, or cannot be called, is told when the class is made."""

from __future__ import annotations

from typing import Any

import pytest

from aiows import KindDispatcher, Payload, RegistrationError, WebSocketView, on


def function(source: str) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)
    return next(value for name, value in names.items() if name != "__builtins__")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("idle_timout", "idle_timeout"),
        ("idletimeout", "idle_timeout"),
        ("max_message_size", None),
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
