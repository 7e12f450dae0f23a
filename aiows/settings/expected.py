"""What the value of an option must be, in words and as a test."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from .._wire import Compression
from ..codecs import Codec
from ..errors import RegistrationError
from .origin import OPAQUE, SCHEMES_OF_PAGES, Origin

__all__ = (
    "BOOL",
    "BYTES",
    "BYTES_OF_KERNEL",
    "BYTES_OR_NO_LIMIT",
    "BYTES_OVER_0",
    "CODECS",
    "COMPRESSION",
    "COMPRESSION_THRESHOLD",
    "COUNT_OVER_0",
    "NAMES",
    "ORIGINS",
    "SECONDS",
    "SECONDS_OR_NEVER",
    "SECONDS_OR_NONE",
    "Expected",
    "are",
    "is_number",
    "is_whole_number",
)

# The largest size that both builds can count with.
MAX_BYTES: Final = sys.maxsize

# The largest size that a socket can be told: an int of C.
MAX_OF_KERNEL: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Expected:
    """What an option must be: ``fits`` decides, ``words`` say it."""

    fits: Callable[[Any], bool]
    words: str

    def check(self, name: str, value: object) -> None:
        """Raise RegistrationError if ``value`` is not what ``name`` must be."""
        if not self.fits(value):
            raise RegistrationError(f"{name} is {self.words}, not {value!r}")


def is_number(value: object) -> bool:
    """Whether it is a number and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole_number(value: object) -> bool:
    """Whether it is an int and no bool."""
    return is_number(value) and isinstance(value, int)


def are(is_one: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a test for collections: every element passes ``is_one``. A ``str`` is no collection."""

    def fits(value: object) -> bool:
        if isinstance(value, str) or not isinstance(value, Collection):
            return False
        return all(is_one(each) for each in cast("Iterable[object]", value))

    return fits


def _is_size(value: Any) -> bool:
    return is_whole_number(value) and 0 <= value <= MAX_BYTES


def _is_time(value: Any) -> bool:
    return is_number(value) and 0 <= value < float("inf")


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _decides(value: object) -> bool:
    # A coroutine is true: an async function would accept every page.
    if not callable(value) or inspect.iscoroutinefunction(value):
        return False
    try:
        signature = inspect.signature(value)
        signature.bind("request", "origin")
    except TypeError:
        return False
    except ValueError:
        return True  # some builtins have no signature
    # A method of the class: it is no view that it would be called with.
    return next(iter(signature.parameters)) != "self"


def _is_origin(value: object) -> bool:
    """Whether it is what a browser may send: never ``wss://``, although the page opens such a URL."""
    if not isinstance(value, str):
        return False
    try:
        return value == OPAQUE or Origin.parse(value).scheme not in SCHEMES_OF_PAGES
    except ValueError:
        return False


def _is_name(value: object) -> bool:
    """Whether it can stand in a list of names: no client could offer another."""
    if not isinstance(value, str) or "," in value:
        return False
    return bool(value) and value.isprintable() and value == value.strip()


_are_names: Final = are(_is_name)
_are_origins: Final = are(_is_origin)

BOOL: Final = Expected(_is_bool, "a bool")
BYTES: Final = Expected(_is_size, "a number of bytes")
BYTES_OVER_0: Final = Expected(
    lambda value: _is_size(value) and value > 0, "a positive number of bytes"
)
BYTES_OF_KERNEL: Final = Expected(
    lambda value: value is None or (_is_size(value) and 0 < value <= MAX_OF_KERNEL),
    "a positive number of bytes below 2 GiB, or None for the system's own",
)
BYTES_OR_NO_LIMIT: Final = Expected(_is_size, "a number of bytes, or 0 for no limit")
CODECS: Final = Expected(are(lambda each: isinstance(each, Codec)), "a sequence of codecs")
COMPRESSION: Final = Expected(
    lambda value: isinstance(value, bool | Compression), "a member of Compression, or a bool"
)
COMPRESSION_THRESHOLD: Final = Expected(
    lambda value: value is None or _is_size(value),
    "a number of bytes, or None for the mode's own",
)
COUNT_OVER_0: Final = Expected(
    lambda value: is_whole_number(value) and value > 0, "a whole number over 0"
)
NAMES: Final = Expected(_are_names, "a collection of names")
ORIGINS: Final = Expected(
    lambda value: value in (None, "*", "same") or _decides(value) or _are_origins(value),
    "'same', '*', a collection of origins, or a function that is called with (request, origin), without "
    "self; an origin is like 'https://example.com'",
)
SECONDS: Final = Expected(_is_time, "a number of seconds")
SECONDS_OR_NEVER: Final = Expected(_is_time, "a number of seconds, or 0 for none")
SECONDS_OR_NONE: Final = Expected(
    lambda value: value is None or _is_time(value), "a number of seconds, or None for none"
)
