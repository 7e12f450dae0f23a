"""Paths in the pattern language of another system: refused with the form that aiohttp reads."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from aiohttp import web

from aiows import RegistrationError, WebSocket, WebSocketRoute, WebSocketView, websocket
from aiows.mounting.paths import check_path

FOREIGN = [
    ("/rooms/:room", "/rooms/{room}"),
    ("/:a/of/:b", "/{a}/of/{b}"),
    ("/a/*/b", "/a/{part1}/b"),
    ("/*/*/b", "/{part1}/{part2}/b"),
    ("/rooms*", "/rooms{part1}"),
    ("/rooms/{room}/*/:id", "/rooms/{room}/{part1}/{id}"),
    ("/rooms/<room>", "/rooms/{room}"),
    ("/rooms/<int:room>/users", "/rooms/{room}/users"),
    ("/files/<path:name>", "/files/{name:.*}"),
    ("/rooms/{room:int}", "/rooms/{room}"),
    ("/rooms/{room:uuid}/x", "/rooms/{room}/x"),
    ("/files/{name:path}", "/files/{name:.*}"),
]

AIOHTTPS = [
    "/",
    "/rooms/{room}",
    r"/years/{year:\d{4}}",
    "/files/{name:.*}",
    "/{tail:[^/]*}/end",
    "/models/tea:brew",
    "/at/12:30",
    "/{kind:interest}",
]


@pytest.mark.parametrize(("path", "form"), FOREIGN)
def test_a_path_in_anothers_language_is_refused_with_the_form_that_works(
    path: str, form: str
) -> None:
    """It would be taken literally, and never be found; the form that is shown passes."""
    with pytest.raises(RegistrationError, match=re.escape(repr(form))) as caught:
        check_path(path)
    assert repr(path) in str(caught.value)
    check_path(form)
    web.UrlDispatcher().add_resource(form)


@pytest.mark.parametrize("path", AIOHTTPS)
def test_a_path_of_aiohttp_passes(path: str) -> None:
    """With expressions, with quantifiers, with colons that begin no part."""
    check_path(path)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: websocket(path, open=print),
        lambda path: websocket(path, WebSocketView),
        lambda path: websocket(path, talk),
        WebSocketRoute,
    ],
    ids=["callbacks", "a view", "a function", "WebSocketRoute"],
)
@pytest.mark.parametrize("path", ["/rooms/:room", "/a/*/b"])
def test_every_way_to_mount_refuses_it(make: Callable[[str], object], path: str) -> None:
    """When the route is made, and not when nobody finds it."""
    with pytest.raises(RegistrationError, match="literally"):
        make(path)


async def talk(ws: WebSocket) -> None:
    await ws.accept()


def test_the_rest_of_a_path_has_a_short_form_for_a_websocket_only() -> None:
    """``/*`` at the end, as socketify has it; `WebSocketRoute` shows what it stands for."""
    assert websocket("/rooms/*", open=print).path == "/rooms/{tail:.*}"
    with pytest.raises(RegistrationError, match=re.escape("'/a/*/*'")):
        websocket("/a/*/*", open=print)
    with pytest.raises(RegistrationError, match=re.escape("/rooms/{tail:.*}")):
        WebSocketRoute("/rooms/*")
