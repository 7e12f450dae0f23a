"""Signatures: which names annotations may use, and where a function is defined."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from aiows import RegistrationError
from aiows.inject import Source, refusal
from inject.handlers import Note, read, sources


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
