"""The channels of an application: which routes have a schema, and under which names."""

from __future__ import annotations

from functools import partial

import pytest
from aiohttp import web

from aiows import (
    Connection,
    KindDispatcher,
    OpCode,
    RegistrationError,
    WebSocket,
    WebSocketRoute,
    WebSocketView,
    on,
    websocket,
)
from aiows.schema import speaks
from aiows.schema.application import Channel, read_channels
from schema.orders import make_app


def channels_of(*routes: web.AbstractRouteDef) -> list[Channel]:
    app = web.Application()
    app.add_routes(routes)
    return [*read_channels(app)]


def kinds_with(kind: str) -> KindDispatcher:
    kinds = KindDispatcher()
    kinds.on(kind)(lambda: None)
    return kinds


async def endpoint(request: web.Request) -> web.Response:
    return web.Response()


class Pings(WebSocketView):
    @on("ping")
    def ping(self) -> None: ...


def test_views_functions_and_sub_applications_have_channels_with_their_whole_path() -> None:
    """Sorted by path; a page is none, and a pattern is no part of an address."""
    found = {each.name: each.address for each in read_channels(make_app())}
    assert found == {
        "guests.name": "/guests/{name}",
        "kitchen": "/kitchen",
        "rooms.tables.number.waiter": "/rooms/tables/{number}/waiter",
    }


def test_the_names_in_a_path_are_parameters() -> None:
    """In the order of the path."""
    (channel,) = channels_of(web.view(r"/{room}/{seat:\d+}/ws", Pings))
    assert channel.parameters == ("room", "seat")


def test_a_routes_own_name_is_its_channels() -> None:
    """Also where the path says something else."""
    (channel,) = channels_of(web.view("/v1/ws", Pings, name="pings"))
    assert channel.name == "pings"


def test_two_channels_never_share_a_name() -> None:
    """Paths of which the same name would be made are numbered in their order."""
    found = channels_of(web.view("/a/b", Pings), web.view("/a.b", Pings), web.view("/", Pings))
    assert [each.name for each in found] == ["root", "a.b", "a.b.2"]


def test_an_endpoint_with_several_methods_is_one_channel() -> None:
    """A route for GET and one for HEAD, say."""
    speaking = speaks(kinds_with("ping"))(endpoint)
    assert len(channels_of(web.get("/ws", speaking))) == 1


def test_a_view_without_kinds_has_no_channel() -> None:
    """There is nothing to say of it."""

    class Silent(WebSocketView): ...

    assert channels_of(web.view("/ws", Silent)) == []


def test_what_speaks_said_is_found_within_a_partial() -> None:
    """A handler that was given something in advance."""

    @speaks(kinds_with("ping"))
    async def limited(limit: int, request: web.Request) -> web.Response:
        """At most so many."""
        return web.Response()

    (channel,) = channels_of(web.get("/ws", partial(limited, 3)))
    assert [each.kind for each in channel.contracts] == ["ping"]
    assert channel.summary == "At most so many."


def test_the_order_of_decorators_does_not_matter() -> None:
    """A route has its function before or after it was said what that speaks."""
    before, after = WebSocketRoute("a"), WebSocketRoute("b")

    @before.ws_handler
    @speaks(kinds_with("ping"))
    @after.ws_handler
    async def endpoint(ws: WebSocket) -> None: ...

    assert [each.address for each in channels_of(before, after)] == ["/a", "/b"]


def test_a_route_of_callbacks_speaks_by_the_one_that_takes_the_messages() -> None:
    """Its docstring is the channel's; it may be told before or after the route was made."""

    def hear(ws: Connection, message: str | bytes, opcode: OpCode) -> None:
        """What the bell hears."""

    late = websocket("/late", message=hear)
    early = websocket("/early", {"message": speaks(kinds_with("ring"))(hear)})
    found = channels_of(early, late)
    assert [each.address for each in found] == ["/early", "/late"]
    for channel in found:
        assert [each.kind for each in channel.contracts] == ["ring"]
        assert channel.summary == "What the bell hears."


def test_a_route_of_callbacks_that_says_nothing_has_no_channel() -> None:
    """With a callback for messages or without one."""
    routes = [
        websocket("/a", message=lambda ws, message, opcode: None),
        websocket("/b", open=lambda ws: None),
    ]
    assert channels_of(*routes) == []


def test_a_class_of_aiohttps_can_speak_too() -> None:
    """web.View as well as a function."""

    @speaks(kinds_with("ping"))
    class Endpoint(web.View): ...

    (channel,) = channels_of(web.view("/ws", Endpoint))
    assert [each.kind for each in channel.contracts] == ["ping"]


def test_a_base_s_docstring_is_not_the_views() -> None:
    """WebSocketView's says nothing about the application."""
    (channel,) = channels_of(web.view("/ws", Pings))
    assert (channel.summary, channel.description) == ("", "")


def test_only_a_dispatcher_can_be_spoken() -> None:
    """The mistake is seen where it is made."""
    with pytest.raises(RegistrationError, match="takes a KindDispatcher"):
        speaks(endpoint)  # type: ignore[arg-type]
