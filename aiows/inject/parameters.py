"""The parameters of a function and of its factories, each with the source of its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from .factories import Opener
from .providers import Getter
from .signature import refusal

__all__ = ("Asked", "Dependency", "Parameter", "Source", "asked_by", "fields_asked_by")


class Source(Enum):
    """Where the value of a parameter comes from."""

    PROVIDED = auto()
    PAYLOAD = auto()
    FIELD = auto()
    FACTORY = auto()
    DEFAULT = auto()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; ``supply`` returns its value, or is a `Dependency` where ``source`` is FACTORY.

    ``annotation`` is the resolved type, `Any` if there is none; ``Annotated`` is kept only for fields.
    ``default`` may be NO_DEFAULT.
    """

    name: str
    source: Source
    annotation: Any
    default: Any
    is_keyword_only: bool
    supply: Getter | Dependency


@dataclass(frozen=True, slots=True)
class Dependency:
    """A factory with its parameters, and the function that opens it."""

    factory: Callable[..., Any]
    is_shared: bool
    parameters: tuple[Parameter, ...]
    open: Opener


class Asked(NamedTuple):
    """A parameter of a function or of one of its factories.

    ``is_shared``: it belongs to a factory with ``reuse=True``, or to one below such a factory.
    """

    function: Callable[..., Any]
    parameter: Parameter
    is_shared: bool


def asked_by(
    function: Callable[..., Any], parameters: tuple[Parameter, ...], *, is_shared: bool = False
) -> Iterator[Asked]:
    """Yield every parameter of ``function`` and of the factories below it."""
    for each in parameters:
        yield Asked(function, each, is_shared)
        if isinstance(below := each.supply, Dependency):
            shared = is_shared or below.is_shared
            yield from asked_by(below.factory, below.parameters, is_shared=shared)


def fields_asked_by(function: Callable[..., Any], parameters: tuple[Parameter, ...]) -> list[Asked]:
    """Return the fields of ``function`` and of the factories below it, each once.

    Raises RegistrationError where two ask for one field in different ways.
    """
    fields: dict[str, Asked] = {}
    for asked in asked_by(function, parameters):
        if asked.parameter.source is Source.FIELD:
            known = fields.setdefault(asked.parameter.name, asked)
            fields[asked.parameter.name] = _agreed(asked, known)
    return list(fields.values())


def _agreed(asked: Asked, known: Asked) -> Asked:
    """Return the one that has a type. Raises RegistrationError if types or defaults differ."""
    one, other = asked.parameter, known.parameter
    types = {one.annotation, other.annotation} - {Any}
    if len(types) > 1 or one.default != other.default:
        problem = f"{one.name!r} has another type or default in another function"
        raise refusal(asked.function, problem)
    return known if one.annotation is Any else asked
