"""The source of each parameter, read from the signature: the first rule that fits decides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator  # noqa: F401 (a string names Iterator)
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from aiohttp import web

from aiows import RegistrationError, use
from aiows.connection import Connection
from aiows.inject import NO_DEFAULT, Source
from aiows.inject.parameters import Dependency
from inject.handlers import Clock, Note, a_clock, read, sources

if TYPE_CHECKING:
    from nowhere import Unknown  # type: ignore[import-not-found]


def another_clock() -> Clock:
    return Clock()


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


def test_a_method_is_read_without_its_instance() -> None:
    """Whatever that parameter is called."""

    def handler(this: Unknown, /, value: int) -> None: ...

    assert [each.name for each in read(handler, is_method=True)] == ["value"]


def test_keyword_only_parameters_are_marked() -> None:
    """They have to be given by name."""

    def handler(a: int, /, b: int, *, c: int) -> None: ...

    assert [each.is_keyword_only for each in read(handler)] == [False, False, True]


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


def test_what_cannot_be_hashed_can_still_be_a_handler() -> None:
    """Dataclasses are like that."""

    @dataclass
    class Handler:
        def __call__(self, it: Annotated[Clock, use(a_clock)]) -> None: ...

    assert sources(Handler()) == [Source.FACTORY]
