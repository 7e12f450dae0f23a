"""What is within a type, as msgspec sees it: whether there may be untyped values, or floats and Decimals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

import msgspec
from msgspec.inspect import (
    AnyType,
    CustomType,
    DataclassType,
    DecimalType,
    FloatType,
    StructType,
    type_info,
)

__all__ = ("has_untyped", "numeric_fields", "types_in")

UNTYPED: Final = (AnyType, CustomType)  # a hook reads its class from plain values
NUMERIC: Final = (FloatType, DecimalType, *UNTYPED)


def types_in(info: Any, seen: set[int] | None = None) -> Iterator[msgspec.inspect.Type]:
    """Yield ``info`` and all types within it."""
    seen = set() if seen is None else seen
    if isinstance(info, tuple):
        for each in cast("Any", info):
            yield from types_in(each, seen)
    elif isinstance(info, (msgspec.inspect.Type, msgspec.inspect.Field)) and id(info) not in seen:
        seen.add(id(info))
        if isinstance(info, msgspec.inspect.Type):
            yield info
        for name in info.__struct_fields__:
            yield from types_in(getattr(info, name), seen)


def has_untyped(type_: Any) -> bool:
    """Whether there may be values in ``type_`` of which it says nothing."""
    return any(isinstance(each, UNTYPED) for each in types_in(type_info(type_)))


def numeric_fields(cls: type) -> tuple[tuple[str, str], ...]:
    """The attributes of a class that may hold a float, a Decimal or an untyped value.

    Each with the step to it in a path, as errors have them: the names are those that a peer knows.
    """
    known = _numeric_fields.get(cls)
    if known is None:
        known = _numeric_fields[cls] = tuple(_find_numeric(cls))
    return known


_numeric_fields: Final[WeakKeyDictionary[type, tuple[tuple[str, str], ...]]] = WeakKeyDictionary()


def _find_numeric(cls: type) -> Iterator[tuple[str, str]]:
    try:
        info = type_info(cls)
    except Exception:  # not a class that msgspec knows: it was made by a hook
        return
    if isinstance(info, StructType | DataclassType):
        is_array = isinstance(info, StructType) and info.array_like
        for index, field in enumerate(info.fields):
            if any(isinstance(each, NUMERIC) for each in types_in(field.type)):
                yield field.name, f"[{index}]" if is_array else f".{field.encode_name}"
