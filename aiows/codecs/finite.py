"""Refuses NaN and the infinities, in plain values and in objects that were decoded."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import accumulate, chain, compress, count, islice, repeat
from operator import attrgetter, is_, methodcaller
from typing import Any, Final, NamedTuple

from msgspec import ValidationError

from .types import numeric_fields

__all__ = ("check_finite",)

# Neither a number that may be none, nor anything that could have one in it.
HARMLESS: Final = frozenset({int, str, bytes, bool, type(None)})

LISTS: Final = (list, tuple, set, frozenset)
NUMBERS: Final = (float, Decimal)


def check_finite(value: Any, path: str = "$") -> None:
    """Raise `msgspec.ValidationError` for NaN and the infinities, which no handler expects: JSON has neither.

    A NaN passes every check of the form ``if value > limit: raise``; a NaN that is a Decimal makes the
    comparison itself raise. Of an object those attributes are looked at whose types may hold one.

    It costs less than to decode the value: all values of one depth are looked at together, with no call for
    each of them.
    """
    levels = [_Level([value], [])]
    while values := levels[-1].values:
        kinds: set[type[Any]] = {*map(type, values)} - HARMLESS
        for kind in kinds:
            if _is_kind_of(kind, *NUMBERS) and (place := _first_bad(kind, values)) is not None:
                where = path + _path_to(levels, place)
                raise ValidationError(
                    f"Expected `finite number`, got `{values[place]}` - at `{where}`"
                )
        levels.append(_below(values, kinds))


class _Run(NamedTuple):
    """Values of one level that are the same part of values of one type, a level above."""

    start: int
    kind: type
    step_to: Callable[[list[Any], int], tuple[int, str]]
    """Return which of the values above has the part with this number, and the step from there to it."""


class _Level(NamedTuple):
    """All values at one depth, and how they were found."""

    values: list[Any]
    runs: list[_Run]


def _is_kind_of(kind: type, *bases: type[Any]) -> bool:
    return issubclass(kind, bases)


def _first_bad(kind: type, values: list[Any]) -> int | None:
    is_finite: Any = math.isfinite if _is_kind_of(kind, float) else Decimal.is_finite
    are_finite = [*map(is_finite, _of_kind(kind, values))]
    return None if all(are_finite) else _places_of(kind, values)[are_finite.index(False)]


def _of_kind(kind: type, values: list[Any]) -> list[Any]:
    return [*compress(values, _is_of_kind(kind, values))]


def _places_of(kind: type, values: list[Any]) -> list[int]:
    return [*compress(count(), _is_of_kind(kind, values))]


def _is_of_kind(kind: type, values: list[Any]) -> Iterable[bool]:
    return map(is_, map(type, values), repeat(kind))


def _below(values: list[Any], kinds: Iterable[type]) -> _Level:
    below = _Level([], [])

    def add(kind: type, parts: Iterable[Any], step_to: Callable[[list[Any], int], Any]) -> None:
        below.runs.append(_Run(len(below.values), kind, step_to))
        below.values.extend(parts)

    for kind in kinds:
        if _is_kind_of(kind, *NUMBERS):
            continue
        owners = _of_kind(kind, values)
        if _is_kind_of(kind, dict):
            add(kind, chain.from_iterable(owners), _to_key)
            add(kind, chain.from_iterable(map(_values_of, owners)), _to_value)
        elif _is_kind_of(kind, *LISTS):
            add(kind, chain.from_iterable(owners), _to_item)
        else:
            for name, step in numeric_fields(kind):
                add(kind, map(attrgetter(name), owners), _to_field(step))
    return below


_values_of: Final[Callable[[Any], Iterable[Any]]] = methodcaller("values")


def _path_to(levels: list[_Level], place: int) -> str:
    """Return the path to the value at ``place`` of the last level."""
    steps: list[str] = []
    for above, level in zip(reversed(levels[:-1]), reversed(levels), strict=False):
        run = level.runs[bisect_right(level.runs, place, key=attrgetter("start")) - 1]
        which, step = run.step_to(_of_kind(run.kind, above.values), place - run.start)
        steps.append(step)
        place = _places_of(run.kind, above.values)[which]
    return "".join(reversed(steps))


def _to_item(owners: list[Any], number: int) -> tuple[int, str]:
    which, index = _owner_of(owners, number)
    return which, f"[{index}]"


def _to_value(owners: list[Any], number: int) -> tuple[int, str]:
    which, index = _owner_of(owners, number)
    keys: Iterable[Any] = owners[which]
    return which, f".{next(islice(keys, index, None))}"


def _to_key(owners: list[Any], number: int) -> tuple[int, str]:
    return _owner_of(owners, number)[0], ""


def _owner_of(owners: list[Any], number: int) -> tuple[int, int]:
    """Return which of the containers has the item with this number among all of theirs, and where in it."""
    ends = list(accumulate(map(len, owners)))
    which = bisect_right(ends, number)
    return which, number - (ends[which - 1] if which else 0)


def _to_field(step: str) -> Callable[[list[Any], int], tuple[int, str]]:
    return lambda owners, number: (number, step)
