"""`inject`: what each parameter of a handler asks for, read from its signature."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from aiohttp import web

from aiows import RegistrationError, WebSocketResponse
from aiows.connection import Connection, Peer
from aiows.inject import NO_DEFAULT, Parameter, Source, provide, providers, read_parameters, refusal
from fake_connection import FakeConnection

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]


class Body:
    pass


class Note(Body):
    pass


class Clock:
    pass


class BigClock(Clock):
    pass


@pytest.fixture
def provided() -> Iterator[None]:
    """The table as it was, afterwards."""
    before = dict(providers._suppliers)
    yield
    providers._suppliers.clear()
    providers._suppliers.update(before)


def read(handler: Callable[..., Any], **options: Any) -> tuple[Parameter, ...]:
    return read_parameters(handler, payload_type=Body, **options)


def supplied(parameter: Parameter, peer: Peer) -> Any:
    """The value that does not come from a factory."""
    assert callable(parameter.supply)
    return parameter.supply(peer, None, None)


def sources(handler: Callable[..., Any], **options: Any) -> list[Source]:
    return [each.source for each in read(handler, **options)]


def test_a_parameter_named_ws_is_the_connection() -> None:
    """Whatever it is annotated with, and if that is a name nobody knows."""

    def handler(ws: Unknown) -> None: ...

    (parameter,) = read(handler)
    peer = FakeConnection(asyncio.new_event_loop())
    assert supplied(parameter, peer) is peer
    peer._loop.close()


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


def test_a_parameter_annotated_with_the_payload_type_is_the_whole_payload() -> None:
    """With a subclass of the type that the caller named."""

    def handler(note: Note, other: Annotated[Note, "read"]) -> None: ...

    assert sources(handler) == [Source.PAYLOAD, Source.PAYLOAD]
    assert [each.annotation for each in read(handler)] == [Note, Note]


def test_every_other_parameter_is_a_field() -> None:
    """With its type, its default and its metadata."""

    def handler(bare, value: int, notes: list[Note], name: Annotated[str, "short"] = "a") -> None:  # type: ignore[no-untyped-def]
        ...

    bare, value, notes, name = read(handler)
    assert {each.source for each in (bare, value, notes, name)} == {Source.FIELD}
    assert (bare.annotation, bare.default) == (Any, NO_DEFAULT)
    assert (value.annotation, notes.annotation) == (int, list[Note])
    assert (name.annotation, name.default) == (Annotated[str, "short"], "a")


def test_the_application_is_provided() -> None:
    """From the connection, so that sub-applications get their own."""

    def handler(app: web.Application) -> None: ...

    (parameter,) = read(handler)
    peer = FakeConnection(asyncio.new_event_loop())
    with pytest.raises(RuntimeError, match="without an application"):
        supplied(parameter, peer)
    peer._app = web.Application()
    assert supplied(parameter, peer) is peer.app
    peer._loop.close()


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


def test_the_module_of_the_handler_comes_first_when_names_are_looked_up() -> None:
    """A module may have a class with the name of a provided one."""
    space: dict[str, Any] = {}
    exec("class Connection: pass\ndef handler(value: 'Connection'): pass", space)
    (parameter,) = read(space["handler"])
    assert parameter.annotation is space["Connection"]


def test_names_of_the_caller_are_known_too() -> None:
    """Types that were given in person need not be importable."""

    def handler(note: Elsewhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert sources(handler, names={"Elsewhere": Note}) == [Source.PAYLOAD]


def test_a_method_is_read_without_its_instance() -> None:
    """Whatever that parameter is called."""

    def handler(this: Unknown, /, value: int) -> None: ...

    assert [each.name for each in read(handler, is_method=True)] == ["value"]


def test_keyword_only_parameters_are_marked() -> None:
    """They have to be given by name."""

    def handler(a: int, /, b: int, *, c: int) -> None: ...

    assert [each.is_keyword_only for each in read(handler)] == [False, False, True]


def test_a_wrapped_function_is_read_in_the_place_where_it_was_written() -> None:
    """Decorators that use functools.wraps do not hide it, and errors point at it."""
    space: dict[str, Any] = {"Mine": Note}
    exec("def inner(value: 'Mine'): pass", space)

    @functools.wraps(space["inner"])
    def outer(*args: Any) -> None: ...

    assert sources(outer) == [Source.PAYLOAD]
    assert str(refusal(functools.partial(outer), "no")) == "inner (<string>:1): no"


def test_a_callable_object_is_read_at_its_call() -> None:
    """Its annotations belong to the module of its class, and errors point there."""
    space: dict[str, Any] = {"Mine": Note, "__name__": "elsewhere"}
    exec("class Handler:\n def __call__(self, value: 'Mine'): pass", space)
    handler = space["Handler"]()
    assert sources(handler) == [Source.PAYLOAD]
    assert str(refusal(handler, "no")) == "Handler.__call__ (<string>:2): no"


def test_what_has_no_code_is_named_without_a_place() -> None:
    """A builtin has no file and no line."""
    assert str(refusal(len, "no")) == "len: no"


def test_a_signature_that_cannot_be_read_is_refused() -> None:
    """Some builtins do not tell what they take."""
    with pytest.raises(RegistrationError, match="its parameters cannot be read"):
        read(dict)
