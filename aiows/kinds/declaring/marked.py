"""`on`: marks methods of a view as handlers, which are registered when the class is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, Final, TypeAlias, TypeVar, Unpack

from ...inject import refusal
from ..payload import Payload
from .settings import KindOptions, check_named
from .table import KindTable

__all__ = ("is_marked", "on", "register_marked")

M = TypeVar("M", bound=Callable[..., Any])

Mark: TypeAlias = tuple[str | type[Payload], KindOptions]

MARKS: Final = "__aiows_kinds__"


def on(kind: str | type[Payload], /, **options: Unpack[KindOptions]) -> Callable[[M], M]:
    """Mark a view's method as the handler of ``kind``: a name, or a `Payload` type.

    The keywords are those of `KindOptions`. A method can be marked for several kinds. A subclass inherits it.
    A method of the same name in the subclass replaces it, for the same kinds unless it is marked itself;
    ``name = None`` removes it. A mistake raises RegistrationError when the class is made.
    """
    check_named(kind)

    def mark(method: M) -> M:
        _check_is_new(method, inspect.currentframe())
        setattr(method, MARKS, ((kind, options), *_marks_of(method)))
        return method

    return mark


def _check_is_new(method: Callable[..., Any], marking: FrameType | None) -> None:
    """Refuse a second handler of the same name in the class whose body runs: the first would be gone."""
    body = marking and marking.f_back
    defined: Mapping[str, Any] = body.f_locals if body is not None else {}
    name = getattr(method, "__name__", "")
    first = defined.get(name)
    if "__qualname__" in defined and first is not method and is_marked(first):
        raise refusal(method, f"the class has a handler called {name} already, which would be lost")


def is_marked(attribute: object) -> bool:
    """Whether ``attribute`` is a method that was marked with `on`."""
    return bool(_marks_of(attribute))


def register_marked(owner: type, kinds: KindTable) -> bool:
    """Register the marked methods of ``owner`` and its bases; return whether there are any.

    Raises RegistrationError.
    """
    marked = list(_marked_methods(owner))
    for method, (kind, options) in marked:
        kinds.on(kind, method=True, **options)(method)
    return bool(marked)


def _marked_methods(owner: type) -> Iterator[tuple[Callable[..., Any], Mark]]:
    names = {
        name: marks
        for base in reversed(owner.__mro__)
        for name, attribute in vars(base).items()
        if (marks := _marks_of(attribute))
    }
    for name, marks in names.items():
        method = getattr(owner, name)
        if method is not None:
            yield from ((method, mark) for mark in marks)


def _marks_of(attribute: object) -> tuple[Mark, ...]:
    marks: tuple[Mark, ...] = getattr(attribute, MARKS, ())
    return marks
