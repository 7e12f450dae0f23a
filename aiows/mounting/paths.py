"""`check_path`: a path in the pattern language of another system is an error that shows aiohttp's form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Final

from ..errors import RegistrationError

__all__ = ("check_path",)

# A parameter as aiohttp has it; a quantifier in its expression has braces, too.
PARAMETER: Final = re.compile(r"(\{[_a-zA-Z][^{}]*(?:\{[^{}]*\}[^{}]*)*\})")

# What stands for a parameter elsewhere: ``/:name``, ``<name>`` and ``<int:name>``, and any part: ``*``.
NAMED: Final = re.compile(r"(?<=/):(\w+)|<(?:\w+:)?(\w+)>")
ANY: Final = re.compile(r"\*+")
REST: Final = re.compile(r"/\*+$|(?<=/)<path:(\w+)>$")
# The name of a converter, which aiohttp reads as a regular expression.
CONVERTED: Final = re.compile(r"\{(\w+):(?:int|float|str|string|uuid)\}")
CONVERTED_REST: Final = re.compile(r"\{(\w+):path\}")


def check_path(path: str, pattern: str | None = None) -> None:
    """Raise RegistrationError if a parameter in ``path`` is written in another way than aiohttp's.

    aiohttp would take it literally, and nobody would ever find the route. ``pattern`` is what aiohttp is
    given for it (None: the same).
    """
    meant = _as_aiohttp_writes(path)
    if meant != (path if pattern is None else pattern):
        problem = f"aiohttp would take it literally; what it reads is {meant!r}"
        raise RegistrationError(f"the route {path!r}: {problem}")


def _as_aiohttp_writes(path: str) -> str:
    names = (f"part{number}" for number in count(1))
    pieces = PARAMETER.split(REST.sub(lambda found: _rest(found[1]), path))
    pieces[0::2] = [_text(each, names) for each in pieces[0::2]]
    pieces[1::2] = [_parameter(each) for each in pieces[1::2]]
    return "".join(pieces)


def _text(text: str, names: Iterator[str]) -> str:
    """What is between two parameters of aiohttp's: there may be others'."""
    named = NAMED.sub(lambda found: f"{{{found[1] or found[2]}}}", text)
    return ANY.sub(lambda _: f"{{{next(names)}}}", named)


def _parameter(text: str) -> str:
    return CONVERTED_REST.sub(r"{\1:.*}", CONVERTED.sub(r"{\1}", text))


def _rest(name: str | None) -> str:
    """Everything that follows."""
    return f"{{{name}:.*}}" if name else "/{tail:.*}"
