"""Says why a value cannot be encoded, and where in the value that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from typing import Any, Final, cast

from msgspec import Struct

__all__ = ("refusal",)

# So many steps of a path are told. What is nested more deeply is looked at no further.
LONGEST_PATH: Final = 32

LONGEST_KEY: Final = 64  # characters of one step

# What every format can say: a large list of them need not be tried one by one.
PLAIN: Final = (type(None), bool, float)


def refusal(
    name: str, value: object, error: Exception, encode: Callable[[Any], object]
) -> TypeError:
    """Return the error for ``value``, which the format ``name`` cannot say, as ``error`` has told.

    ``encode`` raises for what it cannot say; it is tried with the parts of the value.
    """
    if isinstance(error, RecursionError):
        return TypeError(f"{name} cannot encode this: it is nested too deeply")
    path = _path_in(value, encode)
    return TypeError(f"{name} cannot encode this: {error}{f' - at `${path}`' if path else ''}")


def _path_in(value: object, encode: Callable[[Any], object]) -> str:
    """Return the way from ``value`` to the innermost part of it that cannot be said."""
    path: list[str] = []
    while len(path) < LONGEST_PATH:
        for step, part in _parts_of(value):
            if type(part) not in PLAIN and not _can_say(part, encode):
                path.append(step)
                value = part
                break
        else:
            break
    return "".join(path)


def _can_say(value: object, encode: Callable[[Any], object]) -> bool:
    try:
        encode(value)
    except Exception:
        return False
    return True


def _parts_of(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        items = cast("Any", value).items()
        return ((f".{str(key)[:LONGEST_KEY]}", part) for key, part in items)
    if isinstance(value, list | tuple):
        return ((f"[{index}]", part) for index, part in enumerate(cast("list[Any]", value)))
    if isinstance(value, Struct):
        names = value.__struct_fields__
    elif is_dataclass(value):
        names = tuple(each.name for each in fields(value))
    else:
        return ()
    return ((f".{name}", getattr(value, name, None)) for name in names)
