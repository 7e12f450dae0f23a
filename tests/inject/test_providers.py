"""Provided types: the connection, the application, the request, and what `provide` adds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from aiohttp import web

from aiows import RequestReleased, WebSocketResponse, use
from aiows.connection import Connection, Peer
from aiows.inject import Plan, Source, provide, providers
from fake_connection import FakeConnection
from inject.handlers import BigClock, Clock, read, sources, supplied

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]


@pytest.fixture
def provided() -> Iterator[None]:
    """The table as it was, afterwards."""
    before = dict(providers._suppliers)
    yield
    providers._suppliers.clear()
    providers._suppliers.update(before)


def test_a_parameter_named_ws_is_the_connection() -> None:
    """Whatever it is annotated with, and if that is a name nobody knows."""

    def handler(ws: Unknown) -> None: ...

    (parameter,) = read(handler)
    loop = asyncio.new_event_loop()
    peer = FakeConnection(loop)
    assert supplied(parameter, peer) is peer
    loop.close()


@pytest.mark.parametrize(
    "face", [Peer, Connection, FakeConnection, web.WebSocketResponse, WebSocketResponse]
)
def test_a_parameter_annotated_with_a_face_is_the_connection(face: type) -> None:
    """Any of the faces of a connection, also a subclass of one."""

    def handler(somebody: Any, *, other: Any) -> None: ...

    handler.__annotations__ = {"somebody": face, "other": Annotated[face, "who"]}
    assert sources(handler) == [Source.PROVIDED, Source.PROVIDED]


def test_a_generic_face_is_the_connection() -> None:
    """aiohttp's class is generic over decode_text."""

    def handler(somebody: WebSocketResponse[bool]) -> None: ...

    assert sources(handler) == [Source.PROVIDED]


def test_the_application_is_provided() -> None:
    """From the connection, so that sub-applications get their own."""

    def handler(app: web.Application) -> None: ...

    (parameter,) = read(handler)
    loop = asyncio.new_event_loop()
    peer = FakeConnection(loop)
    with pytest.raises(RuntimeError, match="without an application"):
        supplied(parameter, peer)
    peer._protocol.app = web.Application()
    assert supplied(parameter, peer) is peer.app
    loop.close()


@pytest.mark.usefixtures("provided")
def test_a_provided_type_and_its_subclasses_come_from_the_provider() -> None:
    """Upper layers put into the table what they have to give."""
    provide(Clock, lambda peer: "tick")

    def handler(clock: BigClock, ticks: Clock | None) -> None: ...

    clock, ticks = read(handler)
    assert supplied(clock, FakeConnection.__new__(FakeConnection)) == "tick"
    assert ticks.source is Source.FIELD


@pytest.mark.usefixtures("provided")
def test_a_provided_type_is_found_by_name_where_only_a_type_checker_imports_it() -> None:
    """Linters move imports that only annotations need into TYPE_CHECKING blocks."""
    provide(type("Almanac", (), {}), lambda peer: None)

    def handler(book: Almanac) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert sources(handler) == [Source.PROVIDED]


async def test_an_app_key_that_no_application_has_is_an_error() -> None:
    """At the call: keys are set when the application starts."""

    def handler(name: Annotated[str, use(web.AppKey("name", str))]) -> None: ...

    handler.__annotations__["name"] = Annotated[str, use(web.AppKey("absent", str))]
    peer = FakeConnection(asyncio.get_running_loop())
    peer._protocol.app = web.Application()
    with pytest.raises(LookupError, match=r"no application has .*absent"):
        Plan(handler, read(handler)).call(peer, None)


async def test_without_a_request_it_says_so() -> None:
    """A connection on its own keeps none."""

    def handler(request: web.Request) -> None: ...

    with pytest.raises(RequestReleased):
        Plan(handler, read(handler)).call(FakeConnection(asyncio.get_running_loop()), None)
