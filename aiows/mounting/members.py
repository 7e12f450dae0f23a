"""Checks the members of a view's class: hooks that cannot be called, and names that are nearly ours."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from types import FunctionType
from typing import Any, Final

from ..errors import RegistrationError
from ..inject import refusal
from ..kinds import is_marked

__all__ = ("check_members",)

# What each hook is called with, after ``self``.
HOOKS: Final[Mapping[str, tuple[str, ...]]] = {
    "__init__": ("request",),
    "authenticate": ("request",),
    "on_open": (),
    "on_message": ("msg",),
    "on_drain": (),
    "on_dropped": ("message", "opcode"),
    "on_close": ("code", "reason"),
}
# What other libraries call them, without underscores.
SYNONYMS: Final[Mapping[str, str]] = {
    "onconnect": "on_open",
    "onconnected": "on_open",
    "ondisconnect": "on_close",
    "ondisconnected": "on_close",
    "onreceive": "on_message",
}
# How alike names are that cannot both be meant: one letter of eight is another, or is missing. Shorter
# names are too often alike by chance.
ALIKE: Final = 0.87
SHORTEST: Final = 8


def check_members(view: type, base: type, options: Collection[str]) -> None:
    """Check what ``view`` and its bases define beyond ``base``. Raises RegistrationError."""
    for owner in view.__mro__:
        if owner not in base.__mro__:
            for name, member in list(vars(owner).items()):
                _check(owner, name, member, base, options)


def _check(owner: type, name: str, member: Any, base: type, options: Collection[str]) -> None:
    if name in HOOKS:
        _check_hook(name, member)
    elif is_marked(member):
        _check_has_self(member)
    elif not name.startswith("_") and not hasattr(base, name):
        for meant in _meant(name, member, options):
            if meant not in vars(owner):
                place = f"{owner.__qualname__}.{name}"
                raise RegistrationError(f"{place} is never used; did you mean {meant!r}?")


def _check_hook(name: str, member: Any) -> None:
    arguments = HOOKS[name]
    function: Callable[..., Any] = getattr(member, "__func__", member)
    if isinstance(function, FunctionType):
        given = arguments if isinstance(member, staticmethod) else ("self", *arguments)
        try:
            inspect.signature(function).bind(*given)
        except TypeError as error:
            problem = f"{name} is called with ({', '.join(('self', *arguments))}): {error}"
            raise refusal(function, problem) from error


def _check_has_self(member: Any) -> None:
    """A handler without ``self`` would get the view as its first parameter."""
    if isinstance(member, FunctionType):
        first = next(iter(inspect.signature(member).parameters.values()), None)
        is_self = first is not None and (first.name == "self" or first.annotation is first.empty)
        if first is None or not is_self or first.name in ("ws", "websocket"):
            raise refusal(member, "a method of a view has self as its first parameter")


def _meant(name: str, member: Any, options: Collection[str]) -> Iterator[str]:
    """The name of ours that ``name`` was meant for, if it looks like that."""
    if isinstance(member, FunctionType | staticmethod | classmethod):
        ours: Collection[str] = [each for each in HOOKS if not each.startswith("_")]
    elif callable(member) or hasattr(member, "__get__"):
        return
    else:
        ours = options
    plain = name.replace("_", "").lower()
    known = {each.replace("_", ""): each for each in ours}
    if plain in SYNONYMS and SYNONYMS[plain] in ours:
        yield SYNONYMS[plain]
    elif exact := known.get(plain):
        yield exact
    elif len(plain) >= SHORTEST and (ours is options or plain.startswith(("on", "aut"))):
        yield from (known[each] for each in difflib.get_close_matches(plain, known, 1, ALIKE))
