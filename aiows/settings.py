"""In goes what an option was given, out comes an error that says what it should be, if it is not that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from ._wire import Compression
from .errors import RegistrationError

__all__ = (
    "BYTES",
    "BYTES_OR_NO_LIMIT",
    "COMPRESSION",
    "COMPRESSION_THRESHOLD",
    "NAMES",
    "ORIGINS",
    "SECONDS_OR_NEVER",
    "Expected",
    "are",
    "is_number",
    "is_whole_number",
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What an option should be: ``fits`` decides, ``words`` say it."""

    fits: Callable[[Any], bool]
    words: str

    def check(self, name: str, value: object) -> None:
        """Raise RegistrationError if ``value`` is not what ``name`` should be."""
        if not self.fits(value):
            raise RegistrationError(f"{name} is {self.words}, not {value!r}")


def is_number(value: object) -> bool:
    """Whether it is one, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole_number(value: object) -> bool:
    """Whether it is an int, and no bool."""
    return is_number(value) and isinstance(value, int)


def are(is_one: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return what decides whether a collection has nothing but what ``is_one``."""

    def fits(value: object) -> bool:
        if isinstance(value, str) or not isinstance(value, Collection):
            return False
        return all(is_one(each) for each in cast("Iterable[object]", value))

    return fits


def _is_bytes_limit(value: Any) -> bool:
    return is_whole_number(value) and value >= 0


_are_names: Final = are(lambda each: isinstance(each, str))

BYTES: Final = Expected(
    lambda value: _is_bytes_limit(value) and value > 0, "a positive number of bytes"
)
BYTES_OR_NO_LIMIT: Final = Expected(_is_bytes_limit, "a number of bytes, or 0 for no limit")
COMPRESSION: Final = Expected(
    lambda value: isinstance(value, bool | Compression), "a member of Compression, or a bool"
)
COMPRESSION_THRESHOLD: Final = Expected(
    lambda value: value is None or _is_bytes_limit(value),
    "a number of bytes, or None for the mode's own",
)
NAMES: Final = Expected(_are_names, "a collection of names")
ORIGINS: Final = Expected(
    lambda value: value in (None, "*", "same") or callable(value) or _are_names(value),
    "'same', '*', a collection of origins, or a function",
)
SECONDS_OR_NEVER: Final = Expected(
    lambda value: is_number(value) and 0 <= value < float("inf"),
    "a number of seconds, or 0 for none",
)
