"""The values that an endpoint asks for from the path and the query of its request, converted and checked.

A value that does not fit its type is answered with 400 before anything else happens. The body is JSON::

    {"error": {"code": "invalid", "message": "'max_users' in the query: expected int, got 'many'",
               "details": {"parameter": "max_users", "in": "query", "expected": "int", "got": "'many'"}}}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final, TypeAlias, cast

import msgspec
import orjson
from aiohttp import web
from msgspec import inspect as types

from ..upgrade import and_close
from .parameters import Parameter, fields_asked_by
from .signature import NO_DEFAULT, refusal

__all__ = ("RequestValues",)

Function: TypeAlias = Callable[..., Any]

# The answer quotes what the client sent, and may be logged. Without a bound a request line of 8 KiB would
# cost as much again.
LONGEST_QUOTE: Final = 128

SCALARS: Final = (
    types.AnyType,
    types.BoolType,
    types.DateTimeType,
    types.DateType,
    types.DecimalType,
    types.EnumType,
    types.FloatType,
    types.IntType,
    types.LiteralType,
    types.StrType,
    types.TimeDeltaType,
    types.TimeType,
    types.UUIDType,
)
LISTS: Final = (types.FrozenSetType, types.ListType, types.SetType, types.VarTupleType)


@dataclass(frozen=True, slots=True)
class _Value:
    """One parameter of the path or the query; a list gets all values of a repeated key."""

    name: str
    annotation: Any
    default: Any
    is_in_path: bool
    is_list: bool
    expected: str

    def read(self, request: web.Request) -> Any:
        """Return the converted value, or the default. Raises web.HTTPBadRequest."""
        found = self._find(request)
        if not found:
            if self.default is NO_DEFAULT:
                raise self._bad("nothing")
            return self.default
        if len(found) > 1 and not self.is_list:
            raise self._bad(f"{len(found)} values")
        return self._convert(found if self.is_list else found[0])

    def _find(self, request: web.Request) -> list[str]:
        if self.is_in_path:
            return [request.match_info[self.name]]
        return list(request.query.getall(self.name, ()))

    def _convert(self, text: str | list[str]) -> Any:
        try:
            value = msgspec.convert(text, self.annotation, strict=False)
        except msgspec.ValidationError as error:
            raise self._bad(repr(text), _limit_in(error)) from error
        if not _is_finite(value):
            raise self._bad(repr(text), "a finite number")
        return value

    def _bad(self, got: str, expected: str | None = None) -> web.HTTPBadRequest:
        part = "path" if self.is_in_path else "query"
        expected, got = _shorten(expected or self.expected), _shorten(got)
        problem = {
            "code": "invalid",
            "message": f"{self.name!r} in the {part}: expected {expected}, got {got}",
            "details": {"parameter": self.name, "in": part, "expected": expected, "got": got},
        }
        text = orjson.dumps({"error": problem}).decode()
        return and_close(web.HTTPBadRequest(text=text, content_type="application/json"))


class RequestValues:
    """Reads what ``function`` and its factories ask for, from the path (``path_names``) or the query.

    Raises RegistrationError for a parameter that neither can fill.
    """

    def __init__(
        self, function: Function, parameters: tuple[Parameter, ...], path_names: Iterable[str]
    ) -> None:
        names = frozenset(path_names)
        fields = fields_asked_by(function, parameters)
        self._values = [_value_for(each.function, each.parameter, names) for each in fields]

    def read(self, request: web.Request) -> SimpleNamespace:
        """Return all values, as attributes. Raises web.HTTPBadRequest."""
        return SimpleNamespace(**{each.name: each.read(request) for each in self._values})


def _value_for(function: Function, parameter: Parameter, path_names: frozenset[str]) -> _Value:
    name, annotation = parameter.name, parameter.annotation
    is_in_path = name in path_names
    if annotation is Any and not is_in_path:
        problem = f"{name!r} is not in the path: it needs a type, such as str or WebSocket"
        raise refusal(function, problem)
    info = _info_of(function, name, annotation)
    is_list = _is_list(function, name, info)
    if is_list and is_in_path:
        raise refusal(function, f"{name!r}: a path has one value of each name, not a list")
    is_optional = isinstance(info, types.UnionType) and info.includes_none
    default = parameter.default
    return _Value(
        name=name,
        annotation=annotation,
        default=None if default is NO_DEFAULT and is_optional else default,
        is_in_path=is_in_path,
        is_list=is_list,
        expected=_describe(info),
    )


def _info_of(function: Function, name: str, annotation: Any) -> types.Type:
    try:
        return types.type_info(annotation)
    except Exception as error:
        problem = f"{name!r} cannot be read from a path or a query: {error}"
        raise refusal(function, problem) from error


def _is_list(function: Function, name: str, info: types.Type) -> bool:
    """Whether ``info`` takes all values of a key. Raises RegistrationError for a type that is no value."""
    members = [each for each in _members(info) if not isinstance(each, types.NoneType)]
    lists = [each for each in members if isinstance(each, LISTS)]
    items = [item for each in lists for item in _members(each.item_type)]
    others = [each for each in members if each not in lists]
    for each in (*others, *items):
        if isinstance(each, types.CustomType):
            raise refusal(
                function, f"{name!r}: no factory and no provider returns {each.cls.__qualname__}"
            )
        if not isinstance(each, SCALARS):
            problem = f"{name!r} needs a request body, but an upgrade request has none"
            raise refusal(function, problem)
    if lists and others:
        raise refusal(function, f"{name!r} may be a list or one value: a query cannot tell which")
    return bool(lists)


def _members(info: types.Type) -> tuple[types.Type, ...]:
    """Return the types of a union, or the one type, without metadata."""
    if isinstance(info, types.Metadata):
        return _members(info.type)
    if isinstance(info, types.UnionType):
        return tuple(member for each in info.types for member in _members(each))
    return (info,)


def _describe(info: types.Type) -> str:
    names = [_describe_one(each) for each in _members(info) if not isinstance(each, types.NoneType)]
    return " or ".join(names)


def _describe_one(info: types.Type) -> str:
    if isinstance(info, LISTS):
        return f"any number of {_describe(info.item_type)}"
    if isinstance(info, types.EnumType):
        return " or ".join(repr(each.value) for each in info.cls)
    if isinstance(info, types.LiteralType):
        return " or ".join(repr(each) for each in info.values)
    return type(info).__name__.removesuffix("Type").lower()


def _limit_in(error: msgspec.ValidationError) -> str | None:
    """Return the limit that ``error`` names, such as ``int >= 1``; None if the type itself is wrong."""
    what, _, _ = str(error).rpartition(" - at `")
    what = what or str(error)
    if not what.startswith("Expected ") or ", got " in what:
        return None
    return what.removeprefix("Expected ").replace("`", "")


def _is_finite(value: Any) -> bool:
    """Whether there is no NaN or infinity in it: NaN passes every check of the form ``if value > limit``."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, list | tuple | set | frozenset):
        return all(_is_finite(each) for each in cast("Iterable[Any]", value))
    return True


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 3]}..."
