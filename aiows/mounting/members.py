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
from ..settings import CALLBACK_OPTIONS, RESPONSE_OPTIONS

__all__ = ("FALLBACK", "check_members")

# What each hook is called with, after ``self``.
HOOKS: Final[Mapping[str, tuple[str, ...]]] = {
    "__init__": ("request",),
    "authenticate": ("request",),
    "on_open": (),
    "on_message": ("msg",),
    "on_drain": (),
    "on_dropped": ("message", "opcode"),
    "on_close": ("code", "reason"),
    "may_subscribe": ("topic",),
}
# The handler of unknown kinds, whose parameters are read as those of any handler.
FALLBACK: Final = "on_unknown_kind"
NAMES: Final = (*(each for each in HOOKS if not each.startswith("_")), FALLBACK)

# What other libraries call them, without underscores.
SYNONYMS: Final[Mapping[str, str]] = {
    "onconnect": "on_open",
    "onconnected": "on_open",
    "ondisconnect": "on_close",
    "ondisconnected": "on_close",
    "onreceive": "on_message",
    "onopened": "on_open",
}
# What they might be called, but so might a method of the application: it is only meant if it can be called
# as the hook is.
SHORT_FORMS: Final[Mapping[str, str]] = {
    "auth": "authenticate",
    "cansubscribe": "may_subscribe",
    "ondrop": "on_dropped",
    "onunknown": FALLBACK,
}
# What other endpoints, here and in aiohttp, call an option of views.
OTHER_NAMES: Final[Mapping[str, str]] = {
    **{option: name for option, name in CALLBACK_OPTIONS.names.items() if option != name},
    "heartbeat": "idle_timeout",
    "max_message_size": "max_msg_size",
    "receive_timeout": "idle_timeout",
    "timeout": "kind_timeout",
    "writer_limit": "max_backpressure",
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
        _check_hook(owner, name, member)
    elif is_marked(member):
        _check_has_self(member)
    elif not name.startswith("_") and not hasattr(base, name):
        _check_is_used(owner, name, member, options)


def _check_hook(owner: type, name: str, member: Any) -> None:
    function: Any = getattr(member, "__func__", member)
    if not callable(function) and not hasattr(member, "__get__"):
        raise RegistrationError(f"{owner.__qualname__}.{name} is a method, not {member!r}")
    if is_marked(member):
        raise refusal(function, f"{name} is a hook: the handler of a kind has another name")
    if isinstance(function, FunctionType):
        arguments = HOOKS[name]
        try:
            _bind(member, function, arguments)
        except TypeError as error:
            problem = f"{name} is called with ({', '.join(('self', *arguments))}): {error}"
            raise refusal(function, problem) from error
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise refusal(
                function, f"{name} is called once: with a yield in it, it would never run"
            )


def _bind(member: Any, function: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    """Raise TypeError if the function of ``member`` cannot be called with ``arguments``."""
    given = arguments if isinstance(member, staticmethod) else ("self", *arguments)
    inspect.signature(function).bind(*given)


def _check_has_self(member: Any) -> None:
    """A handler without ``self`` would get the view as its first parameter."""
    if isinstance(member, FunctionType):
        first = next(iter(inspect.signature(member).parameters.values()), None)
        is_self = first is not None and (first.name == "self" or first.annotation is first.empty)
        if first is None or not is_self or first.name in ("ws", "websocket"):
            raise refusal(member, "a method of a view has self as its first parameter")


def _check_is_used(owner: type, name: str, member: Any, options: Collection[str]) -> None:
    """Refuse what looks as if it was meant for one of ours."""
    place = f"{owner.__qualname__}.{name}"
    if isinstance(member, FunctionType | staticmethod | classmethod):
        meant = [*_meant_hook(name), *_meant_in_short(name, member)]
    elif callable(member) or hasattr(member, "__get__"):
        return
    elif name in RESPONSE_OPTIONS.names and name not in OTHER_NAMES:
        raise RegistrationError(
            f"{place} is never used: it is an option of WebSocketResponse alone"
        )
    else:
        meant = [*_meant_option(name, options)]
    for each in meant:
        if each not in vars(owner):
            raise RegistrationError(f"{place} is never used; did you mean {each!r}?")


def _meant_hook(name: str) -> Iterator[str]:
    """The hook that ``name`` was meant for, if it looks like that."""
    plain = _plain(name)
    known = {_plain(each): each for each in NAMES}
    if plain in SYNONYMS:
        yield SYNONYMS[plain]
    elif exact := known.get(plain):
        yield exact
    elif len(plain) >= SHORTEST:
        if plain.startswith(("on", "aut", "may")):
            yield from (known[each] for each in difflib.get_close_matches(plain, known, 1, ALIKE))
    else:
        yield from (hook for each, hook in known.items() if plain in SLIPS.get(each, ()))


def _meant_in_short(name: str, member: Any) -> Iterator[str]:
    meant = SHORT_FORMS.get(_plain(name))
    if meant is not None:
        try:
            _bind(member, getattr(member, "__func__", member), HOOKS.get(meant, ("kind", "fields")))
        except TypeError:
            return
        yield meant


def _meant_option(name: str, options: Collection[str]) -> Iterator[str]:
    """The option that ``name`` was meant for, if it looks like that."""
    plain = _plain(name)
    known = {_plain(each): each for each in options}
    if name in OTHER_NAMES:
        yield OTHER_NAMES[name]
    elif exact := known.get(plain) or known.get(plain + "s"):
        yield exact
    elif len(plain) >= SHORTEST:
        yield from (known[each] for each in difflib.get_close_matches(plain, known, 1, ALIKE))


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _slips_of(hook: str) -> Iterator[str]:
    """What fingers make of a short name; its first letter is always hit: ``on_lose`` is no ``on_close``."""
    for at in range(len("on") + 1, len(hook)):
        head, letter, rest = hook[:at], hook[at], hook[at + 1 :]
        yield head + rest
        yield head + letter + letter + rest
        yield head[:-1] + letter + head[-1] + rest


SLIPS: Final[Mapping[str, frozenset[str]]] = {
    plain: frozenset(_slips_of(plain)) - {plain}
    for plain in map(_plain, NAMES)
    if plain.startswith("on") and len(plain) <= SHORTEST
}
