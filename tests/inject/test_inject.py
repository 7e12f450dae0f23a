"""`inject`: what each parameter of a handler asks for, read from its signature."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from aiohttp import web

from aiows import RegistrationError, RequestReleased, WebSocketResponse, use
from aiows.connection import Connection, Peer
from aiows.inject import (
    NO_DEFAULT,
    Parameter,
    Plan,
    Source,
    provide,
    providers,
    read_parameters,
    refusal,
)
from aiows.inject.parameters import Dependency
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


# factories


async def value_of(factory: Any, error: Exception | None = None) -> Any:
    """What a handler gets from ``factory``, and in which the call of the handler then ends."""
    got: list[Any] = []

    def handler(it: Any) -> None:
        got.append(it)
        if error is not None:
            raise error

    handler.__annotations__ = {"it": Annotated[Any, use(factory)]}
    peer = FakeConnection(asyncio.get_running_loop())
    with pytest.raises(type(error)) if error else nullcontext():
        await Plan(handler, read(handler)).call(peer, None)
    return got[0]


@pytest.mark.parametrize("factory", [None, 7, "name"])
def test_a_factory_can_be_called(factory: Any) -> None:
    """A forgotten function is found at once."""
    with pytest.raises(RegistrationError, match=r"use\(\) takes a factory or an AppKey"):
        use(factory)


def test_a_factory_comes_before_what_its_parameters_name_says() -> None:
    """Also for one called ``ws``, and for a type that is provided."""

    def handler(
        ws: Annotated[Connection, use(a_clock)], app: Annotated[web.Application, use(a_clock)]
    ) -> None: ...

    assert sources(handler) == [Source.FACTORY, Source.FACTORY]


def test_an_annotation_with_a_factory_is_never_passed_over() -> None:
    """Where ``ws: Unknown`` is the connection, ``Annotated[Unknown, use(...)]`` is a mistake."""

    def handler(ws: Annotated[Unknown, use(a_clock)]) -> None: ...

    with pytest.raises(RegistrationError, match="annotation of 'ws' cannot be resolved: name 'Unk"):
        read(handler)


def a_clock() -> Clock:
    return BigClock()


def another_clock() -> Clock:
    return Clock()


def test_two_factories_of_one_type_serve_only_those_who_name_them() -> None:
    """Which one would the others get?"""

    def of(clock: Clock) -> str:
        return repr(clock)

    def handler(
        one: Annotated[Clock, use(a_clock)],
        same: Annotated[Clock, use(a_clock)],
        text: Annotated[str, use(of)],
    ) -> None: ...

    def ambiguous(
        other: Annotated[Clock, use(another_clock)], handled: Annotated[None, use(handler)]
    ) -> None: ...

    assert sources(handler) == [Source.FACTORY] * 3
    with pytest.raises(RegistrationError, match=r"of \(.*'clock': several factories supply its"):
        read(ambiguous)


def test_plain_values_are_not_supplied_by_their_type() -> None:
    """A factory of a str is not where every other str comes from."""

    def a_name() -> str:
        return "ann"

    async def names() -> AsyncIterator[list[str]]:
        yield ["ann"]

    def either() -> list[int] | tuple[int, ...]:
        return []

    def handler(
        name: Annotated[str, use(a_name)],
        names: Annotated[list[str], use(names)],
        numbers: Annotated[Any, use(either)],
        *,
        other: str,
        others: list[str],
        more: list[int] | tuple[int, ...],
    ) -> None: ...

    assert sources(handler) == [Source.FACTORY] * 3 + [Source.FIELD] * 3


def test_a_class_supplies_itself() -> None:
    """It says what it makes without an annotation."""

    def of(clock: Clock) -> str:
        return repr(clock)

    def handler(clock: Annotated[Any, use(Clock)], text: Annotated[str, use(of)]) -> None: ...

    assert sources(handler) == [Source.FACTORY, Source.FACTORY]
    _, text = read(handler)
    assert isinstance(text.supply, Dependency)
    assert [each.source for each in text.supply.parameters] == [Source.FACTORY]


@pytest.mark.parametrize("returned", ["Clock", "Annotated[Clock, 1]", "Iterator[Clock]", "Unknown"])
def test_what_a_factory_supplies_is_read_from_what_it_returns(returned: str) -> None:
    """Through generators and metadata; what cannot be found supplies nobody."""

    def plain() -> Any: ...

    def generator() -> Any:
        yield

    factory = generator if "Iterator" in returned else plain
    factory.__annotations__["return"] = returned

    def of(clock: Clock) -> None: ...

    def handler(it: Any, clock: Clock) -> None: ...

    handler.__annotations__["it"] = Annotated[Any, use(factory)]
    expected = Source.FIELD if returned == "Unknown" else Source.FACTORY
    assert sources(handler) == [Source.FACTORY, expected]


def unguarded() -> Iterator[Any]:
    with nullcontext():
        pass
    yield (ends := ["begin"])
    ends.append("end")


def guarded() -> Iterator[Any]:
    ends: list[Any] = ["begin"]
    try:
        yield ends
    finally:
        ends.append("end")


def in_a_block() -> Iterator[Any]:
    ends: list[Any] = ["begin"]
    with suppress(ZeroDivisionError):
        yield ends
    ends.append("end")


async def in_an_async_block() -> AsyncIterator[Any]:
    ends: list[Any] = ["begin"]
    async with AsyncExitStack() as stack:
        stack.push(lambda kind, *_: ends.append(kind and kind.__name__))
        yield ends


def deep_down() -> Iterator[Any]:
    ends: list[Any] = ["begin"]

    def other() -> Iterator[None]:
        try:
            yield
        finally:
            pass

    for _ in other():
        if ends:
            yield ends
            ends.append("end")


class Factories:
    def method(self) -> Iterator[Any]:
        """Its text
        has lines that stand further to the left."""
        yield (ends := ["begin"])
        ends.append("end")

    def __call__(self) -> Iterator[Any]:
        yield (ends := ["begin"])
        ends.append("end")


nowhere: dict[str, Any] = {}
exec("def without_source():\n ends = ['begin']\n yield ends\n ends.append('end')", nowhere)


@pytest.mark.parametrize(
    ("factory", "after_an_error"),
    [
        (unguarded, ["begin", "end"]),
        (guarded, ["begin", "end"]),
        (in_a_block, ["begin", "end"]),
        (in_an_async_block, ["begin", "ZeroDivisionError"]),
        (deep_down, ["begin", "end"]),
        (Factories().method, ["begin", "end"]),
        (Factories(), ["begin", "end"]),
        (functools.partial(unguarded), ["begin", "end"]),
        (contextmanager(unguarded), ["begin"]),
        (nowhere["without_source"], ["begin"]),
    ],
    ids=str,
)
async def test_what_follows_yield_runs_and_what_guards_it_is_told(
    factory: Any, after_an_error: list[str]
) -> None:
    """Without a source, or with a decorator that has rules of its own, contextlib's rules hold."""
    without = await value_of(factory)
    assert without == ["begin", None if factory is in_an_async_block else "end"]
    assert await value_of(factory, ZeroDivisionError()) == after_an_error


async def test_what_can_be_awaited_is() -> None:
    """A lambda that calls a coroutine function is one in effect."""

    async def later(text: str) -> str:
        return text

    assert await value_of(lambda: later("now")) == "now"


def method_elsewhere(thing: Thing) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def test_names_of_the_functions_around_are_known() -> None:
    """Of all that still run, the nearest first, also for methods of a class in between."""

    class Place: ...

    def outer() -> Callable[..., Any]:
        class Thing: ...

        class Place: ...

        class Holder:
            def method(self, thing: Thing, place: Place, note: list[Note]) -> None: ...

        annotations = [each.annotation for each in read(Holder.method, is_method=True)]
        assert annotations == [Thing, Place, list[Note]]
        return Holder.method

    method = outer()
    with pytest.raises(RegistrationError, match="name 'Thing' is not defined"):
        read(method, is_method=True)


def test_names_of_functions_that_merely_call_are_not_known() -> None:
    """Where something is written decides, not who registers it."""

    class Thing: ...

    with pytest.raises(RegistrationError, match="name 'Thing' is not defined"):
        read(method_elsewhere)
    assert sources(Thing) == []


def test_what_cannot_be_hashed_can_still_be_a_handler() -> None:
    """Dataclasses are like that."""

    @dataclass
    class Handler:
        def __call__(self, it: Annotated[Clock, use(a_clock)]) -> None: ...

    assert sources(Handler()) == [Source.FACTORY]


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


async def test_arguments_are_passed_as_they_are_declared() -> None:
    """By position before, by name behind the star; the instance first."""

    def method(self: Any, a: int, /, b: Annotated[str, use(str)], *, c: int) -> list[Any]:
        return [self, a, b, c]

    def plain(a: int, /, b: int, *, c: int) -> list[Any]:
        return [a, b, c]

    peer = FakeConnection(asyncio.get_running_loop())
    message = SimpleNamespace(a=1, b=2, c=3, object="text")
    method.__annotations__["b"] = Annotated[str, use(lambda: "made")]
    plan = Plan(method, read(method, is_method=True), is_method=True)
    assert await plan.call(peer, message, "me") == ["me", 1, "made", 3]
    assert Plan(plain, read(plain)).call(peer, message) == [1, 2, 3]
